"""How unlike the references some images are: scores, how well they separate, and nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.evidence.bootstrap import Interval

Floats = NDArray[np.float64]
CHUNK = 512


@dataclass(frozen=True)
class Nearest:
    """The nearest reference of each image: ``rows (n,)``, and how far it is, ``distances (n,)``."""

    rows: NDArray[np.int64]
    distances: Floats


def auc_interval(strange: Floats, usual: Floats, weights: NDArray[np.float32], usual_weights: NDArray[np.float32],
                 level: float = 0.95) -> Interval:  # fmt: skip
    """Probability that a strange image scores above a usual one (ties count half): the area under the ROC curve.

    Percentile bootstrap over the images of both sides; ``weights (resamples, n)`` and ``usual_weights (resamples, m)``.
    Resamples of scores that are all but separated hardly differ: the rule of three over the fewer images widens them.
    """
    above = (strange[:, None] > usual) + 0.5 * (strange[:, None] == usual)
    value = float(above.mean())
    drawn = np.einsum("bm,bm->b", weights @ above.astype(np.float32), usual_weights) / (above.shape[0] * above.shape[1])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    n = min(above.shape)
    margin = min(0.5, 3.0 / n)
    low = min(float(low), 1 - margin) if value > 0.5 else float(low)
    high = max(float(high), margin) if value < 0.5 else float(high)
    return Interval(value, min(low, value), max(high, value), level, n, "bootstrap over images, percentile")


def nearest(points: NDArray[np.float32], references: NDArray[np.float32], *, skip_self: bool = False) -> Nearest:
    """Nearest of ``references (m, k)`` to each of ``points (n, k)``, Euclidean.

    ``skip_self``: the points are the first rows of the references, and none is its own neighbour.
    """
    rows, distances = np.empty(len(points), dtype=np.int64), np.empty(len(points))
    squares = np.square(references).sum(axis=1)
    for start in range(0, len(points), CHUNK):
        chunk = points[start : start + CHUNK]
        squared = np.square(chunk).sum(axis=1)[:, None] + squares - 2 * chunk @ references.T
        if skip_self:
            squared[np.arange(len(chunk)), start + np.arange(len(chunk))] = np.inf
        best = squared.argmin(axis=1)
        rows[start : start + len(chunk)] = best
        distances[start : start + len(chunk)] = np.sqrt(np.maximum(squared[np.arange(len(chunk)), best], 0))
    return Nearest(rows, distances)


def beyond(scores: Floats, usual: Floats, share: float = 0.95) -> Floats:
    """1 where a score exceeds what ``share`` of the usual ones do not, else 0, ``(n,)``."""
    return (scores > np.quantile(usual, share)).astype(np.float64)
