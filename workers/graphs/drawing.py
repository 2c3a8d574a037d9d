"""A packed graph as a small picture: nodes as discs in the colour of their type, edges as lines as wide as theirs."""

from __future__ import annotations

from functools import lru_cache

import networkx
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from workers.graphs.canonical import canonical_order, linked
from workers.graphs.packing import Packed, permuted, presence

SIDE = 96
"""Pixels of a picture."""
COLOURS = ("#4a4d54", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")
"""Of node features in order, as ``schemas.graphs.NODE_COLOURS`` has them for the legend: numerics know no schemas."""
WIDTHS = (1, 2, 3, 4)
"""Lines of an edge, by its feature in order: as ``schemas.graphs.EDGE_WIDTHS``."""
_FINE = 3
_MARGIN, _RADIUS, _LINE = 0.09, 0.068, 0.022
"""Of the side: space around, radius of a disc, width of the thinnest edge."""
_INK, _PAPER = "#8a8f98", "#ffffff"
"""One grey that shows on white; the paper is white in dark reports too, as pictures of molecules are."""


def draw(graph: Packed, edge_features: int | None = None) -> NDArray[np.uint8]:
    """A picture ``(96, 96, 3)`` of one packed graph ``(m, m, channels)``; the same for every order of its nodes.

    Nodes are placed by the algorithm of Kamada and Kawai (1989) and turned so that the longest axis lies across.
    ``edge_features``: how many channels are those of edges; else all from the first that is on beside the diagonal.
    """
    ordered = permuted(graph[None], canonical_order(graph[None]))
    count = int(presence(ordered).sum())
    kept = np.ascontiguousarray(ordered[0, :count, :count])
    return np.frombuffer(_drawn(kept.tobytes(), kept.shape, edge_features), np.uint8).reshape(SIDE, SIDE, 3)


@lru_cache(maxsize=4096)
def _drawn(data: bytes, shape: tuple[int, ...], edge_features: int | None) -> bytes:
    graph = np.frombuffer(data, np.uint8).reshape(shape)
    joined = linked(graph[None])[0]
    size = SIDE * _FINE
    points = (_MARGIN + (1 - 2 * _MARGIN) * layout(joined)) * size
    picture = Image.new("RGB", (size, size), _PAPER)
    pen = ImageDraw.Draw(picture)
    first = _first_edge(graph, joined) if edge_features is None else shape[2] - edge_features
    for i, j in np.argwhere(np.triu(joined)):
        _line(pen, points[i], points[j], int(graph[i, j, first:].argmax()))
    for point, values in zip(points, np.diagonal(graph).T, strict=True):
        _disc(pen, point, COLOURS[int(values[1:].argmax()) % len(COLOURS)])
    return picture.resize((SIDE, SIDE), Image.Resampling.BOX).tobytes()


def layout(joined: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Places of nodes ``(k, 2)`` within the unit square, by which are ``joined (k, k)``; the longest way is across."""
    graph = networkx.from_numpy_array(joined.astype(np.int64))
    start = networkx.circular_layout(graph)
    found = networkx.kamada_kawai_layout(graph, pos=start) if len(joined) > 1 else start
    places = np.array([found[node] for node in graph], np.float64).reshape(-1, 2)
    centred = places - places.mean(axis=0)
    turned = centred @ np.linalg.svd(centred, full_matrices=False)[2].T if len(places) > 1 else centred
    return np.asarray(0.5 + turned / max(2 * float(np.abs(turned).max(initial=0)), 1e-9))


def _first_edge(graph: Packed, joined: NDArray[np.bool_]) -> int:
    return int((graph[joined] != 0).any(axis=0).argmax()) if joined.any() else 1


def _line(pen: ImageDraw.ImageDraw, start: NDArray[np.float64], end: NDArray[np.float64], kind: int) -> None:
    """As many parallel lines as the type's width says: single, double, triple."""
    lines = WIDTHS[min(kind, len(WIDTHS) - 1)]
    width = _LINE * SIDE * _FINE
    way = end - start
    across = np.array([-way[1], way[0]]) / max(float(np.linalg.norm(way)), 1e-9)
    for offset in (np.arange(lines) - (lines - 1) / 2) * 1.9 * width:
        pen.line([tuple(start + offset * across), tuple(end + offset * across)], fill=_INK, width=round(width))


def _disc(pen: ImageDraw.ImageDraw, place: NDArray[np.float64], colour: str) -> None:
    radius = _RADIUS * SIDE * _FINE
    (x, y), edge = place, round(radius / 5)
    box = (x - radius, y - radius, x + radius, y + radius)
    pen.ellipse(box, fill=colour, outline=_PAPER, width=edge)
