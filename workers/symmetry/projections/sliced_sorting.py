"""Sliced sorting: rows of nodes, projected on many directions, each projection sorted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.symmetry.node_rows import node_rows
from workers.symmetry.orbits import Orbit, Values

from .projection import State

MOST_SCALARS = 1024
"""More single numbers than this are not worth their time: directions are then shown whole, and no theorem holds."""
WIDEST = 4096
BATCH = 256


@dataclass(frozen=True)
class SlicedSorting:
    """``sort(X a)`` of rows ``X (nodes, d)`` along directions ``a``: invariant to the order of the rows.

    Along the first directions the sorted projections are kept whole, of each of the others a single number, their sum
    under generic ``weights``. ``2 nodes d + 1`` such numbers tell any two orbits apart (Dym & Gortler 2022, "Low
    dimensional invariant embeddings for universal geometric learning"). It is **not** isometric: distances between the
    images are not those between orbits (:func:`workers.symmetry.quotient.quotient_distance`).

    Args:
        orbit: permutes nodes.
        mean, scale: of each column, over all rows of all graphs: ``(d,)``.
        directions: ``(d, whole + scalars)``.
        weights: ``(nodes, scalars)``.
    """

    orbit: Orbit
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    directions: NDArray[np.float64]
    weights: NDArray[np.float64]

    name = "sliced_sorting"

    @property
    def lossless(self) -> bool:
        """Whether there are numbers enough, and rows hold all that the tap does."""
        nodes, scalars = self.weights.shape
        return len(self.orbit.nodes) == 1 and scalars > 2 * nodes * len(self.mean)

    @property
    def width(self) -> int:
        """Whole projections, then single numbers."""
        nodes, scalars = self.weights.shape
        return int(nodes * (self.directions.shape[1] - scalars) + scalars)

    def __call__(self, values: Values) -> NDArray[np.float32]:
        """``(n, *shape) -> (n, width)``; a batch at a time, as every row meets every direction."""
        parts = [self._batch(values[i : i + BATCH]) for i in range(0, max(1, len(values)), BATCH)]
        return np.concatenate(parts)

    def state(self) -> State:
        """Its four arrays."""
        return {"mean": self.mean, "scale": self.scale, "directions": self.directions, "weights": self.weights}

    def _batch(self, values: Values) -> NDArray[np.float32]:
        dtype = values.dtype
        rows = (node_rows(self.orbit, values) - self.mean.astype(dtype)) * self.scale.astype(dtype)
        projected = np.sort(rows @ self.directions.astype(dtype), axis=1)  # (n, nodes, directions)
        whole = projected.shape[2] - self.weights.shape[1]
        scalars = np.einsum("nmk,mk->nk", projected[..., whole:], self.weights.astype(dtype))
        flat = projected[..., :whole].reshape(len(values), -1)
        return np.concatenate([flat, scalars], axis=1).astype(np.float32)


def directions_for(nodes: int, columns: int) -> tuple[int, int]:
    """How many numbers tell all orbits of rows ``(nodes, columns)`` apart, 0 where that takes too many; and how many
    directions are kept whole beside them, one per column where there is room.
    """
    enough = 2 * nodes * columns + 1
    scalars = enough if enough <= MOST_SCALARS else 0
    return scalars, max(1, min(columns, (WIDEST - scalars) // nodes))


def fit_sliced_sorting(orbit: Orbit, values: Values, rng: np.random.Generator) -> SlicedSorting:
    """Generic directions for ``values (n, *shape)``, columns scaled to deviation 1; one whole direction per column."""
    rows = node_rows(orbit, values.astype(np.float64))
    _, nodes, columns = rows.shape
    scalars, whole = directions_for(nodes, columns)
    deviation = rows.std(axis=(0, 1))
    scale = np.where(deviation > 1e-6 * max(float(np.abs(rows).max(initial=0)), 1e-30), 1 / (deviation + 1e-300), 1.0)
    directions = rng.standard_normal((columns, whole + scalars)) / np.sqrt(columns)
    weights = rng.standard_normal((nodes, scalars)) / np.sqrt(nodes)
    return SlicedSorting(orbit, rows.mean(axis=(0, 1)), scale, directions, weights)
