"""Units and main directions of a tap's values that do not depend on the pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from workers.symmetry.orbits import Orbit, Values

ROWS = 2048
"""Posed values that the directions are fitted on."""
NOTHING = 1e-8
"""Variance, as a share of the first direction's, below which a direction is rounding."""


@dataclass(frozen=True)
class Frame:
    """``mean`` and ``scale (*shape)`` are the same in every pose, so that ``(z - mean) * scale`` moves as ``z`` does.

    ``directions (k, *shape)``: in the span of the main ones of the values *in all poses*. ``share`` of the variance.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    directions: NDArray[np.float64]
    share: float


def fit_units(orbit: Orbit, values: Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and reciprocal deviation over ``values (n, *shape)`` in all poses, as arrays ``(*shape)``; 0 for constants.

    One for all units that the group maps to each other, and for all places of a map: borders, where hardly anything
    ever is, would else count as much as the middle, and with them what resampling does there.
    """
    mean = over_poses(orbit, values.mean(axis=0, dtype=np.float64))
    variance = over_poses(orbit, np.square(values - mean, dtype=np.float64).mean(axis=0))
    tiny = (1e-6 * max(float(np.abs(values).max(initial=0.0)), 1e-30)) ** 2
    return mean, np.where(variance > tiny, 1 / np.sqrt(np.maximum(variance, tiny)), 0.0)


def over_poses(orbit: Orbit, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of one image's values ``(*shape)`` over all poses, and over all places of a map."""
    if orbit.moves:
        values = np.asarray(orbit(values[None]).mean(axis=0)[0])
    if len(orbit.shape) < 3:
        return values
    return np.broadcast_to(values.mean(axis=orbit.maps, keepdims=True), values.shape).copy()


def fit_frame(orbit: Orbit, values: Values, kept: int, rng: np.random.Generator) -> Frame:
    """Units and main directions of ``values (n, *shape)``.

    At most ``kept`` directions. The covariance over whole orbits commutes with the group, so the main directions span a
    space that the group maps to itself. Every direction there is where the tap has no more than ``kept`` units.
    """
    mean, scale = fit_units(orbit, values)
    if orbit.size <= kept:
        return Frame(mean, scale, np.eye(orbit.size).reshape(-1, *orbit.shape), 1.0)
    posed = ((_posed(orbit, values, rng) - mean) * scale).reshape(-1, orbit.size).astype(np.float32)
    fitted = PCA(min(kept, len(posed)), svd_solver="randomized", random_state=int(rng.integers(2**31))).fit(posed)
    held = fitted.explained_variance_ > NOTHING * fitted.explained_variance_[0]
    directions = fitted.components_[held].reshape(-1, *orbit.shape).astype(np.float64)
    return Frame(mean, scale, directions, float(fitted.explained_variance_ratio_.sum()))


def _posed(orbit: Orbit, values: Values, rng: np.random.Generator) -> NDArray[np.float64]:
    """Values in all poses if that is few, else each in random ones: about ``ROWS`` in all."""
    if orbit.moves:
        some = values[: max(1, ROWS // len(orbit.moves))].astype(np.float64)
        return np.asarray(orbit(some).reshape(-1, *orbit.shape), dtype=np.float64)
    copies = np.concatenate([values[:ROWS]] * max(1, ROWS // len(values))).astype(np.float64)
    height, width = orbit.positions
    down, right = rng.integers(height, size=len(copies)), rng.integers(width, size=len(copies))
    return np.stack([np.roll(z, (i, j), axis=orbit.maps) for z, i, j in zip(copies, down, right, strict=True)])


def generic_templates(frame: Frame, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """``count`` generic unit vectors in the span of the directions, ``(count, *shape)``; they read scaled values."""
    drawn = rng.standard_normal((count, len(frame.directions)))
    templates = np.tensordot(drawn, frame.directions, axes=1)
    lengths = np.linalg.norm(templates.reshape(count, -1), axis=1)
    return np.asarray(templates / lengths.reshape(-1, *[1] * (templates.ndim - 1)))
