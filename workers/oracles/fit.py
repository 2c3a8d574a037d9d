"""Train all oracles at once on real labelled images, and judge them on images that they have not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workers.graphs.packing import is_graph
from workers.oracles.config import OracleConfig
from workers.oracles.model import Oracles
from workers.oracles.quality import share_explained
from workers.oracles.softening import soften
from workers.oracles.target import Column, OracleTarget, describe, to_numbers
from workers.training.loop import FitConfig, History, Progress, fit
from workers.training.randomness import seeded_by

_EVALUATIONS = 5
_FEWEST = 8
_CHUNK = 512


@dataclass(frozen=True)
class FittedOracles:
    """Trained oracles and how well they read.

    Attributes:
        model: in eval mode; ``model.read(images)``.
        config: as given.
        quality: by column, share of the attribute's variance explained on held-out images: the ceiling of what any
            estimate through this oracle can show.
        history: training and held-out loss.
    """

    model: Oracles
    config: OracleConfig
    quality: dict[str, float]
    history: History

    def read(self, images: Tensor | np.ndarray) -> dict[str, np.ndarray]:
        """As :meth:`Oracles.read`."""
        return self.model.read(images)


@dataclass(frozen=True)
class _Labelled:
    images: np.ndarray
    numbers: dict[str, Tensor]

    def rows(self, rows: Tensor) -> _Labelled:
        return _Labelled(self.images[rows.numpy()], {name: column[rows] for name, column in self.numbers.items()})

    def floats(self, device: str | torch.device) -> Tensor:
        moved = torch.from_numpy(np.ascontiguousarray(self.images)).to(device)
        return (moved.permute(0, 3, 1, 2).float() / 255).contiguous()


_Batch = tuple[Tensor, dict[str, Tensor]]


def fit_oracles(
    images: np.ndarray,
    columns: Sequence[OracleTarget],
    config: OracleConfig,
    generator: torch.Generator,
    on_progress: Progress | None = None,
    device: str | torch.device = "cpu",
) -> FittedOracles:
    """Fit one shared trunk with a head per column.

    Args:
        images: ``(n, h, w, c)`` uint8; packed graphs where ``c`` is neither 1 nor 3.
        columns: attributes, at least one; give the labels as one more categorical column.
        config: sizes and training.
        generator: on the CPU; decides the split, the initialisation and every draw.
        on_progress: gets the share done, 0..1, and a few words; what it raises ends the fit.
        device: where to train.

    Raises:
        ValueError: shapes or dtypes do not fit; the message names the column.
        TrainingDiverged: the loss is no longer finite.
    """
    _require(images, columns)
    described = tuple(describe(target) for target in columns)
    everything = _Labelled(images, {c.name: to_numbers(c, t.values) for c, t in zip(described, columns, strict=True)})
    train, held_out = _split(everything, config.held_out, generator)
    model = _new_model(images.shape, described, config, generator, device)
    history = fit(
        model,
        lambda batch: _loss(model, batch, config),
        _sampler(train, config, device),
        _loop_config(config),
        generator,
        held_out=lambda: _held_out_loss(model, held_out),
        on_step=on_progress,
    )
    return FittedOracles(model, config, _quality(model, held_out), history)


def column_loss(column: Column, outputs: Tensor, numbers: Tensor) -> Tensor:
    """Cross entropy for categories, mean squared error otherwise; scalar, about 1 for a constant guess."""
    if column.kind == "categorical":
        return functional.cross_entropy(outputs, numbers) / math.log(column.outputs)
    return (outputs - numbers).square().sum(dim=1).mean()


def _loss(model: Oracles, batch: _Batch, config: OracleConfig) -> Tensor:
    images, numbers = batch
    with _autocast(config, images.device):
        outputs = model(images)
    return torch.stack([column_loss(c, outputs[c.name], numbers[c.name]) for c in model.columns]).sum()


def _sampler(train: _Labelled, config: OracleConfig, device: str | torch.device) -> Callable[[torch.Generator], _Batch]:
    blurs = not is_graph(train.images)  # what a decoder of graphs draws is as sharp as what it was shown

    def draw(generator: torch.Generator) -> _Batch:
        chosen = train.rows(torch.randint(len(train.images), (config.batch,), generator=generator))
        images = chosen.floats(device)
        if blurs and torch.rand((), generator=generator) < config.soften:
            images = soften(images, generator)
        return images, {name: column.to(device) for name, column in chosen.numbers.items()}

    return draw


@torch.no_grad()
def _outputs(model: Oracles, data: _Labelled) -> dict[str, Tensor]:
    device = model.head.weight.device
    rows = torch.split(torch.arange(len(data.images)), _CHUNK)
    chunks = [model(data.rows(part).floats(device)) for part in rows]
    return {column.name: torch.cat([chunk[column.name] for chunk in chunks]).cpu() for column in model.columns}


def _held_out_loss(model: Oracles, data: _Labelled) -> float:
    outputs = _outputs(model, data)
    return sum(float(column_loss(c, outputs[c.name], data.numbers[c.name])) for c in model.columns)


def _quality(model: Oracles, data: _Labelled) -> dict[str, float]:
    outputs = _outputs(model, data)
    return {c.name: share_explained(c, outputs[c.name], data.numbers[c.name]) for c in model.columns}


def _split(data: _Labelled, share: float, generator: torch.Generator) -> tuple[_Labelled, _Labelled]:
    order = torch.randperm(len(data.images), generator=generator)
    count = min(len(order) - 2, max(2, round(share * len(order))))
    return data.rows(order[count:]), data.rows(order[:count])


def _new_model(
    shape: tuple[int, ...],
    columns: tuple[Column, ...],
    config: OracleConfig,
    generator: torch.Generator,
    device: str | torch.device,
) -> Oracles:
    _, height, width, channels = shape
    with seeded_by(generator):
        return Oracles((channels, height, width), columns, config).to(device)


def _loop_config(config: OracleConfig) -> FitConfig:
    base = FitConfig(config.steps, config.learning_rate, config.weight_decay)
    return replace(base, evaluate_every=max(1, config.steps // _EVALUATIONS))


def _autocast(config: OracleConfig, device: torch.device) -> AbstractContextManager[object]:
    fast = device.type == "cuda" or bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=config.half and fast)


def _require(images: np.ndarray, columns: Sequence[OracleTarget]) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) < _FEWEST:
        raise ValueError(f"images must be uint8 (n >= {_FEWEST}, h, w, c), got {images.dtype} {images.shape}")
    if not columns or len({column.name for column in columns}) != len(columns):
        raise ValueError("need at least one column, each with its own name")
    for column in columns:
        if len(column.values) != len(images):
            raise ValueError(f"attribute {column.name!r} has {len(column.values)} values for {len(images)} images")
