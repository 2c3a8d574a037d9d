"""An order of the nodes that does not depend on how a graph was written down: colour refinement with tie breaking."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.graphs.packing import Packed, presence

_CHUNK = 4_000_000
"""Pairs of nodes of one pass."""

Colours = NDArray[np.int64]
Words = NDArray[np.uint64]


def canonical_order(graphs: Packed) -> NDArray[np.int64]:
    """Node numbers of each graph ``(n, m, m, channels)`` in canonical order, ``(n, m)``; absent nodes come last.

    ``permuted(graphs, order)`` is the same for every way to number the nodes, as long as nodes that refinement cannot
    tell apart are images of each other under a symmetry of the graph. Central nodes come first.

    Colours start as (sum of distances to the others, features) and are refined by the colours, edge features and
    distances of all other nodes (Weisfeiler and Leman 1968, on the complete graph of distances); of nodes that tie one
    is set apart and refinement goes on (McKay 1981, without backtracking).
    """
    size = max(1, _CHUNK // max(1, graphs.shape[1] ** 2))
    parts = [_order(graphs[start : start + size]) for start in range(0, len(graphs), size)]
    return np.concatenate(parts) if parts else np.zeros(graphs.shape[:2], np.int64)


def distances(graphs: Packed) -> NDArray[np.int64]:
    """Edges on the shortest path between two nodes, ``(n, m, m)``; ``m`` where there is none."""
    m = graphs.shape[1]
    found = np.where(linked(graphs), 1, m).astype(np.int64)
    found[:, np.arange(m), np.arange(m)] = 0
    for via in range(m):  # Floyd and Warshall
        np.minimum(found, found[:, :, via, None] + found[:, None, via], out=found)
    return found


def linked(graphs: Packed) -> NDArray[np.bool_]:
    """Which nodes share an edge, ``(n, m, m)``."""
    away = ~np.eye(graphs.shape[1], dtype=bool)
    return np.asarray((graphs[..., 1:] != 0).any(axis=3) & away)


def _order(graphs: Packed) -> NDArray[np.int64]:
    apart = distances(graphs)
    relations = _mixed(_hashed(graphs) + apart.astype(np.uint64))
    colours = _first_colours(graphs, apart)
    left = np.arange(len(graphs))
    while len(left):
        colours[left] = _refined(colours[left], relations[left])
        left = left[_tied(colours[left])]
        colours[left] = _set_apart(colours[left])
    return colours.argsort(axis=1, kind="stable")


def _first_colours(graphs: Packed, apart: NDArray[np.int64]) -> Colours:
    there = presence(graphs)
    far = np.where(there[:, None, :], apart, 0).sum(axis=2).astype(np.uint64)
    features = _hashed(np.diagonal(graphs, axis1=1, axis2=2).swapaxes(1, 2))
    absent = (~there).astype(np.uint64)
    return _ranked((absent << np.uint64(63)) | (far << np.uint64(40)) | (features >> np.uint64(24)))


def _refined(colours: Colours, relations: Words) -> Colours:
    """Ranks by colour first, then by what is seen of all other nodes, until no rank changes."""
    while True:
        seen = _mixed(relations + _mixed(colours.astype(np.uint64))[:, None, :]).sum(axis=2)
        finer = _ranked((colours.astype(np.uint64) << np.uint64(52)) | (seen >> np.uint64(12)))
        if (finer == colours).all():
            return colours
        colours = finer


def _ranked(keys: Words) -> Colours:
    """How many nodes of the same graph have a smaller key, ``(n, m)``: nodes that tie share a rank."""
    return np.asarray((keys[:, :, None] > keys[:, None, :]).sum(axis=2, dtype=np.int64))


def _tied(colours: Colours) -> NDArray[np.bool_]:
    """Graphs with nodes of one rank, ``(n,)``."""
    ordered = np.sort(colours, axis=1)
    return np.asarray((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))


def _set_apart(colours: Colours) -> Colours:
    """The first of the lowest nodes that tie keeps its rank, the others of it follow."""
    same = colours[:, :, None] == colours[:, None, :]
    several = np.where(same.sum(axis=2) > 1, colours, colours.shape[1])
    lowest = several.min(axis=1, keepdims=True)
    among = several == lowest
    first = among & (among.cumsum(axis=1) == 1)
    return np.asarray(colours + (among & ~first & (lowest < colours.shape[1])))


def _hashed(values: NDArray[np.uint8]) -> Words:
    """One word for the numbers of the last axis; equal rows give equal words."""
    found = np.zeros(values.shape[:-1], np.uint64)
    for channel in range(values.shape[-1]):
        found = _mixed(found + values[..., channel].astype(np.uint64) + np.uint64(1))
    return found


def _mixed(words: Words) -> Words:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): a bijection that looks random."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
