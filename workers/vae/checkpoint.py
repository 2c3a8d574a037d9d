"""A fitted supervised VAE as bytes and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict

import torch
from torch import Tensor

from workers.training.checkpoints import from_bytes, load_into, to_bytes
from workers.training.loop import History
from workers.vae.config import VaeConfig
from workers.vae.fit import FittedVae
from workers.vae.leakage import Leakage
from workers.vae.model import SupervisedVae
from workers.vae.nuisance import NuisancePosterior

_FORMAT = "scotoma.vae.1"
_MODEL, _NUISANCE = "model.", "nuisance."
_MEASURED = ("fidelity", "explained", "active_task", "active_nuisance")


def save(fitted: FittedVae) -> bytes:
    """Safetensors with a JSON header; the same fit gives the same bytes."""
    history = asdict(fitted.history)
    header = {name: getattr(fitted, name) for name in _MEASURED} | {
        "format": _FORMAT,
        "code_dim": fitted.model.code_dim,
        "classes": fitted.model.classes,
        "config": asdict(fitted.config),
        "leakage": asdict(fitted.leakage),
        # JSON has no nan, which stands for "no loss before the first step".
        "history": history | {"train": [None if math.isnan(loss) else loss for loss in history["train"]]},
    }
    model = {_MODEL + name: leaf for name, leaf in fitted.model.state_dict().items()}
    return to_bytes(model | {_NUISANCE + name: leaf for name, leaf in fitted.nuisance.state_dict().items()}, header)


def load(data: bytes, device: str | torch.device = "cpu") -> FittedVae:
    """Inverse of :func:`save`; encodes, decodes and samples bit for bit as before.

    Raises:
        CheckpointError: the bytes are damaged or do not fit the model.
        ValueError: they hold something else than a supervised VAE.
    """
    header, state = from_bytes(data)
    if header.get("format") != _FORMAT:
        raise ValueError(f"expected {_FORMAT}, found {header.get('format')!r}")
    config = VaeConfig(**header["config"])
    model = SupervisedVae(header["code_dim"], header["classes"], config)
    load_into(model, _below(state, _MODEL))
    losses = [math.nan if loss is None else loss for loss in header["history"]["train"]]
    return FittedVae(
        model.to(device).eval(),
        NuisancePosterior(**_below(state, _NUISANCE)).to(device),
        config,
        History(**header["history"] | {"train": losses}),
        leakage=Leakage(**header["leakage"]),
        **{name: header[name] for name in _MEASURED},
    )


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): leaf for name, leaf in state.items() if name.startswith(prefix)}
