"""Fitted oracles as bytes and back."""

from __future__ import annotations

import math
from dataclasses import asdict

import torch

from workers.oracles.config import OracleConfig
from workers.oracles.fit import FittedOracles
from workers.oracles.model import Oracles
from workers.oracles.target import Column
from workers.training.checkpoints import from_bytes, load_into, to_bytes
from workers.training.loop import History

_FORMAT = "scotoma.oracles.1"


def save(fitted: FittedOracles) -> bytes:
    """Safetensors with a JSON header; the same fit gives the same bytes."""
    history = asdict(fitted.history)
    header = {
        "format": _FORMAT,
        "shape": list(fitted.model.shape),
        "columns": [asdict(column) for column in fitted.model.columns],
        "config": asdict(fitted.config),
        "quality": fitted.quality,
        # JSON has no nan, which stands for "no loss before the first step".
        "history": history | {"train": [None if math.isnan(loss) else loss for loss in history["train"]]},
    }
    return to_bytes(fitted.model.state_dict(), header)


def load(data: bytes, device: str | torch.device = "cpu") -> FittedOracles:
    """Inverse of :func:`save`; reads bit for bit as before.

    Raises:
        CheckpointError: the bytes are damaged or do not fit the model.
        ValueError: they hold something else than oracles.
    """
    header, state = from_bytes(data)
    if header.get("format") != _FORMAT:
        raise ValueError(f"expected {_FORMAT}, found {header.get('format')!r}")
    config = OracleConfig(**header["config"])
    channels, height, width = header["shape"]
    model = Oracles((channels, height, width), tuple(Column(**column) for column in header["columns"]), config)
    load_into(model, state)
    losses = [math.nan if loss is None else loss for loss in header["history"]["train"]]
    history = History(**header["history"] | {"train": losses})
    return FittedOracles(model.to(device).eval(), config, header["quality"], history)
