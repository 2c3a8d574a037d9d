"""Signed maps as pictures: red speaks for, blue against, white is nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
STOPS = np.array(
    [[5, 48, 97], [67, 147, 195], [209, 229, 240], [247, 247, 247], [253, 219, 199], [214, 96, 77], [103, 0, 31]],
    dtype=np.float32,
)  # fmt: skip
"""ColorBrewer's RdBu reversed, at seven even places from -1 to 1: also told apart by most colour-blind people."""
SHOWS_THROUGH = 0.25


def signed(values: NDArray[np.floating], limit: float) -> Images:
    """Values ``(h, w)`` in colours ``(h, w, 3)``; ``-limit`` is the deepest blue, ``limit`` the deepest red."""
    share = np.clip(values / max(limit, 1e-12), -1, 1)
    places = (share + 1) / 2 * (len(STOPS) - 1)
    left = np.minimum(places.astype(np.int64), len(STOPS) - 2)
    rest = (places - left)[..., None]
    return np.asarray(np.rint(STOPS[left] * (1 - rest) + STOPS[left + 1] * rest), dtype=np.uint8)


def overlay(values: NDArray[np.floating], limit: float, image: Images) -> Images:
    """A patch map ``(rows, columns)`` over a shade of its ``image`` ``(h, w, c)``, ``(h, w, 3)``."""
    height, width = image.shape[:2]
    down = np.arange(height) * values.shape[0] // height
    across = np.arange(width) * values.shape[1] // width
    colours = signed(values[down[:, None], across], limit)
    grey = image.mean(axis=-1, keepdims=True)
    return np.asarray(np.rint((1 - SHOWS_THROUGH) * colours + SHOWS_THROUGH * grey), dtype=np.uint8)


def legend(width: int = 96) -> Images:
    """The scale from blue to red, ``(12, width, 3)``."""
    return signed(np.tile(np.linspace(-1, 1, width), (12, 1)), 1.0)
