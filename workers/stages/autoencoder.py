"""Stage ``autoencoder``: learn the images. Depends on the dataset alone, so every audit of it shares the result."""

from __future__ import annotations

from typing import Literal

import torch

from workers.autoencoder import AutoencoderConfig, encode_images, fit_autoencoder, save
from workers.stages.references import load_references
from workers.stages.stage import Produced, StageContext, pack

EFFORT: dict[str, Literal["quick", "standard", "thorough"]] = {
    "quick": "quick",
    "standard": "standard",
    "full": "thorough",
}


def run(context: StageContext) -> Produced:
    """The autoencoder, and the posterior of every reference image: ``means`` and ``stds`` ``(n, d)``, standardised.

    Raises:
        TrainingDiverged: the loss is no longer finite.
    """
    images = load_references(context).images
    height, width, channels = images.shape[1:]
    config = AutoencoderConfig.for_images(height, width, channels, EFFORT[context.budget.name])
    fitted = fit_autoencoder(images, config, context.generator(), context.report, context.device)
    means, stds = encode_images(fitted.model, images)
    codes = pack({"means": means.numpy(), "stds": stds.numpy()})
    summary = {
        "held_out_mse": fitted.held_out_mse,
        "code_dim": fitted.model.code_dim,
        "noise_share": float(torch.tensor(fitted.noise_share).mean()),
    }
    return Produced({"model": save(fitted), "codes": codes}, summary)
