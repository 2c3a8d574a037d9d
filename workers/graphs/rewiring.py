"""Exact changes of one count of a graph: edges are added, taken away or become of another type, or nodes do.

What is drawn need not occur in nature (an atom may get one bond too many), as an image of another hue need not. A graph
that cannot show its target stays as it was. Choices follow from the graph alone, so that the same graph is changed the
same way.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csgraph

from workers.graphs.canonical import linked
from workers.graphs.packing import Packed, presence

Values = NDArray[np.floating[Any]]


def with_rings(graphs: Packed, current: Values, target: Values) -> Packed:
    """Graphs ``(n, m, m, channels)`` whose number of independent rings went from ``current`` to ``target``, ``(n,)``.

    New edges join nodes of one part and are copies of edges of the graph; only edges are taken that leave it in one.
    """
    found = graphs.copy()
    for graph, more in zip(found, np.rint(target - current).astype(np.int64), strict=True):
        _rewire(graph, int(more), _generator(graph))
    return found


def with_node_share(
    graphs: Packed, current: Values, target: Values, channel: int, others: NDArray[np.float64]  # noqa: ARG001
) -> Packed:  # fmt: skip
    """Graphs in which a ``target (n,)`` share of the nodes is of the type ``channel``, as nearly as they can.

    ``others (channels,)``: how frequent each node type is; what is no longer of the type becomes one of these.
    """
    found = graphs.copy()
    for graph, share in zip(found, target, strict=True):
        places = np.flatnonzero(presence(graph[None])[0])
        for place, kind in _retyped(graph[places, places], share, channel, others, _generator(graph)):
            graph[places[place], places[place], others > 0] = 0
            graph[places[place], places[place], kind] = 255
    return found


def with_edge_share(
    graphs: Packed, current: Values, target: Values, channel: int, others: NDArray[np.float64]  # noqa: ARG001
) -> Packed:  # fmt: skip
    """The same of edges."""
    found = graphs.copy()
    for graph, share in zip(found, target, strict=True):
        pairs = np.argwhere(np.triu(linked(graph[None])[0]))
        for place, kind in _retyped(graph[tuple(pairs.T)], share, channel, others, _generator(graph)):
            for i, j in (pairs[place], pairs[place][::-1]):
                graph[i, j, others > 0] = 0
                graph[i, j, kind] = 255
    return found


def _rewire(graph: Packed, more: int, generator: np.random.Generator) -> None:
    joined = linked(graph[None])[0]
    there = np.argwhere(np.triu(joined))
    candidates = _closing(joined) if more > 0 else _spare(joined, there, generator)
    if not more or len(candidates) < abs(more) or not len(there):
        return
    chosen = candidates[generator.choice(len(candidates), abs(more), replace=False)]
    like = graph[tuple(there[generator.integers(len(there), size=len(chosen))].T)]
    for i, j in (chosen.T, chosen.T[::-1]):
        graph[i, j] = like if more > 0 else 0


def _closing(joined: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pairs of nodes of one part that no edge joins, ``(k, 2)``: each edge between such a pair closes one ring."""
    part = csgraph.connected_components(joined, directed=False)[1]
    return np.argwhere(np.triu((part[:, None] == part) & ~joined, 1))


def _spare(
    joined: NDArray[np.bool_], pairs: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:  # fmt: skip
    """Edges beside a random spanning forest, ``(rings, 2)``: it alone joins the parts, so any of them can be spared.

    ``pairs (edges, 2)``: all edges. One pass for all rings (Kruskal), however many edges there are.
    """
    weights = np.zeros(joined.shape)
    weights[tuple(pairs.T)] = generator.permutation(len(pairs)) + 1.0
    forest = csgraph.minimum_spanning_tree(weights).toarray() > 0
    return np.asarray(pairs[~forest[tuple(pairs.T)]])


def _retyped(
    values: NDArray[np.uint8], share: float, channel: int, others: NDArray[np.float64], generator: np.random.Generator
) -> list[tuple[int, int]]:
    """Which of ``values (k, channels)`` become of which type, so that ``share`` of them are of the type ``channel``."""
    own = values[:, channel] > 0
    more = round(share * len(values)) - int(own.sum()) if np.isfinite(share) else 0
    chosen = generator.permutation(np.flatnonzero(~own if more > 0 else own))[: abs(more)]
    if more > 0:
        return [(int(place), channel) for place in chosen]
    weights = others.copy()
    weights[channel] = 0
    if not weights.sum():
        return []
    kinds = generator.choice(len(weights), len(chosen), p=weights / weights.sum())
    return [(int(place), int(kind)) for place, kind in zip(chosen, kinds, strict=True)]


def _generator(graph: Packed) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(np.ascontiguousarray(graph).tobytes()))
