"""Random graphs as a user uploads them: kinds of nodes, kinds of edges, a mask, and columns that are true of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def graph_arrays(n: int = 240, m: int = 8, features: int = 3, edges: int = 2, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Arrays of an ``.npz``: connected graphs of 3 to ``m`` nodes with up to two rings.

    ``nodes`` bool ``(n, m, features)`` and ``adjacency`` bool ``(n, m, m, edges)`` are one-hot, ``mask`` bool
    ``(n, m)``; ``size`` and ``rings`` count, ``first`` is the share of nodes of the first kind.
    """
    rng = np.random.default_rng(seed)
    sizes, rings = rng.integers(3, m + 1, n), np.zeros(n, dtype=np.int64)
    mask = np.arange(m) < sizes[:, None]
    nodes = np.eye(features, dtype=bool)[rng.integers(0, features, (n, m))] & mask[..., None]
    adjacency = np.zeros((n, m, m, edges), dtype=bool)
    for i, size in enumerate(sizes):
        pairs = [(int(rng.integers(0, node)), node) for node in range(1, size)]
        free = [(a, b) for a in range(size) for b in range(a + 1, size) if (a, b) not in pairs]
        extra = rng.permutation(len(free))[: rng.integers(0, 3)]
        rings[i] = len(extra)
        for a, b in [*pairs, *(free[k] for k in extra)]:
            kind = rng.integers(0, edges)
            adjacency[i, a, b, kind] = adjacency[i, b, a, kind] = True
    first = nodes[..., 0].sum(axis=1) / sizes
    return {"nodes": nodes, "adjacency": adjacency, "mask": mask, "size": sizes, "rings": rings, "first": first}
