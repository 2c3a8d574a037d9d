"""Stage ``autoencoder``: learn the images, or the graphs.

Depends on the dataset alone, so every audit of it shares the result. Where the user brought an encoder and a decoder of
images, nothing is learnt: their files are put into the same form, and the same gates judge them.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.autoencoders import AutoencoderFacts
from schemas.problems import ErrorCode
from workers.autoencoder import AutoencoderConfig, Codec, NetworkCodec, fit_autoencoder, save
from workers.errors import StageError
from workers.graphs.checkpoint import save as save_graph_vae
from workers.graphs.config import GraphVaeConfig
from workers.graphs.fit import fit_graph_vae
from workers.graphs.packing import is_graph
from workers.stages.onnx_codec import fit_units, save_pair
from workers.stages.references import load_references
from workers.stages.stage import Produced, StageContext, pack

EFFORT: dict[str, Literal["quick", "standard", "thorough"]] = {
    "quick": "quick",
    "standard": "standard",
    "full": "thorough",
}
MEASURED = 1024


def run(context: StageContext) -> Produced:
    """``model``, for :func:`workers.stages.codec.open_codec`; ``codes``: ``means`` and ``stds`` ``(n, d)`` of every
    reference image, standardised.

    Raises:
        TrainingDiverged: the loss is no longer finite.
        StageError: the user's own files do not fit these images.
    """
    images = load_references(context).images
    if is_graph(images):
        return _fitted_graphs(context, images)
    return _own(context, images) if "own" in context.config else _fitted(context, images)


def _fitted(context: StageContext, images: NDArray[np.uint8]) -> Produced:
    height, width, channels = images.shape[1:]
    config = AutoencoderConfig.for_images(height, width, channels, EFFORT[context.budget.name])
    fitted = fit_autoencoder(images, config, context.generator(), context.report, context.device)
    summary = {
        "held_out_mse": fitted.held_out_mse,
        "code_dim": fitted.model.code_dim,
        "noise_share": float(torch.tensor(fitted.noise_share).mean()),
    }
    return Produced({"model": save(fitted), "codes": _codes(NetworkCodec(fitted.model), images)}, summary)


def _fitted_graphs(context: StageContext, graphs: NDArray[np.uint8]) -> Produced:
    config = GraphVaeConfig.for_graphs(graphs.shape[1], EFFORT[context.budget.name])
    fitted = fit_graph_vae(graphs, config, context.generator(), context.report, context.device)
    summary = {
        "held_out_exact": fitted.quality.exact,
        "held_out_nodes": fitted.quality.nodes,
        "held_out_edges": fitted.quality.edges,
        "code_dim": len(fitted.noise_share),
        "noise_share": float(np.mean(fitted.noise_share)),
    }
    return Produced({"model": save_graph_vae(fitted), "codes": _codes(fitted.codec, graphs)}, summary)


def _own(context: StageContext, images: NDArray[np.uint8]) -> Produced:
    facts = AutoencoderFacts.model_validate(context.config["own"]["facts"])
    low, high = context.config["own"]["value_range"]
    _check_shape(facts, images.shape[1:])
    context.report(0.1, "encoding the references")
    files = context.blob("encoder"), context.blob("decoder")
    codec, units = fit_units(*files, (low, high), images)
    shown = images[:MEASURED]
    error = (codec.decode(codec.encode(shown)[0]) / 255.0 - shown / 255.0) ** 2
    summary = {"mse": float(error.mean()), "code_dim": len(units.kept), "given_dim": facts.code_dim}
    return Produced({"model": save_pair(*files, (low, high), units), "codes": _codes(codec, images)}, summary)


def _codes(codec: Codec, images: NDArray[np.uint8]) -> bytes:
    means, stds = codec.encode(images)
    return pack({"means": means.numpy(), "stds": stds.numpy()})


def _check_shape(facts: AutoencoderFacts, shape: tuple[int, ...]) -> None:
    own = (facts.height, facts.width, facts.channels)
    if own != shape:
        raise StageError(
            ErrorCode.CLASSIFIER_DATASET_MISMATCH,
            f"the autoencoder draws images of {own}, the references have {shape} (height, width, channels)",
            "Bring an autoencoder for images of the references' size.",
        )
