"""A graph as one array ``(m, m, channels)``, as invariant graph networks read it (Maron et al., ICLR 2019).

Channel 0 is 255 on the diagonal where there is a node. Channels 1 to f hold node features on the diagonal, the last b
channels edge features beside it, symmetric. Values 0..255 stand for 0..1. There are four channels at least (zeros stand
between node and edge features where it takes them): images have 1 or 3, so an array tells by itself what it is.
Permuting rows and columns together is permuting the nodes. See ``deploy/decisions/0010``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Packed = NDArray[np.uint8]
FEWEST_CHANNELS = 4
IMAGE_CHANNELS = (1, 3)
LEVELS = 255.0


@dataclass(frozen=True)
class Graphs:
    """Graphs as networks read them, float32 in 0..1.

    Args:
        nodes: ``(n, m, f)``, zero where there is no node.
        adjacency: ``(n, m, m)``, or ``(n, m, m, b)`` with an axis of edge features; symmetric, zero on the diagonal.
        mask: ``(n, m)``, 1 where there is a node.
    """

    nodes: NDArray[np.float32]
    adjacency: NDArray[np.float32]
    mask: NDArray[np.float32]


def is_graph(array: NDArray[Any]) -> bool:
    """Whether ``(..., m, m, channels)`` holds packed graphs and not images."""
    return array.shape[-1] not in IMAGE_CHANNELS


def channels_for(node_features: int, edge_features: int) -> int:
    """Channels of the packed array."""
    return max(FEWEST_CHANNELS, 1 + node_features + edge_features)


def pack(nodes: NDArray[Any], adjacency: NDArray[Any], mask: NDArray[Any]) -> Packed:
    """Graphs as uint8 ``(n, m, m, channels)``.

    Args:
        nodes: ``(n, m, f)`` in 0..1; what stands where there is no node is dropped.
        adjacency: ``(n, m, m)`` or ``(n, m, m, b)`` in 0..1, symmetric, zero on the diagonal and at absent nodes.
        mask: ``(n, m)``, nonzero where there is a node.

    Raises:
        ValueError: the shapes do not fit each other.
    """
    edges = adjacency[..., None] if adjacency.ndim == 3 else adjacency
    n, m, features = nodes.shape
    if edges.shape[:3] != (n, m, m) or edges.ndim != 4 or mask.shape != (n, m):
        raise ValueError(f"nodes {nodes.shape}, adjacency {adjacency.shape} and mask {mask.shape} do not fit")
    packed = np.zeros((n, m, m, channels_for(features, edges.shape[3])), np.uint8)
    packed[..., packed.shape[3] - edges.shape[3] :] = levels(edges)
    diagonal = np.arange(m)
    present = mask != 0
    packed[:, diagonal, diagonal, 0] = np.where(present, 255, 0)
    packed[:, diagonal, diagonal, 1 : 1 + features] = levels(nodes) * present[..., None]
    return packed


def unpack(graphs: Packed, node_features: int, edge_features: int, edge_axis: bool = True) -> Graphs:
    """Inverse of :func:`pack`, up to its 256 levels. Without ``edge_axis`` the adjacency is ``(n, m, m)``.

    Raises:
        ValueError: the array has other channels than that many features need, or one matrix cannot hold the edges.
    """
    if graphs.ndim != 4 or graphs.shape[3] != channels_for(node_features, edge_features):
        raise ValueError(f"{graphs.shape} holds no graphs of {node_features} node and {edge_features} edge features")
    if not edge_axis and edge_features != 1:
        raise ValueError(f"{edge_features} edge features need an axis of their own")
    diagonal = np.arange(graphs.shape[1])
    on = graphs[:, diagonal, diagonal]  # (n, m, channels)
    edges = fractions(graphs[..., graphs.shape[3] - edge_features :])
    adjacency = edges if edge_axis else edges[..., 0]
    return Graphs(fractions(on[..., 1 : 1 + node_features]), adjacency, (on[..., 0] > 127).astype(np.float32))


def presence(graphs: Packed) -> NDArray[np.bool_]:
    """Where there are nodes, ``(n, m)``."""
    return np.asarray(np.diagonal(graphs[..., 0], axis1=1, axis2=2) > 127)


def permuted(graphs: Packed, order: NDArray[np.int64]) -> Packed:
    """Each graph with its nodes in the order of its row of ``order (n, m)``: node ``i`` is what was ``order[i]``."""
    rows = np.arange(len(graphs))[:, None, None]
    return graphs[rows, order[:, :, None], order[:, None, :]]


def resized(graphs: Packed, size: int) -> Packed:
    """Graphs with room for ``size`` nodes: absent ones are added, or left out from the end.

    Raises:
        ValueError: a graph has a node beyond ``size``.
    """
    m = graphs.shape[1]
    if size >= m:
        return np.pad(graphs, ((0, 0), (0, size - m), (0, size - m), (0, 0)))
    if presence(graphs)[:, size:].any():
        raise ValueError(f"a graph has a node beyond the first {size}")
    return np.ascontiguousarray(graphs[:, :size, :size])


def valid(graphs: Packed, edge_features: int) -> NDArray[np.bool_]:
    """Which arrays ``(n, m, m, channels)`` are graphs by the rules above, ``(n,)``."""
    away = ~np.eye(graphs.shape[1], dtype=bool)
    rest, edges = np.split(graphs, [graphs.shape[3] - edge_features], axis=3)
    there = presence(graphs)
    both = there[:, :, None] & there[:, None, :] & away
    on = np.diagonal(rest, axis1=1, axis2=2)  # (n, channels, m)
    faults = (
        (rest != 0) & away[..., None],  # node features beside the diagonal
        (edges != 0) & ~both[..., None],  # edges of absent nodes, or of a node to itself
        edges != edges.swapaxes(1, 2),
        (on != 0) & ~there[:, None, :],  # features of absent nodes
        (on[:, 0] != 0) & (on[:, 0] != 255),
    )
    return np.asarray(~np.any([fault.reshape(len(graphs), -1).any(axis=1) for fault in faults], axis=0))


def quantise(values: NDArray[Any], edge_features: int) -> Packed:
    """The graphs nearest to arrays ``(n, m, m, channels)`` of floats in 0..1: a node is there from 0.5 on, edges are
    the mean of both directions, and only what belongs to nodes that are there stays.
    """
    first = values.shape[3] - edge_features
    diagonal = np.arange(values.shape[1])
    on = values[:, diagonal, diagonal]
    edges = (values[..., first:] + values[..., first:].swapaxes(1, 2)) / 2
    mask = on[..., 0] >= 0.5
    both = mask[:, :, None] & mask[:, None, :] & ~np.eye(values.shape[1], dtype=bool)
    return pack(on[..., 1:first], edges * both[..., None], mask)


def levels(values: NDArray[Any]) -> Packed:
    """Values in 0..1 as the nearest of 256 levels; what lies beyond is cut. Whole numbers never become floats: eight
    times as large, they would fill the memory that intake is given.
    """
    if values.dtype.kind in "biu":
        return np.asarray(values > 0, dtype=np.uint8) * np.uint8(LEVELS)
    scaled = np.clip(values, 0.0, 1.0) * values.dtype.type(LEVELS)
    return np.asarray(np.rint(scaled, out=scaled), dtype=np.uint8)


def fractions(values: Packed) -> NDArray[np.float32]:
    """Inverse of :func:`levels`."""
    return np.asarray(values / np.float32(LEVELS), dtype=np.float32)
