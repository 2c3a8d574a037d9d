"""Values of a graph's nodes as rows, wherever a tap holds its node axes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .orbits import Orbit, Values


def node_rows(orbit: Orbit, values: Values) -> Values:
    """``(n, *shape) -> (n, nodes, d)``: one row per node, that permutes when the nodes do.

    With one node axis nothing is lost. With two (a value per pair of nodes) a row holds, of each of the other axes'
    entries, the node's own (diagonal), and the mean and the largest of those beside it along either axis: then rows are
    a summary.
    """
    axes = [1 + axis for axis in orbit.nodes]
    if len(axes) == 1:
        rows = np.moveaxis(values, axes[0], 1)
        return rows.reshape(*rows.shape[:2], -1)
    if len(axes) == 2:
        pairs = np.moveaxis(values, axes, (1, 2))
        return _summaries(pairs.reshape(*pairs.shape[:3], -1))  # (n, nodes, nodes, e)
    raise ValueError(f"at most two axes can number nodes, got {orbit.nodes} of {orbit.shape}")


def row_shape(orbit: Orbit) -> tuple[int, int]:
    """``(nodes, d)`` of :func:`node_rows`."""
    nodes = orbit.shape[orbit.nodes[0]]
    if len(orbit.nodes) == 1:
        return nodes, orbit.size // nodes
    entries = orbit.size // nodes**2
    return nodes, entries if nodes == 1 else 5 * entries


def permuted(orbit: Orbit, values: Values, order: NDArray[np.int64]) -> Values:
    """``values (n, *shape)`` with node ``order[i, k]`` of graph ``i`` in place ``k``; order ``(n, nodes)``."""
    for axis in orbit.nodes:
        places = [1] * values.ndim
        places[0], places[1 + axis] = order.shape
        values = np.take_along_axis(values, order.reshape(places), axis=1 + axis)
    return values


def _summaries(pairs: Values) -> Values:
    nodes = pairs.shape[1]
    own: Values = np.einsum("niie->nie", pairs)
    if nodes == 1:
        return own
    beside = np.where(np.eye(nodes, dtype=bool)[None, :, :, None], -np.inf, pairs)
    parts = [own]
    for axis in (1, 2):
        parts += [(pairs.sum(axis=axis) - own) / (nodes - 1), beside.max(axis=axis)]
    return np.concatenate(parts, axis=2)
