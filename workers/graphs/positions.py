"""Coordinates of nodes such that far nodes are far apart: what tells equal nodes of a graph from each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.graphs.canonical import canonical_order, distances
from workers.graphs.packing import Packed, permuted, presence


def positions(graphs: Packed, dimensions: int, order: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
    """Coordinates ``(n, m, dimensions)`` of the nodes of ``graphs (n, m, m, channels)``; 0 where there is no node.

    Classical scaling of the distances along edges (Torgerson 1952), widest axis first. Turns and reflections that the
    distances leave open are settled in the canonical order, so coordinates move with their nodes when these are
    numbered otherwise. ``order``: :func:`workers.graphs.canonical.canonical_order`, where it is known.
    """
    order = canonical_order(graphs) if order is None else order
    found = in_order(permuted(graphs, order), dimensions)
    moved = np.zeros_like(found)
    np.put_along_axis(moved, order[:, :, None], found, axis=1)
    return moved


def in_order(graphs: Packed, dimensions: int) -> NDArray[np.float32]:
    """:func:`positions` of graphs whose nodes are in canonical order."""
    there = presence(graphs).astype(np.float64)
    both = there[:, :, None] * there[:, None, :]
    squares = np.square(_joined(distances(graphs))) * both
    count = np.maximum(there.sum(axis=1), 1)
    centre = np.eye(graphs.shape[1]) * there[:, :, None] - both / count[:, None, None]
    values, axes = np.linalg.eigh(-0.5 * centre @ squares @ centre)
    first = axes[:, :, ::-1][:, :, :dimensions] * np.sqrt(np.maximum(values[:, None, ::-1], 0))[:, :, :dimensions]
    found = np.zeros((*graphs.shape[:2], dimensions), np.float32)
    found[:, :, : first.shape[2]] = first * _signs(first)
    return found * there[:, :, None].astype(np.float32)


def _joined(apart: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distances with those between separate parts of a graph one more than the longest way inside one of its parts."""
    m = apart.shape[1]
    longest = np.where(apart < m, apart, 0).max(axis=(1, 2), initial=1)
    return np.asarray(np.minimum(apart, longest[:, None, None] + 1), np.float64)


def _signs(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 or -1 for each axis ``(n, 1, k)``: the first node that lies off the centre lies on the positive side."""
    off = np.abs(axes) > 1e-6
    first = np.take_along_axis(axes, off.argmax(axis=1)[:, None], axis=1)
    return np.where(first < 0, -1.0, 1.0)
