"""Image statistics that are measured, not labelled: one number per image, NaN where it does not exist."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .foreground import moments
from .pixels import Floats, Images, by_chunk, luma, to_hsv

COLOUR_LIMIT = 0.004
"""Smallest mean chroma of an image that has a colour."""
HUE_CONCENTRATION_LIMIT = 0.15
"""Smallest resultant length of the hues: below it the colours cancel and their mean is noise."""
ELONGATION_LIMIT = 0.15
"""Smallest relative difference of the principal moments: below it the shape is round and has no angle."""


def hue(images: Images) -> NDArray[np.float64]:
    """Chroma-weighted circular mean of the HSV hue, period 1, ``(n,)``; NaN for grey or motley images."""
    return by_chunk(_hue, images)


def saturation(images: Images) -> NDArray[np.float64]:
    """Value-weighted mean of the HSV saturation, 0..1; NaN for images that are black."""
    return by_chunk(_saturation, images)


def luminance(images: Images) -> NDArray[np.float64]:
    """Mean Rec. 601 luma, 0..1."""
    return by_chunk(lambda floats: luma(floats).mean(axis=(1, 2), dtype=np.float64), images)


def contrast(images: Images) -> NDArray[np.float64]:
    """Standard deviation of the luma, 0..0.5."""
    return by_chunk(lambda floats: luma(floats).std(axis=(1, 2), dtype=np.float64), images)


def sharpness(images: Images) -> NDArray[np.float64]:
    """Root mean square Laplacian of the luma over its standard deviation, >= 0; NaN for flat images.

    The ratio does not change with contrast or luminance, so that those are not measured twice.
    """
    return by_chunk(_sharpness, images)


def position_x(images: Images) -> NDArray[np.float64]:
    """Horizontal centre of the foreground relative to the image, -0.5 (left) .. 0.5 (right)."""
    return by_chunk(lambda floats: moments(floats).x, images)


def position_y(images: Images) -> NDArray[np.float64]:
    """Vertical centre of the foreground relative to the image, -0.5 (top) .. 0.5 (bottom)."""
    return by_chunk(lambda floats: moments(floats).y, images)


def size(images: Images) -> NDArray[np.float64]:
    """Root mean square radius of the foreground over the geometric mean of height and width."""
    side = float(np.sqrt(images.shape[1] * images.shape[2]))
    return by_chunk(lambda floats: _radius(floats) / side, images)


def rotation(images: Images) -> NDArray[np.float64]:
    """Angle of the foreground's principal axis in radians, period pi, clockwise from the x axis; NaN when round."""
    return by_chunk(_rotation, images)


def _hue(images: NDArray[np.float32]) -> Floats:
    angle, saturation_, value = to_hsv(images)
    chroma = (saturation_ * value).astype(np.float32)
    turns = (2 * np.pi * angle).astype(np.float32)
    cosine = (chroma * np.cos(turns)).mean(axis=(1, 2), dtype=np.float64)
    sine = (chroma * np.sin(turns)).mean(axis=(1, 2), dtype=np.float64)
    mass = chroma.mean(axis=(1, 2), dtype=np.float64)
    clear = (mass > COLOUR_LIMIT) & (np.hypot(cosine, sine) > HUE_CONCENTRATION_LIMIT * mass)
    return np.where(clear, np.arctan2(sine, cosine) / (2 * np.pi) % 1.0, np.nan)


def _saturation(images: NDArray[np.float32]) -> Floats:
    red, green, blue = (images[..., channel] for channel in range(3))  # far faster than a maximum over the last axis
    value = np.maximum(np.maximum(red, green), blue)
    chroma = (value - np.minimum(np.minimum(red, green), blue)).sum(axis=(1, 2), dtype=np.float64)
    mass = value.sum(axis=(1, 2), dtype=np.float64)
    return np.where(mass > 1e-3, chroma / np.maximum(mass, 1e-3), np.nan)  # S * V is the chroma


def _sharpness(images: NDArray[np.float32]) -> Floats:
    grey = luma(images)
    centre = grey[:, 1:-1, 1:-1]
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    energy = np.square(around - 4 * centre).mean(axis=(1, 2), dtype=np.float64)
    variance = grey.var(axis=(1, 2), dtype=np.float64)
    return np.where(variance > 1e-5, np.sqrt(energy / np.maximum(variance, 1e-5)), np.nan)


def _radius(images: NDArray[np.float32]) -> Floats:
    found = moments(images)
    return np.sqrt(found.xx + found.yy)


def _rotation(images: NDArray[np.float32]) -> Floats:
    found = moments(images)
    difference = np.hypot(found.xx - found.yy, 2 * found.xy)
    long = difference > ELONGATION_LIMIT * (found.xx + found.yy)
    return np.where(long, 0.5 * np.arctan2(2 * found.xy, found.xx - found.yy) % np.pi, np.nan)
