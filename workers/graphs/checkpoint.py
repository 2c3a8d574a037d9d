"""A fitted graph VAE as bytes and back."""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from typing import Any

import torch

from workers.graphs.codec import GraphCodec, Units
from workers.graphs.config import GraphVaeConfig
from workers.graphs.fit import FittedGraphVae, Quality
from workers.graphs.vae import GraphVae
from workers.graphs.vocabulary import Group, Vocabulary
from workers.training.checkpoints import CheckpointError, from_bytes, load_into, to_bytes
from workers.training.loop import History

FORMAT = "scotoma.graph_vae.1"
_UNITS = "units."


def save(fitted: FittedGraphVae) -> bytes:
    """Safetensors with a JSON header; the same fit gives the same bytes."""
    header = {
        "format": FORMAT,
        "vocabulary": asdict(fitted.codec.model.vocabulary),
        "config": fitted.config.as_header(),
        "history": _history_to_json(fitted.history),
        "quality": asdict(fitted.quality),
        "noise_share": list(fitted.noise_share),
        "kl": fitted.kl,
    }
    units = {_UNITS + field.name: getattr(fitted.codec.units, field.name) for field in fields(Units)}
    return to_bytes({**fitted.codec.model.state_dict(), **units}, header)


def load(data: bytes, device: str | torch.device = "cpu") -> FittedGraphVae:
    """Inverse of :func:`save`; encodes and decodes bit for bit as before.

    Raises:
        CheckpointError: the bytes are damaged or do not fit the model.
        ValueError: they hold something else than a graph VAE.
    """
    header, state = from_bytes(data)
    if header.get("format") != FORMAT:
        raise ValueError(f"expected {FORMAT}, found {header.get('format')!r}")
    config = GraphVaeConfig(**header["config"])
    model = GraphVae(_vocabulary(header["vocabulary"]), config)
    try:
        units = Units(**{field.name: state.pop(_UNITS + field.name) for field in fields(Units)})
    except KeyError as missing:
        raise CheckpointError(f"leaf {missing} is missing from the checkpoint") from missing
    load_into(model, state)
    history = History(**header["history"] | {"train": [_number(loss) for loss in header["history"]["train"]]})
    return FittedGraphVae(
        GraphCodec(model.to(device).eval(), units), config, history, Quality(**header["quality"]),
        tuple(header["noise_share"]), header["kl"],
    )  # fmt: skip


def _vocabulary(found: dict[str, Any]) -> Vocabulary:
    nodes, edges = (Group(**found[side] | {"used": tuple(found[side]["used"])}) for side in ("nodes", "edges"))
    return Vocabulary(found["size"], found["channels"], nodes, edges, found["whole"])


def _history_to_json(history: History) -> dict[str, Any]:
    """JSON has no nan, which stands for "no loss before the first step"."""
    return asdict(history) | {"train": [None if math.isnan(loss) else loss for loss in history.train]}


def _number(loss: float | None) -> float:
    return math.nan if loss is None else loss
