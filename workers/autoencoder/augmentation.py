"""Small shifts, turns and changes of size and colour, which widen what the autoencoder can show."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_TURN = math.radians(10)
_ZOOM = 0.1
_SHEAR = 0.1
_SHIFT = 0.05


def jitter(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image under its own small affine map: ``(batch, c, h, w)`` to the same, floats.

    Within 10 degrees, 10 % of size and shear, 2.5 % of the width; outside, the edge is repeated.
    """
    matrix = _small_affine(len(images), generator).to(images.device)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def swap_channels(images: Tensor, generator: torch.Generator) -> Tensor:
    """The same random order of channels for the whole batch ``(batch, c, h, w)``."""
    order = torch.randperm(images.shape[1], generator=generator)
    return images[:, order.to(images.device)]


def chance(share: float, generator: torch.Generator) -> bool:
    """True with probability ``share``."""
    return bool(torch.rand((), generator=generator) < share)


def _small_affine(count: int, generator: torch.Generator) -> Tensor:
    turn, zoom, shear, right, down = (torch.rand(5, count, generator=generator) * 2 - 1).unbind()
    angle, size = turn * _TURN, 1 + zoom * _ZOOM
    cos, sin = angle.cos() * size, angle.sin() * size
    rows = [cos, shear * _SHEAR - sin, right * _SHIFT, sin, cos, down * _SHIFT]
    return torch.stack(rows, dim=1).view(count, 2, 3)
