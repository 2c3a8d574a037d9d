"""What can be counted in a packed graph, exactly: one number per graph, NaN where it does not exist.

Every function takes packed graphs ``(n, m, m, channels)`` and gives ``(n,)`` float64; the order of the nodes is of no
matter to any of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.graphs.canonical import distances, linked
from workers.graphs.packing import LEVELS, Packed, presence

FORK = 3
"""Edges at a node from which on a graph branches there."""

Values = NDArray[np.float64]


def nodes(graphs: Packed) -> Values:
    """How many nodes there are."""
    return np.asarray(presence(graphs).sum(axis=1), np.float64)


def edges(graphs: Packed) -> Values:
    """How many pairs of nodes are joined."""
    return np.asarray(linked(graphs).sum(axis=(1, 2)) / 2, np.float64)


def components(graphs: Packed) -> Values:
    """In how many separate parts the graph comes."""
    reach = (distances(graphs) < graphs.shape[1]) & presence(graphs)[:, :, None]
    first = reach.argmax(axis=1) == np.arange(graphs.shape[1])
    return np.asarray((first & presence(graphs)).sum(axis=1), np.float64)


def rings(graphs: Packed) -> Values:
    """Independent rings, the cyclomatic number: edges less nodes and one for each part."""
    return edges(graphs) - nodes(graphs) + components(graphs)


def max_degree(graphs: Packed) -> Values:
    """Most edges at one node."""
    return np.asarray(linked(graphs).sum(axis=2).max(axis=1), np.float64)


def mean_degree(graphs: Packed) -> Values:
    """Edges at a node, on average; NaN without nodes."""
    return _share(2 * edges(graphs), nodes(graphs))


def branching(graphs: Packed) -> Values:
    """Nodes with at least three edges."""
    return np.asarray((linked(graphs).sum(axis=2) >= FORK).sum(axis=1), np.float64)


def node_mean(graphs: Packed, channel: int) -> Values:
    """Mean of a channel over the nodes, 0..1: of a type its share of the nodes; NaN without nodes."""
    on = np.diagonal(graphs[..., channel], axis1=1, axis2=2) * presence(graphs)
    return _share(on.sum(axis=1, dtype=np.int64) / LEVELS, nodes(graphs))


def edge_mean(graphs: Packed, channel: int) -> Values:
    """Mean of a channel over the edges, 0..1: of a type its share of the edges; NaN without edges."""
    beside = np.where(linked(graphs), graphs[..., channel], 0)
    return _share(beside.sum(axis=(1, 2), dtype=np.int64) / (2 * LEVELS), edges(graphs))


def _share(part: Values, whole: Values) -> Values:
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))


def census(graphs: Packed) -> NDArray[np.float32]:
    """How many of each kind a graph has, ``(n, 2 * channels + 4)``: sums of every channel over nodes and over edges,
    and nodes with one, two, three, and more edges.
    """
    on = np.diagonal(graphs, axis1=1, axis2=2).sum(axis=2, dtype=np.int64) / LEVELS
    beside = np.where(linked(graphs)[..., None], graphs, 0).sum(axis=(1, 2), dtype=np.int64) / (2 * LEVELS)
    degrees = linked(graphs).sum(axis=2)
    by_degree = np.stack([(degrees == k).sum(axis=1) for k in (1, 2, 3)] + [(degrees > 3).sum(axis=1)], axis=1)
    return np.concatenate([on, beside, by_degree], axis=1).astype(np.float32)
