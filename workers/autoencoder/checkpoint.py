"""A fitted autoencoder as bytes and back."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import torch

from workers.autoencoder.config import AutoencoderConfig
from workers.autoencoder.fit import FittedAutoencoder
from workers.autoencoder.model import Autoencoder
from workers.training.checkpoints import from_bytes, load_into, to_bytes
from workers.training.loop import History

_FORMAT = "scotoma.autoencoder.1"


def save(fitted: FittedAutoencoder) -> bytes:
    """Safetensors with a JSON header; the same fit gives the same bytes."""
    header = {
        "format": _FORMAT,
        "shape": list(fitted.model.shape),
        "config": asdict(fitted.config),
        "history": _history_to_json(fitted.history),
        "held_out_mse": fitted.held_out_mse,
        "noise_share": list(fitted.noise_share),
        "kl": fitted.kl,
    }
    return to_bytes(fitted.model.state_dict(), header)


def load(data: bytes, device: str | torch.device = "cpu") -> FittedAutoencoder:
    """Inverse of :func:`save`; encodes and decodes bit for bit as before.

    Raises:
        CheckpointError: the bytes are damaged or do not fit the model.
        ValueError: they hold something else than an autoencoder.
    """
    header, state = from_bytes(data)
    if header.get("format") != _FORMAT:
        raise ValueError(f"expected {_FORMAT}, found {header.get('format')!r}")
    config = AutoencoderConfig(**header["config"])
    channels, height, width = header["shape"]
    model = Autoencoder((channels, height, width), config)
    model.kept = state["kept"]
    load_into(model, state)
    return FittedAutoencoder(
        model.to(device).eval(),
        config,
        _history_from_json(header["history"]),
        header["held_out_mse"],
        tuple(header["noise_share"]),
        header["kl"],
    )


def _history_to_json(history: History) -> dict[str, Any]:
    """JSON has no nan, which stands for "no loss before the first step"."""
    return asdict(history) | {"train": [None if math.isnan(loss) else loss for loss in history.train]}


def _history_from_json(found: dict[str, Any]) -> History:
    return History(**found | {"train": [math.nan if loss is None else loss for loss in found["train"]]})
