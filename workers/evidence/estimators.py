"""Unbiased estimators of retention, total invariance and explained variance, as per-image contributions.

Readings are encoded (:mod:`workers.evidence.features`) values ``a[i, j]`` of image ``i`` and draw ``j``. With
``within = 1/2 E|a_ij - a_ij'|^2`` over pairs of draws of one image and ``total = 1/2 E|a_ij - a_i'j'|^2`` over pairs
of images, retention is ``R = 1 - within / total`` (papers.md 5.2, M1). Both are U-statistics, hence unbiased for any
number of draws >= 2; a plug-in variance of 16 draws is not (DESIGN.md section 3, "a trap measured").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .pixels import Floats


@dataclass(frozen=True)
class Shares:
    """Per-image parts of a share of variance: ``part`` and ``total``, ``(n,)`` each, whose means are unbiased.

    The ratio of means is the estimate; resampling images resamples both (the parts are the U-statistics' projections).
    Images without a value have zero for both and so count for nothing.
    """

    part: NDArray[np.float64]
    total: NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many images take part."""
        return int(np.count_nonzero((self.part != 0) | (self.total != 0)))

    def spread_over(self, rows: NDArray[np.bool_]) -> Shares:
        """The same shares, placed at ``rows`` (a mask over all images) with zeros elsewhere."""
        part, total = np.zeros(len(rows)), np.zeros(len(rows))
        part[rows], total[rows] = self.part, self.total
        return Shares(part, total)

    @property
    def ratio(self) -> float:
        """``mean(part) / mean(total)``; NaN when the total does not vary."""
        total = float(self.total.mean()) if len(self.total) else 0.0
        return float(self.part.mean()) / total if total > 1e-12 else float("nan")

    @property
    def retained(self) -> float:
        """``1 - ratio``: the share of variance that is determined; not clipped, it can be slightly negative."""
        return 1.0 - self.ratio


def within_parts(readings: Floats) -> NDArray[np.float64]:
    """``1/2`` mean squared distance between two draws of the same image: ``(n, m, k) -> (n,)``, in O(n m k).

    Raises:
        ValueError: fewer than two draws, or not three axes.
    """
    numbers = _checked(readings)
    draws = numbers.shape[1]
    if draws < 2:
        raise ValueError("at least two draws per image are needed to see how much they differ")
    centred = numbers - numbers.mean(axis=1, keepdims=True)
    return np.asarray(np.square(centred).sum(axis=(1, 2)) / (draws - 1))


def total_parts(readings: Floats) -> NDArray[np.float64]:
    """Per-image parts of ``1/2 E|a_ij - a_i'j'|^2``, ``i != i'``: ``(n, m, k) -> (n,)``, in O(n m k).

    Their mean is the U-statistic exactly; each is its projection on one image, ``2 h(i) - U``.

    Raises:
        ValueError: fewer than two images, or not three axes.
    """
    numbers = _checked(readings)
    n, draws, _ = numbers.shape
    if n < 2:
        raise ValueError("at least two images are needed to see how much they differ")
    centred = numbers - numbers.mean(axis=(0, 1))
    means = centred.mean(axis=1)  # (n, k)
    squares = np.square(centred).sum(axis=(1, 2)) / draws  # (n,)
    others = (squares.sum() - squares) / (n - 1)
    cross = (means * (means.sum(axis=0) - means)).sum(axis=1) / (n - 1)
    projection = (squares + others) / 2 - cross
    return np.asarray(2 * projection - projection.mean())


def retention(readings: Floats) -> Shares:
    """Generative retention from draws that share ``z``: readings ``(n, m, k)``; use ``.retained``.

    Images with a missing reading count for nothing.

    Raises:
        ValueError: fewer than two complete images or two draws.
    """
    complete = np.asarray(np.isfinite(readings).all(axis=(1, 2)))
    return Shares(within_parts(readings[complete]), total_parts(readings[complete])).spread_over(complete)


def total_invariance(draws: Floats, codes: Floats | None = None) -> Shares:
    """M2, ``V = E tr Cov[code | z] / tr Cov[code]``; use ``.ratio``. Draws ``(n, m, d)`` share ``z`` per image.

    The total is that of the real ``codes (n, d)`` when given, else of the draws.

    Raises:
        ValueError: shapes do not fit.
    """
    total = total_parts(draws) if codes is None else total_parts(codes[:, None, :])
    return Shares(within_parts(draws), total)


def explained(targets: Floats, predictions: Floats) -> Shares:
    """Share of variance that out-of-fold predictions explain (R^2 with an unbiased total); use ``.retained``.

    Targets and predictions ``(n, k)``.

    Raises:
        ValueError: shapes differ.
    """
    if targets.shape != predictions.shape:
        raise ValueError(f"targets {targets.shape} and predictions {predictions.shape} differ in shape")
    numbers = np.asarray(targets, dtype=np.float64)
    return Shares(np.square(numbers - predictions).sum(axis=1), total_parts(numbers[:, None, :]))


def calibrate(value: Floats | float, floor: float, ceiling: float, *, room: float = 0.05) -> NDArray[np.float64]:
    """``(R - floor) / (ceiling - floor)`` clipped to 0..1 (papers.md 5.2, M1n).

    NaN where ``ceiling - floor < room``: then the feature cannot be read from images at all, and a low retention would
    say nothing about the classifier.
    """
    span = ceiling - floor
    numbers = np.asarray(value, dtype=np.float64)
    if not np.isfinite(span) or span < room:
        return np.full_like(numbers, np.nan)
    return np.clip((numbers - floor) / span, 0.0, 1.0)


def _checked(readings: Floats) -> NDArray[np.float64]:
    numbers = np.asarray(readings, dtype=np.float64)
    if numbers.ndim != 3:
        raise ValueError(f"readings must have shape (images, draws, k), got {numbers.shape}")
    return numbers
