"""Arrays to small pictures for a report."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workers.graphs.drawing import draw
from workers.graphs.packing import is_graph

LARGEST = 96
"""Longest side of a picture in a report, in pixels: a sheet holds hundreds of them."""


def to_png(image: NDArray[np.uint8]) -> str:
    """One image ``(h, w, c)`` uint8 as base64 PNG, shrunk to at most 96 pixels, never enlarged; a graph is drawn."""
    if is_graph(image):
        image = draw(image)
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
