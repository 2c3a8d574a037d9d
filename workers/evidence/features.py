"""Feature columns and their encodings: real vectors whose variance is what retention is a share of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .pixels import Floats

Kind = Literal["numeric", "categorical", "circular", "vector"]
Centre = float | NDArray[np.float64]


@dataclass(frozen=True)
class FeatureColumn:
    """One feature over the reference images.

    ``values`` ``(n,)``: numbers, class indices ``0..n_categories - 1``, or points on a circle of ``period``; of a
    vector ``(n, k)``. NaN where an image has none.

    Raises:
        ValueError: the values are not one number (or vector) per image, a circular column lacks a period, or a class is
            unknown.
    """

    name: str
    kind: Kind
    values: NDArray[np.float64]
    period: float | None = None
    n_categories: int | None = None

    def __post_init__(self) -> None:
        axes = 2 if self.kind == "vector" else 1
        if self.values.ndim != axes or 0 in self.values.shape[1:]:
            raise ValueError(f"{self.name}: values must have {axes} axes, none empty, got {self.values.shape}")
        if self.kind == "circular" and not (self.period and self.period > 0):
            raise ValueError(f"{self.name}: a circular feature needs a positive period")
        if self.kind == "categorical":
            known = self.values[np.isfinite(self.values)]
            if not self.n_categories or np.any((known < 0) | (known >= self.n_categories) | (known % 1 != 0)):
                raise ValueError(f"{self.name}: classes must be integers in 0..n_categories - 1")

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which images have a value, ``(n,)``."""
        return np.asarray(np.isfinite(self.values).all(axis=tuple(range(1, self.values.ndim))))


@dataclass(frozen=True)
class Encoding:
    """How values become vectors: standardised, (cos, sin), or one-hot. Fitted once, used for readings too.

    A vector has one ``scale`` for all its numbers, so that a number that hardly varies does not gain weight.
    """

    kind: Kind
    width: int
    centre: Centre = 0.0
    scale: float = 1.0

    def encode(self, values: Floats) -> NDArray[np.float64]:
        """Encode values of any shape: ``(...) -> (..., width)``, vectors ``(..., width) -> (..., width)``.

        NaN stays NaN in every column.
        """
        numbers = np.asarray(values, dtype=np.float64)
        if self.kind == "vector":
            return np.where(np.isfinite(numbers).all(-1, keepdims=True), (numbers - self.centre) / self.scale, np.nan)
        if self.kind == "numeric":
            return ((numbers - self.centre) / self.scale)[..., None]
        if self.kind == "circular":
            angle = 2 * np.pi * numbers / self.scale
            return np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        one_hot = (numbers[..., None] == np.arange(self.width)).astype(np.float64)
        return np.where(np.isfinite(numbers)[..., None], one_hot, np.nan)


def fit_encoding(column: FeatureColumn) -> Encoding:
    """The encoding of ``column``; numbers and vectors are standardised by their own known values.

    Raises:
        ValueError: no value is known.
    """
    known = column.values[column.known]
    if not len(known):
        raise ValueError(f"{column.name}: no image has a value")
    if column.kind == "numeric":
        deviation = float(known.std())
        return Encoding("numeric", 1, float(known.mean()), deviation if deviation > 0 else 1.0)
    if column.kind == "circular":
        return Encoding("circular", 2, scale=float(column.period or 1.0))
    if column.kind == "vector":
        deviation = float(np.sqrt(known.var(axis=0).mean()))
        return Encoding("vector", known.shape[1], known.mean(axis=0), deviation if deviation > 0 else 1.0)
    return Encoding("categorical", int(column.n_categories or 0))


def encoded_variance(encoded: Floats) -> float:
    """Unbiased trace of the covariance of encodings ``(n, k)``: for one-hot rows this is the Gini impurity."""
    return float(np.asarray(encoded, dtype=np.float64).var(axis=0, ddof=1).sum())


def distance(a: Floats, b: Floats, kind: Kind, period: float | None) -> NDArray[np.float64]:
    """Distance of two values: absolute, along the shorter arc, 0/1 for classes, Euclidean for vectors ``(..., k)``.

    NaN where either is missing.
    """
    gap = np.abs(np.asarray(a, dtype=np.float64) - b)
    if kind == "vector":
        return np.asarray(np.linalg.norm(gap, axis=-1))
    if kind == "circular":
        turn = gap % (period or 1.0)
        return np.asarray(np.minimum(turn, (period or 1.0) - turn))
    if kind == "categorical":
        return np.where(np.isfinite(gap), (gap != 0).astype(np.float64), np.nan)
    return gap


def spread(values: Floats, kind: Kind, period: float | None) -> float:
    """Standard deviation of values ``(n,)`` in their own unit; a uniform circle has ``period / sqrt(12)``.

    Circular: the root mean square arc from the circular mean. Classes: the root of the Gini impurity. Vectors
    ``(n, k)``: the root of the total variance.
    """
    if len(values) < 2:
        return 0.0
    if kind == "circular":
        turns = np.exp(2j * np.pi * np.asarray(values) / (period or 1.0))
        middle = float(np.angle(turns.mean())) / (2 * np.pi) * (period or 1.0)
        return float(np.sqrt(np.square(distance(values, np.full(len(values), middle), kind, period)).mean()))
    if kind == "categorical":
        shares = np.unique(values, return_counts=True)[1] / len(values)
        return float(np.sqrt(1 - np.square(shares).sum()))
    return float(np.sqrt(np.var(values, axis=0).sum()))
