"""The foreground of an image on a fairly uniform border, and its moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .pixels import Floats

BORDER_NOISE_LIMIT = 0.06
"""Largest mean deviation of the border from its median: beyond it there is no 'background' to stand out from."""
MASS_LIMIT = 0.003
"""Smallest mean foreground weight: below it the picture is empty."""
NOISE_MARGIN = 0.02


@dataclass(frozen=True)
class Moments:
    """Moments of the foreground weight, ``(n,)`` each; NaN where an image has no foreground.

    ``x``, ``y``: centre relative to the image, -0.5..0.5, right and down. ``xx``, ``yy``, ``xy``: central second
    moments in square pixels.
    """

    x: Floats
    y: Floats
    xx: Floats
    yy: Floats
    xy: Floats


def border_median(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median colour of the outermost pixels, ``(n, c)``."""
    return np.asarray(np.median(_border(images), axis=1), dtype=np.float32)


def foreground_weight(images: NDArray[np.float32]) -> tuple[Floats, NDArray[np.bool_]]:
    """How much each pixel stands out from the border, ``(n, h, w)`` >= 0, and which images have a foreground at all.

    Twice the border's own deviation is taken off, so that noise does not pull the centre to the middle.
    """
    median = border_median(images)
    noise = np.abs(_border(images) - median[:, None]).mean(axis=(1, 2))
    distance = np.abs(images - median[:, None, None]).mean(axis=-1)
    weight = np.clip(distance - (2 * noise + NOISE_MARGIN)[:, None, None], 0, None)
    exists = (noise < BORDER_NOISE_LIMIT) & (weight.mean(axis=(1, 2)) > MASS_LIMIT)
    return weight, exists


def moments(images: NDArray[np.float32]) -> Moments:
    """First and second moments of the foreground of float images ``(n, h, w, c)``."""
    weight, exists = foreground_weight(images)
    n, height, width = weight.shape
    y, x = np.meshgrid(np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij")
    basis = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1).reshape(-1, 6)
    sums = weight.reshape(n, -1).astype(np.float64) @ basis  # (n, 6)
    mass = np.where(exists, sums[:, 0], np.nan)
    mx, my, mxx, myy, mxy = (sums[:, 1:] / np.where(mass > 0, mass, np.nan)[:, None]).T
    return Moments(mx / width, my / height, mxx - mx**2, myy - my**2, mxy - mx * my)


def _border(images: NDArray[np.float32]) -> NDArray[np.float32]:
    sides = [images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]]
    return np.concatenate(sides, axis=1)  # (n, pixels, c)
