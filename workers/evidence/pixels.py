"""Images as arrays: range check, chunks, luma, and hue-saturation-value both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Images = NDArray[Any]
"""``(n, h, w, c)`` or ``(n, h, w)``; uint8 in 0..255 or floating point in 0..1."""

REC601 = np.array([0.299, 0.587, 0.114], dtype=np.float32)
CHUNK_VALUES = 1 << 22


def as_float(images: Images) -> NDArray[np.float32]:
    """Images as float32 ``(n, h, w, c)`` in 0..1.

    Raises:
        ValueError: another number of axes, a value that is not finite, or one outside 0..1.
    """
    if images.ndim not in (3, 4):
        raise ValueError(f"images must have shape (n, h, w) or (n, h, w, c), got {images.shape}")
    stacked = images if images.ndim == 4 else images[..., None]
    if stacked.dtype == np.uint8:
        return np.multiply(stacked, np.float32(1 / 255), dtype=np.float32)
    floats = stacked.astype(np.float32)
    if floats.size and not (floats.min() >= -1e-4 and floats.max() <= 1 + 1e-4):  # also refuses NaN
        raise ValueError("floating point images must be finite and lie in 0..1")
    return np.clip(floats, 0, 1)


def like(edited: NDArray[np.float32], original: Images) -> Images:
    """``edited`` in 0..1 with the shape and dtype of ``original``; uint8 is rounded, not truncated."""
    clipped = np.clip(edited, 0, 1).reshape(original.shape)
    if original.dtype == np.uint8:
        return np.rint(clipped * 255).astype(np.uint8)
    return clipped.astype(original.dtype, copy=False)


def chunks(images: Images) -> list[slice]:
    """Slices over the first axis that hold about four million values each, to bound memory."""
    step = max(1, CHUNK_VALUES // max(1, int(np.prod(images.shape[1:]))))
    return [slice(start, start + step) for start in range(0, len(images), step)]


def by_chunk(measure: Callable[[NDArray[np.float32]], Floats], images: Images) -> NDArray[np.float64]:
    """``measure`` applied chunk by chunk to float images: ``(n, h, w, c) -> (n,)``."""
    parts = [np.asarray(measure(as_float(images[rows])), dtype=np.float64) for rows in chunks(images)]
    return np.concatenate(parts) if parts else np.empty(0)


def luma(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rec. 601 luma ``(n, h, w)`` of float images with three channels; the channel mean otherwise."""
    if images.shape[-1] == 3:
        return images @ REC601
    return np.asarray(images.mean(axis=-1), dtype=np.float32)


def to_hsv(images: NDArray[np.float32]) -> tuple[Floats, Floats, Floats]:
    """Hue (period 1), saturation and value, each ``(n, h, w)`` in 0..1. Grey pixels have hue 0."""
    red, green, blue = images[..., 0], images[..., 1], images[..., 2]
    value = np.maximum(np.maximum(red, green), blue)
    chroma = value - np.minimum(np.minimum(red, green), blue)
    safe = np.where(chroma > 0, chroma, 1)
    sector = np.where(
        value == red,
        (green - blue) / safe,
        np.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    return np.where(chroma > 0, sector / 6 % 1.0, 0), chroma / np.where(value > 0, value, 1), value


def from_hsv(hue: Floats, saturation: Floats, value: Floats) -> NDArray[np.float32]:
    """Inverse of :func:`to_hsv`: ``(n, h, w, 3)`` float32 in 0..1."""
    channels = []
    for offset in (5, 3, 1):
        sector = (offset + 6 * hue) % 6
        channels.append(value - value * saturation * np.clip(np.minimum(sector, 4 - sector), 0, 1))
    return np.stack(channels, axis=-1).astype(np.float32, copy=False)
