"""Networks that turn a condition into the vector every coupling reads."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.flows.summary import inverse_std

_REACH = 6.0
_GRID = 8


class Standardise(nn.Module):
    """Stored standardisation, noise in training, and a clamp at 6 standard deviations.

    Constant dimensions become 0. The noise (in standard deviations) blurs the condition so that a small data set
    cannot be recognised row by row.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, shape: tuple[int, ...], noise: float = 0.0) -> None:
        super().__init__()
        self.noise = noise
        self.register_buffer("centre", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))

    @torch.no_grad()
    def fit(self, z: Tensor) -> None:
        """Take centre and scale from ``z (n, …)``, over every axis that the stored shape does not tell apart."""
        dims = (0, *(axis for axis in range(1, z.dim()) if self.centre.shape[axis - 1] == 1 < z.shape[axis]))
        self.centre.copy_(z.mean(dim=dims).reshape(self.centre.shape))
        self.scale.copy_(inverse_std(z, dims=dims).reshape(self.scale.shape))

    def forward(self, z: Tensor) -> Tensor:
        """Standardised ``z``, same shape, in [-6, 6]."""
        z = (z - self.centre) * self.scale
        if self.training and self.noise > 0:
            z = z + self.noise * torch.randn_like(z)
        return functional.hardtanh(z, -_REACH, _REACH)


class VectorEmbedder(nn.Module):
    """MLP for ``z (n, k)``, ``k = 0`` allowed: then every row gets the same learned vector.

    Args:
        size: ``k``.
        outputs: size of the embedding.
        width: hidden width.
        dropout: share of hidden units dropped in training.
        noise: see :class:`Standardise`.
    """

    def __init__(self, size: int, outputs: int, *, width: int = 128, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        self.size = size
        self.standardise = Standardise((max(1, size),), noise if size else 0.0)
        self.net = nn.Sequential(
            nn.Linear(max(1, size), width),
            nn.LeakyReLU(0.01),
            nn.Dropout(dropout),
            nn.Linear(width, outputs),
            nn.LeakyReLU(0.01),
        )

    def forward(self, z: Tensor) -> Tensor:
        """``(n, k) -> (n, outputs)``."""
        return cast(Tensor, self.net(self.standardise(self._columns(z))))

    def fit(self, z: Tensor) -> None:
        """Set the standardisation by ``z (n, k)``."""
        self.standardise.fit(self._columns(z))

    def _columns(self, z: Tensor) -> Tensor:
        return z if self.size else z.new_ones(len(z), 1)


class SpatialEmbedder(nn.Module):
    """Small CNN for ``z (n, c, h, w)``: pool to at most 8 x 8, two strided convolutions, one linear layer.

    Arguments as for :class:`VectorEmbedder`; ``shape`` is ``(c, h, w)``.
    """

    def __init__(
        self, shape: tuple[int, int, int], outputs: int, *, width: int = 64, dropout: float = 0.0, noise: float = 0.0
    ) -> None:
        super().__init__()
        channels, height, width_in = shape
        self.grid = (min(_GRID, height), min(_GRID, width_in))
        self.standardise = Standardise((channels, 1, 1), noise)
        rows, columns = (-(-side // 4) for side in self.grid)
        self.net = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=2, padding=1),
            nn.LeakyReLU(0.01),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.LeakyReLU(0.01),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(width * rows * columns, outputs),
            nn.LeakyReLU(0.01),
        )

    def forward(self, z: Tensor) -> Tensor:
        """``(n, c, h, w) -> (n, outputs)``."""
        return cast(Tensor, self.net(self.standardise(functional.adaptive_avg_pool2d(z, self.grid))))

    def fit(self, z: Tensor) -> None:
        """Set the standardisation by ``z (n, c, h, w)``, per channel of the pooled maps."""
        self.standardise.fit(functional.adaptive_avg_pool2d(z, self.grid))


def embedder_for(
    shape: tuple[int, ...], outputs: int, *, width: int, dropout: float, noise: float
) -> VectorEmbedder | SpatialEmbedder:
    """The embedder for conditions of ``shape``.

    Raises:
        ValueError: the shape is neither ``(k,)`` nor ``(c, h, w)``.
    """
    if len(shape) == 1:
        return VectorEmbedder(shape[0], outputs, width=width, dropout=dropout, noise=noise)
    if len(shape) == 3:
        return SpatialEmbedder((shape[0], shape[1], shape[2]), outputs, width=width, dropout=dropout, noise=noise)
    raise ValueError(f"a condition is (k,) or (c, h, w) per row, got {shape}")
