"""The share of each factor's variance that the logits determine, by nearest neighbours among many rendered pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tests.builders.planted_scenes import CLASSES, References, Scenes

PICTURES = 30_000
NEIGHBOURS = (8, 32, 128)
RESOLUTION = 1e-3
"""Of the logits' spread: what only the last bits of a saturated number hold is not counted as determined."""
PLACES = frozenset({"x", "y", "radius"})
"""The audit measures the foreground's place and size, which are not quite these: no retention is compared."""

Floats = NDArray[np.float64]


def true_retention(logits: Callable[[Scenes], Floats], references: References, seed: int = 1_000) -> dict[str, float]:
    """``1 - E[Var(a | logits)] / Var(a)`` by factor, 0..1, from fresh scenes drawn like the references."""
    scenes = references.draw(PICTURES, seed)
    targets = {factor: encode(factor, getattr(scenes, factor)) for factor in references.factors if factor not in PLACES}
    found = retained(logits(scenes), np.concatenate(list(targets.values()), axis=1))
    edges = np.cumsum([block.shape[1] for block in targets.values()])[:-1]
    variances = np.concatenate(list(targets.values()), axis=1).var(axis=0)
    parts = zip(np.split(found * variances, edges), np.split(variances, edges), strict=True)
    return {
        factor: float(np.clip(kept.sum() / whole.sum(), 0, 1))
        for factor, (kept, whole) in zip(targets, parts, strict=True)
    }


def encode(factor: str, values: Floats) -> Floats:
    """As retention has it: classes one-hot, hue on the circle, numbers as they are; ``(n, k)``."""
    if factor in CLASSES:
        return np.asarray(values[:, None] == np.unique(values), dtype=np.float64)
    if factor == "hue":
        return np.stack([np.cos(2 * np.pi * values), np.sin(2 * np.pi * values)], axis=1)
    return np.asarray(values[:, None], dtype=np.float64)


def retained(z: Floats, targets: Floats) -> Floats:
    """Share of each column's variance that ``z (n, d)`` determines, ``(k,)``: the best of a few neighbourhoods.

    A mean over ``k`` neighbours other than the point itself errs by ``Var(a | z)(1 + 1/k)`` where the neighbourhood is
    small enough; too large a one errs by more, so the largest share is the nearest to the truth.
    """
    spread = z.std(axis=0)
    varies = spread > 1e-6 * np.abs(z).max(initial=0.0) + 1e-12
    if not varies.any():
        return np.zeros(targets.shape[1])
    jitter = np.random.default_rng(0).normal(0, RESOLUTION, (len(z), int(varies.sum())))
    scaled = z[:, varies] / spread[varies] + jitter
    _, found = cKDTree(scaled).query(scaled, k=max(NEIGHBOURS) + 1)
    return np.asarray(np.max([_explained(targets, found[:, 1 : k + 1]) for k in NEIGHBOURS], axis=0))


def _explained(targets: Floats, neighbours: NDArray[np.intp]) -> Floats:
    k = neighbours.shape[1]
    errors = np.stack([np.square(column - column[neighbours].mean(axis=1)).mean() for column in targets.T])
    return np.asarray(1 - errors / (1 + 1 / k) / targets.var(axis=0))
