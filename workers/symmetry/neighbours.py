"""Nearest neighbours among points of any dimension."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating]


def squared_distances(queries: Points, points: Points) -> NDArray[np.float64]:
    """Squared Euclidean distances ``(q, n)`` between ``queries (q, d)`` and ``points (n, d)``."""
    a, b = queries.astype(np.float64), points.astype(np.float64)
    found = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.maximum(found, 0))


def nearest(queries: Points, points: Points, count: int, but: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Row numbers of the ``count`` nearest of ``points (n, d)``, nearest first: ``(q, count)``.

    ``but``: rows per query that do not count, such as the query itself, ``(q,)`` or ``(q, any)``.
    """
    apart = squared_distances(queries, points)
    if but is not None:
        apart[np.arange(len(apart))[:, None], but.reshape(len(apart), -1)] = np.inf
    return np.argsort(apart, axis=1, kind="stable")[:, :count].astype(np.int64)
