"""Real MNIST digits in random poses: which are trained on, which are held out, and how a digit is turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from deploy.demo.digits import mnist, slant, thickness

HELD_OUT = 1500
"""The first digits of the shuffled 5,000 are never trained on."""

Images = NDArray[np.float32]
Angles = NDArray[np.float64]


@dataclass(frozen=True)
class Digits:
    """Upright digits ``(n, 28, 28)`` float32 in 0..1, their labels 0..9, and how they were drawn by hand."""

    grey: Images
    labels: NDArray[np.int64]
    thickness: NDArray[np.float64]
    slant: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def of(cls, grey: Images, labels: NDArray[np.int64]) -> Digits:
        """Measure the strokes: their width in pixels, and their shear."""
        return cls(grey, labels, thickness(grey), slant(grey))


def split(held_out: int = HELD_OUT, trained: int | None = None) -> tuple[Digits, Digits]:
    """Digits to train on (the first ``trained`` of them), and digits held out."""
    grey, labels = mnist()
    rest = slice(HELD_OUT, None if trained is None else HELD_OUT + trained)
    return Digits.of(grey[rest], labels[rest]), Digits.of(grey[:held_out], labels[:held_out])


def any_angles(n: int, generator: np.random.Generator) -> Angles:
    """``n`` angles, uniform on the circle, in radians."""
    return generator.uniform(0, 2 * np.pi, n)


def turned(grey: Images, angles: Angles) -> Images:
    """Each picture turned anticlockwise about its centre by its angle (radians), bicubic: same shape, in 0..1."""
    cos, sin = np.cos(angles), np.sin(angles)
    zero = np.zeros_like(cos)
    maps = np.stack([np.stack([cos, -sin, zero], 1), np.stack([sin, cos, zero], 1)], 1)  # where each pixel comes from
    pictures = torch.from_numpy(grey)[:, None]
    grid = nn.functional.affine_grid(torch.from_numpy(maps).float(), list(pictures.shape), align_corners=False)
    found = nn.functional.grid_sample(pictures, grid, mode="bicubic", align_corners=False)
    return np.asarray(found[:, 0].clamp(0, 1).numpy(), dtype=np.float32)


def to_uint8(grey: Images) -> NDArray[np.uint8]:
    """``(n, 28, 28)`` in 0..1 to ``(n, 28, 28, 1)`` uint8: what an audit is given."""
    return np.asarray(np.rint(grey * 255), dtype=np.uint8)[..., None]
