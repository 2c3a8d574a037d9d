"""A classifier that turns with its input: group convolutions of C8 in the regular representation, in plain torch.

Filters are linear combinations of circular harmonics on Gaussian rings, low frequencies near the centre (Weiler,
Hamprecht and Storath, CVPR 2018): such a filter is known between the pixels too, so turning it needs no resampling.
Maps have the shape ``(n, fields, 8, h, w)``: the eight channels of a field are the answers of one filter in eight
orientations. Turning the picture by ``r`` eighths turns the map and shifts the eight channels by ``r``: exactly for
quarter turns, whose grid is the same; up to the grid for those between.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

ORDER = 8
"""Orientations of a field."""
RING = 0.6
"""Standard deviation of a ring's profile, in pixels."""


def harmonics(size: int, order: int = ORDER) -> Tensor:
    """Circular harmonics turned anticlockwise by ``r / order`` of a turn: ``(order, count, size, size)`` of unit norm.

    On the ring of radius ``q`` the frequencies 0 to ``q``: well below what the grid can carry.
    """
    reach = (size - 1) / 2
    axis = torch.arange(size, dtype=torch.float64) - reach
    x, y = axis[None, :], -axis[:, None]  # y upwards
    radius, angle = torch.hypot(x, y), torch.atan2(y, x)
    turns = 2 * math.pi * torch.arange(order, dtype=torch.float64)[:, None, None] / order
    waves = []
    for ring in range(math.floor(reach) + 1):
        profile = torch.exp(-((radius - ring) ** 2) / (2 * RING**2))
        waves.append(profile.expand(order, size, size))
        for frequency in range(1, ring + 1):
            phase, wave = frequency * (angle - turns), profile * (radius > 0)  # the centre has no angle
            waves += [wave * torch.cos(phase), wave * torch.sin(phase)]
    stacked = torch.stack(waves, dim=1)
    norms = stacked[:1].square().sum(dim=(2, 3), keepdim=True).sqrt()
    return torch.div(stacked, norms).float()


class _Turning(nn.Module):
    """Weights over harmonics; a bias per field."""

    basis: Tensor

    def __init__(self, inputs: int, fields: int, size: int, padding: int) -> None:
        super().__init__()
        self.register_buffer("basis", harmonics(size))
        count = self.basis.shape[1]
        self.weight = nn.Parameter(torch.randn(fields, inputs, count) * math.sqrt(2 / (inputs * count)))
        self.bias = nn.Parameter(torch.zeros(fields))
        self.padding = padding

    def _convolve(self, maps: Tensor, filters: Tensor) -> Tensor:
        """``maps (n, c, h, w)``, ``filters (fields, 8, c, k, k)`` to ``(n, fields, 8, h, w)``."""
        bias = self.bias.repeat_interleave(ORDER)
        found = nn.functional.conv2d(maps, filters.flatten(0, 1), bias, padding=self.padding)
        return found.reshape(len(found), -1, ORDER, *found.shape[2:])


class Lift(_Turning):
    """From a picture ``(n, channels, h, w)`` to fields ``(n, fields, 8, h, w)``: each filter in eight orientations."""

    def forward(self, pictures: Tensor) -> Tensor:
        """The maps."""
        return self._convolve(pictures, torch.einsum("fck,rkij->frcij", self.weight, self.basis))


class GroupConvolution(_Turning):
    """From fields ``(n, in, 8, h, w)`` to fields: filter ``r`` reads orientation ``s`` by weights ``s - r``."""

    relative: Tensor

    def __init__(self, inputs: int, fields: int, size: int, padding: int) -> None:
        super().__init__(inputs * ORDER, fields, size, padding)
        steps = torch.arange(ORDER)
        self.register_buffer("relative", (steps[None, :] - steps[:, None]) % ORDER)  # [r, s]

    def forward(self, maps: Tensor) -> Tensor:
        """The maps."""
        by_step = self.weight.reshape(len(self.bias), -1, ORDER, self.weight.shape[2])
        weight = by_step[:, :, self.relative]  # (fields, in, r, s, k)
        filters = torch.einsum("firsk,rkab->frisab", weight, self.basis)
        return self._convolve(maps.flatten(1, 2), filters.flatten(2, 3))


class Halve(nn.Module):
    """Means of 2 x 2 pixels: what a quarter turn leaves in place."""

    def forward(self, maps: Tensor) -> Tensor:
        """``(n, fields, 8, h, w)`` to half the size."""
        halved = nn.functional.avg_pool2d(maps.flatten(1, 2), 2)
        return halved.reshape(*maps.shape[:3], *halved.shape[2:])


class RegularNet(nn.Module):
    """Digits ``(n, 1, 28, 28)`` to ten logits that do not change when the digit is turned by a multiple of 45 degrees.

    Args:
        fields: how many fields the three layers have; the last number is that of the codes.
    """

    def __init__(self, fields: tuple[int, int, int] = (4, 8, 16)) -> None:
        super().__init__()
        first, second, third = fields
        self.trunk = nn.Sequential(
            Lift(1, first, 5, padding=2), nn.BatchNorm3d(first), nn.ReLU(), Halve(),  # 14 x 14
            GroupConvolution(first, second, 5, padding=2), nn.BatchNorm3d(second), nn.ReLU(), Halve(),  # 7 x 7
            GroupConvolution(second, third, 7, padding=0), nn.BatchNorm3d(third), nn.ReLU(),  # 1 x 1
        )  # fmt: skip
        self.head = nn.Linear(third, 10)

    def codes(self, pictures: Tensor) -> Tensor:
        """The regular fields before the group pool, ``(n, fields, 8)``."""
        found: Tensor = self.trunk(pictures)
        return found.flatten(2)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits ``(n, 10)`` from the largest of each field."""
        logits: Tensor = self.head(self.codes(pictures).amax(dim=2))
        return logits
