"""What neighbours say: whether the nearest codes are of the same class, or of the same picture in another pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 5

Distances = NDArray[np.float64]


def distances(codes: NDArray[np.float32], others: NDArray[np.float32]) -> Distances:
    """Euclidean distances ``(n, m)`` of codes ``(n, ...)`` and ``(m, ...)``."""
    a = codes.reshape(len(codes), -1).astype(np.float64)
    b = others.reshape(len(others), -1).astype(np.float64)
    squares = np.square(a).sum(1)[:, None] + np.square(b).sum(1) - 2 * a @ b.T
    return np.asarray(np.sqrt(np.clip(squares, 0, None)))


def agreement(among: Distances, labels: NDArray[np.int64], k: int = NEIGHBOURS) -> NDArray[np.float64]:
    """Whether the ``k`` nearest others vote for a picture's own label: distances ``(n, n)`` to ``(n,)`` of 0 and 1.

    Each votes once, a picture itself (the diagonal) never; of labels with as many votes that of the nearest wins.
    """
    others = among + np.diag(np.full(len(among), np.inf))
    nearest = np.argsort(others, axis=1, kind="stable")[:, :k]
    weights = 1 + 0.5 ** np.arange(2, k + 2)  # the extras are together less than one vote
    votes = np.zeros((len(among), labels.max() + 1))
    for rank in range(k):
        votes[np.arange(len(among)), labels[nearest[:, rank]]] += weights[rank]
    return np.asarray(votes.argmax(axis=1) == labels, dtype=np.float64)


def recognition(across: Distances) -> NDArray[np.float64]:
    """Whether row ``i`` of distances ``(n, n)`` between two poses is least at column ``i``: ``(n,)`` of 0 and 1."""
    return np.asarray(across.argmin(axis=1) == np.arange(len(across)), dtype=np.float64)
