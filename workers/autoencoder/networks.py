"""Image to features and back: a dense trunk, with strided convolutions around it for bigger images."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.autoencoder.config import AutoencoderConfig

PATCH = 4
"""Pixels that the convolutional trunk folds into channels before anything else."""
GRID = 8
"""Convolutions shrink the image until it is at most this many cells wide."""
_NARROW = 16
_WIDEST = 256
_Layer = TypeVar("_Layer", nn.Linear, nn.Conv2d)


class ResidualMLP(nn.Module):
    """``x + W2 silu(W1 norm(x))``; starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), _zero(nn.Linear(width, width))
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, width) -> (batch, width)``."""
        return torch.add(x, self.body(x))


class ResidualConv(nn.Module):
    """Two 3 x 3 convolutions beside the identity, which it starts as. ``channels`` is a multiple of 8."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.body = nn.Sequential(nn.GroupNorm(8, channels), nn.SiLU(), first, nn.SiLU(), _zero(second))

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, channels, h, w) -> (batch, channels, h, w)``."""
        return torch.add(x, self.body(x))


class PadTo(nn.Module):
    """Repeat the last row and column until both sizes are multiples of ``multiple``."""

    def __init__(self, multiple: int) -> None:
        super().__init__()
        self.multiple = multiple

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c, h, w) -> (batch, c, h', w')``."""
        down, right = (-size % self.multiple for size in x.shape[-2:])
        return functional.pad(x, (0, right, 0, down), mode="replicate") if down or right else x


class CropTo(nn.Module):
    """Drop what :class:`PadTo` added."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c, h', w') -> (batch, c, height, width)``."""
        return x[..., : self.height, : self.width]


def encoder(shape: tuple[int, int, int], config: AutoencoderConfig) -> nn.Sequential:
    """Network from images ``(batch, c, h, w)`` to ``(batch, 2 * code_dim)``; ``shape`` is ``(c, h, w)``."""
    stem, cells = _stem(shape, config)
    trunk = [ResidualMLP(config.width) for _ in range(config.depth)]
    head = [nn.SiLU(), nn.Linear(config.width, 2 * config.code_dim)]
    return nn.Sequential(*stem, nn.Flatten(), nn.Linear(cells, config.width), *trunk, *head)


def decoder(shape: tuple[int, int, int], config: AutoencoderConfig) -> nn.Sequential:
    """Network from codes ``(batch, code_dim)`` to image logits ``(batch, c, h, w)``; ``shape`` is ``(c, h, w)``."""
    head, cells = _head(shape, config)
    trunk = [ResidualMLP(config.width) for _ in range(config.depth)]
    return nn.Sequential(
        nn.Linear(config.code_dim, config.width), *trunk, nn.SiLU(), nn.Linear(config.width, cells), *head
    )


def _stem(shape: tuple[int, int, int], config: AutoencoderConfig) -> tuple[list[nn.Module], int]:
    channels, height, width = shape
    if config.trunk == "dense":
        return [], channels * height * width
    sizes = _widths(shape, config)
    layers: list[nn.Module] = [PadTo(_stride(sizes)), nn.PixelUnshuffle(PATCH)]
    layers += [nn.Conv2d(channels * PATCH**2, sizes[0], 1), ResidualConv(sizes[0])]
    for before, after in pairwise(sizes):
        layers += [nn.Conv2d(before, after, 2, stride=2), ResidualConv(after)]
    layers += [nn.SiLU(), nn.Conv2d(sizes[-1], _NARROW, 1), nn.SiLU()]
    return layers, _NARROW * _cells(shape, sizes)[0] * _cells(shape, sizes)[1]


def _head(shape: tuple[int, int, int], config: AutoencoderConfig) -> tuple[list[nn.Module], int]:
    channels, height, width = shape
    if config.trunk == "dense":
        return [nn.Unflatten(1, shape)], channels * height * width
    sizes = _widths(shape, config)
    grid = _cells(shape, sizes)
    layers: list[nn.Module] = [nn.SiLU(), nn.Unflatten(1, (_NARROW, *grid)), nn.Conv2d(_NARROW, sizes[-1], 1)]
    layers += [ResidualConv(sizes[-1])]
    for before, after in pairwise(reversed(sizes)):
        layers += [nn.Conv2d(before, 4 * after, 1), nn.PixelShuffle(2), ResidualConv(after)]
    layers += [nn.SiLU(), nn.Conv2d(sizes[0], channels * PATCH**2, 3, padding=1), nn.PixelShuffle(PATCH)]
    return [*layers, CropTo(height, width)], _NARROW * grid[0] * grid[1]


def _widths(shape: tuple[int, int, int], config: AutoencoderConfig) -> list[int]:
    """Channels of each scale, the finest first: doubled whenever the grid is halved."""
    widths = [config.channels]
    while max(shape[1:]) > GRID * PATCH * 2 ** (len(widths) - 1):
        widths.append(min(2 * widths[-1], _WIDEST))
    return widths


def _stride(sizes: list[int]) -> int:
    return PATCH << (len(sizes) - 1)


def _cells(shape: tuple[int, int, int], sizes: list[int]) -> tuple[int, int]:
    stride = _stride(sizes)
    return -(-shape[1] // stride), -(-shape[2] // stride)


def _zero(layer: _Layer) -> _Layer:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
