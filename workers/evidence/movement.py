"""Verified invariance samples: how far a feature moves while the answer stays (DESIGN.md section 3, effect)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bootstrap import Interval, rate_interval, ratio_interval
from .estimators import Shares, total_parts
from .pixels import Floats


@dataclass(frozen=True)
class Movement:
    """``spread``: variance of the feature among samples of one image whose answer stayed, over its reference variance.

    1: the feature takes its whole range while the answer stays. ``agreement``: share of samples whose answer stayed.
    """

    spread: Interval
    agreement: Interval


def movement(
    readings: Floats,
    agrees: NDArray[np.bool_],
    reference: Floats,
    weights: NDArray[np.float32],
    level: float = 0.95,
) -> Movement:
    """Unbiased movement from encoded readings ``(n, m, k)`` of samples that share ``z``, one image per row.

    ``agrees (n, m)``: the sample, sent back through the classifier, got the reference answer. ``reference (n, k)``:
    encoded readings of the real images, by the same oracle. Images with fewer than two agreeing samples say nothing
    on the spread, but count for the agreement.

    Raises:
        ValueError: shapes do not fit.
    """
    numbers = np.asarray(readings, dtype=np.float64)
    if agrees.shape != numbers.shape[:2] or reference.shape != (len(numbers), numbers.shape[2]):
        raise ValueError(f"readings {numbers.shape}, agrees {agrees.shape}, reference {reference.shape} do not fit")
    valid = agrees & np.isfinite(numbers).all(axis=2)
    shares = _spread_shares(numbers, valid, np.asarray(reference, dtype=np.float64))
    spread = ratio_interval(shares, weights, level)
    return Movement(spread, rate_interval(agrees.mean(axis=1), weights, level))


def _spread_shares(readings: NDArray[np.float64], valid: NDArray[np.bool_], reference: NDArray[np.float64]) -> Shares:
    counts = valid.sum(axis=1)
    kept = np.where(valid[..., None], readings, 0)
    means = kept.sum(axis=1) / np.maximum(counts, 1)[:, None]
    squares = np.where(valid[..., None], np.square(readings - means[:, None]), 0).sum(axis=(1, 2))
    usable = (counts >= 2) & np.isfinite(reference).all(axis=1)
    if np.count_nonzero(usable) < 2:
        return Shares(np.zeros(len(counts)), np.zeros(len(counts)))
    parts = squares[usable] / (counts[usable] - 1)
    return Shares(parts, total_parts(reference[usable][:, None, :])).spread_over(usable)
