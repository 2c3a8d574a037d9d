"""Shifts, mirrors, turns and zooms of the last two axes of an array: pictures and feature maps move alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from .motions import Mirror, Shift, Turn, Zoom

Planar = Shift | Mirror | Turn | Zoom
Values = NDArray[Any]


def moved(motion: Planar, planes: Values, fill: Values) -> Values:
    """``planes (..., h, w)`` moved; ``fill``, which broadcasts to them, comes in from outside. Keeps the dtype.

    Shifts, mirrors and quarter turns (of squares) only move values; anything else is sampled bilinearly.
    """
    match motion:
        case Shift(down, right):
            return shifted(planes, down, right, fill)
        case Mirror(vertical, horizontal):
            return planes[..., :: -1 if vertical else 1, :: -1 if horizontal else 1]
        case Turn() if motion.quarters is not None and _allows(motion.quarters, planes.shape):
            return np.rot90(planes, motion.quarters, axes=(-2, -1))
        case Turn(degrees):
            angle = np.deg2rad(degrees)
            return sampled(planes, np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]), fill)
        case Zoom(factor):
            return sampled(planes, np.eye(2) / factor, fill)


def shifted(planes: Values, down: int, right: int, fill: Values) -> Values:
    """``planes (..., h, w)`` moved by whole cells."""
    height, width = planes.shape[-2:]
    found = np.array(np.broadcast_to(fill, planes.shape), dtype=planes.dtype)
    (to_y, from_y), (to_x, from_x) = _overlap(down, height), _overlap(right, width)
    found[..., to_y, to_x] = planes[..., from_y, from_x]
    return found


def sampled(planes: Values, back: Values, fill: Values) -> Values:
    """Bilinear sample of ``planes (..., h, w)`` at ``back @ (x, y)``, cells from the centre, x right and y down."""
    height, width = planes.shape[-2:]
    y, x = np.meshgrid(np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij")
    at = np.stack([x, y], axis=-1) @ np.asarray(back).T / (np.array([width, height]) / 2)
    flat = torch.from_numpy(
        np.asarray(planes - fill.astype(np.float32), dtype=np.float32).reshape(1, -1, height, width)
    )
    grid = torch.from_numpy(at.astype(np.float32))[None]
    found = F.grid_sample(flat, grid, padding_mode="zeros", align_corners=False).numpy().reshape(planes.shape) + fill
    return _as(found, planes.dtype)


def _as(values: Values, dtype: np.dtype[Any]) -> Values:
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
    return values.astype(dtype, copy=False)


def _overlap(by: int, side: int) -> tuple[slice, slice]:
    """Cells that are reached, and those that they come from."""
    by = max(-side, min(side, by))
    return slice(max(by, 0), side + min(by, 0)), slice(max(-by, 0), side + min(-by, 0))


def _allows(quarters: int, shape: tuple[int, ...]) -> bool:
    return quarters % 2 == 0 or shape[-2] == shape[-1]
