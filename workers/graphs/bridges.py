"""Joins the parts of a drawn graph where every reference is in one piece."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.graphs.canonical import distances
from workers.graphs.packing import Packed, presence

Floats = NDArray[np.float32]


def bridged(graphs: Packed, likely: Floats, edges: Packed) -> Packed:
    """Drawn graphs ``(n, m, m, channels)`` with the most likely edges that bring each into one piece.

    The most likely graph among those in one piece, given what is drawn already: an edge is added between the two parts
    where one is likeliest, until there is one part (Kruskal 1956). No ring is closed by that.

    Args:
        graphs: valid graphs.
        likely: ``(n, m, m)``, how likely an edge is there; symmetric.
        edges: ``(n, m, m, channels)``, the edge that would be drawn.
    """
    found = graphs.copy()
    reach = distances(graphs) < graphs.shape[1]
    there = presence(graphs)
    whole = (reach | ~(there[:, :, None] & there[:, None, :])).all(axis=(1, 2))
    for row in np.flatnonzero(~whole):
        _bridge(found[row], reach[row], there[row], likely[row], edges[row])
    return found


def _bridge(graph: Packed, reach: NDArray[np.bool_], there: NDArray[np.bool_], likely: Floats, edges: Packed) -> None:
    part = reach.argmax(axis=0)  # the first node that each can reach
    both = there[:, None] & there[None, :]
    while len(np.unique(part[there])) > 1:
        apart = both & (part[:, None] != part[None, :])
        i, j = divmod(int(np.where(apart, likely, -np.inf).argmax()), len(part))
        graph[i, j] = graph[j, i] = edges[i, j]
        part[part == part[j]] = part[i]
