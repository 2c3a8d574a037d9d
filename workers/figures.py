"""Arrays to small pictures for a report."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workers.graphs.drawing import draw
from workers.graphs.packing import is_graph

LARGEST = 96
"""Longest side of a picture in a report, in pixels: a sheet holds hundreds of them."""


_edge_features: ContextVar[int | None] = ContextVar("edge_features", default=None)


@contextmanager
def graphs_with(edge_features: int | None) -> Iterator[None]:
    """Inside the block drawings of graphs take the last ``edge_features`` channels for those of edges.

    An array does not say how many they are, and no two graphs of a report may be drawn by different rules.
    """
    before = _edge_features.set(edge_features)
    try:
        yield
    finally:
        _edge_features.reset(before)


def to_png(image: NDArray[np.uint8]) -> str:
    """One image ``(h, w, c)`` uint8 as base64 PNG, shrunk to at most 96 pixels, never enlarged; a graph is drawn."""
    if is_graph(image):
        image = draw(image, _edge_features.get())
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
