"""Bounds the size of spatial taps by average pooling; of graphs see :mod:`workers.classifier.node_pooling`."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .node_pooling import node_axes, reduce_nodes, reduced_shape

MOST_ELEMENTS = 4096


def pooled_shape(shape: tuple[int, ...], most: int = MOST_ELEMENTS, nodes: int | None = None) -> tuple[int, ...]:
    """Shape of one image's tap after pooling.

    ``(c, h, w)`` shrinks in height and width by one factor, ``(tokens, d)`` in tokens, until at most ``most`` elements
    are left or nothing spatial is; vectors are never touched. Axes of length one at the end go: ``(c, 1, 1)`` is
    ``(c,)``. ``nodes``: length of the axes of nodes in the tap of a graph, which are not pooled.
    """
    if nodes is not None and node_axes(shape, nodes):
        return reduced_shape(shape, most, nodes)
    if len(shape) == 3:
        channels, height, width = shape
        factor = min(1.0, math.sqrt(most / (channels * height * width)))
        height = max(1, int(height * factor))
        width = max(1, min(int(width * factor), most // (channels * height)))
        height = max(1, min(height, most // (channels * width)))  # an axis of one cannot shrink; the other must
        return (channels,) if height == width == 1 else (channels, height, width)
    if len(shape) == 2:
        tokens, features = shape
        tokens = max(1, min(tokens, most // features))
        return (features,) if tokens == 1 else (tokens, features)
    return shape


def pool(values: NDArray[np.float32], most: int = MOST_ELEMENTS, nodes: int | None = None) -> NDArray[np.float32]:
    """``(n, *shape)`` to ``(n, *pooled_shape(shape, most, nodes))``; block means over (fractional) windows.

    Pooling discards information, so a pooled tap is a lower bound of what the real one holds: a stage that reports
    such a tap must say so.
    """
    shape = values.shape[1:]
    if nodes is not None and node_axes(shape, nodes):
        return reduce_nodes(values, most, nodes)
    target = pooled_shape(shape, most)
    if len(shape) == 3:
        height, width = target[1:] or (1, 1)
        if (height, width) != shape[1:]:
            rows = np.tensordot(values, _means(shape[1], height), axes=(2, 1))  # (n, c, w, height): one product each,
            values = np.tensordot(rows, _means(shape[2], width), axes=(2, 1))  # (n, c, height, width)
    elif len(shape) == 2:
        tokens = target[0] if len(target) == 2 else 1
        values = _means(shape[0], tokens) @ values if tokens != shape[0] else values
    return values.reshape(len(values), *target)


@lru_cache(maxsize=64)
def _means(source: int, target: int) -> NDArray[np.float32]:
    """``(target, source)``: each row averages ``source / target`` neighbouring entries."""
    edges = np.arange(target + 1) * (source / target)
    cells = np.arange(source)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    weights = np.clip(overlap, 0.0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
