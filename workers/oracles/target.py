"""What an oracle reads: one attribute column, and how its values become numbers that a network can predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Kind = Literal["numeric", "categorical", "circular"]


@dataclass(frozen=True)
class OracleTarget:
    """One attribute of the images.

    Attributes:
        name: of the column.
        kind: numeric, categorical (integers ``0..n_categories-1``) or circular.
        values: ``(n,)``, one per image, finite.
        period: of a circular attribute, in its own units.
        n_categories: of a categorical attribute; 0 counts them from the values.
    """

    name: str
    kind: Kind
    values: np.ndarray
    period: float = 1.0
    n_categories: int = 0


@dataclass(frozen=True)
class Column:
    """The numbers that describe a target once its values are gone; enough to read it.

    Attributes:
        outputs: network outputs that belong to it.
        location: mean of a numeric attribute over the training images.
        scale: its standard deviation there.
    """

    name: str
    kind: Kind
    outputs: int
    period: float = 1.0
    location: float = 0.0
    scale: float = 1.0


def describe(target: OracleTarget) -> Column:
    """The column of ``target``.

    Raises:
        ValueError: values are not finite, not one-dimensional, or no category numbers; the message names the column.
    """
    values = np.asarray(target.values)
    if values.ndim != 1 or not np.isfinite(values.astype(np.float64)).all():
        raise ValueError(f"attribute {target.name!r} must be finite and one-dimensional, got shape {values.shape}")
    if target.kind == "categorical":
        return Column(target.name, target.kind, _categories(target, values))
    if target.kind == "circular":
        if not target.period > 0:
            raise ValueError(f"attribute {target.name!r} needs a positive period, got {target.period}")
        return Column(target.name, target.kind, 2, target.period)
    scale = float(values.std()) or 1.0
    return Column(target.name, target.kind, 1, location=float(values.mean()), scale=scale)


def to_numbers(column: Column, values: np.ndarray) -> Tensor:
    """What the outputs of ``column`` should be, ``(n, outputs)`` float32.

    Numeric values standardised, circular ones as (cos, sin), categories one-hot.
    """
    if column.kind == "categorical":
        return torch.eye(column.outputs)[torch.from_numpy(np.asarray(values).astype(np.int64))]
    numbers = torch.from_numpy(np.asarray(values, dtype=np.float64))
    if column.kind == "circular":
        angle = 2 * torch.pi * numbers / column.period
        return torch.stack([angle.cos(), angle.sin()], dim=1).float()
    return ((numbers - column.location) / column.scale).float().unsqueeze(1)


def _categories(target: OracleTarget, values: np.ndarray) -> int:
    count = target.n_categories or int(values.max(initial=0)) + 1
    if (values != values.astype(np.int64)).any() or values.min(initial=0) < 0 or values.max(initial=0) >= count:
        raise ValueError(f"attribute {target.name!r} must hold integers 0..{count - 1}")
    return max(count, 2)
