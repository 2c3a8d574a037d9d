"""Bounds the size of taps of graphs without giving the order of nodes a meaning.

Averages over neighbouring rows, as for pixels, would mix nodes that stand beside each other by chance: a tap that
follows a permutation of its nodes would no longer do so. What is left out instead: of pairs the second node (its mean
stays), then of features all but a few random mixtures, the same for every node (Johnson and Lindenstrauss 1984).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SEED = 20_260_101


def node_axes(shape: tuple[int, ...], nodes: int) -> tuple[int, ...]:
    """Which axes of one graph's tap run over its nodes: by their length, two neighbouring ones of equal rank first.

    ``(n, d)``, ``(d, n)``: one. ``(n, n, d)``, ``(d, n, n)``: two. Where features are as many as nodes, nodes come
    first. None at all in what is summed over nodes.
    """
    if len(shape) == 3:
        for pair in ((0, 1), (1, 2)):
            if all(shape[axis] == nodes for axis in pair):
                return pair
    if len(shape) < 2 or nodes not in shape:
        return ()
    return (shape.index(nodes),)


def reduced_shape(shape: tuple[int, ...], most: int, nodes: int) -> tuple[int, ...]:
    """Shape after :func:`reduce_nodes`."""
    axes = node_axes(shape, nodes)
    if not axes or math.prod(shape) <= most:
        return shape
    if len(axes) == 2:
        return reduced_shape(shape[: axes[1]] + shape[axes[1] + 1 :], most, nodes)
    return (nodes, max(1, most // nodes))


def reduce_nodes(values: NDArray[np.float32], most: int, nodes: int) -> NDArray[np.float32]:
    """Taps of graphs ``(n, *shape)`` to ``(n, *reduced_shape(shape, most, nodes))``, float32; small ones stay whole.

    A permutation of the nodes permutes the result as it permutes the tap.
    """
    shape = values.shape[1:]
    axes = node_axes(shape, nodes)
    if not axes or math.prod(shape) <= most:
        return values
    if len(axes) == 2:
        return reduce_nodes(values.mean(axis=1 + axes[1], dtype=np.float32), most, nodes)
    rows = np.moveaxis(values, 1 + axes[0], 1).reshape(len(values), nodes, -1)
    return np.asarray(rows @ _mixtures(rows.shape[2], max(1, most // nodes)), dtype=np.float32)


@lru_cache(maxsize=16)
def _mixtures(features: int, kept: int) -> NDArray[np.float32]:
    """``(features, kept)``: orthonormal columns in random directions, the same in every process."""
    drawn = np.random.default_rng(SEED).standard_normal((features, kept))
    return np.asarray(np.linalg.qr(drawn)[0], dtype=np.float32)
