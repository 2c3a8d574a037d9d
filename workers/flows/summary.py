"""What the closed-form layer reads of a condition: a short standardised vector."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_FEATURES = 1024
_GRID = 4


class ConditionSummary(nn.Module):
    """Standardised linear features of a condition, ``(n, k)`` or ``(n, c, h, w)`` to ``(n, size)``.

    A spatial condition is average-pooled to at most 4 x 4 cells (fewer when that leaves more than 1,024 numbers);
    whatever is longer than ``limit`` is projected on its first principal components. So for a long or spatial
    condition the closed form is linear in this summary, not in every number of the condition; the flow's embedder
    still reads the condition itself.

    Args:
        shape: of one condition: ``(k,)`` or ``(c, h, w)``.
        limit: largest size of the summary.
    """

    centre: Tensor
    basis: Tensor

    def __init__(self, shape: tuple[int, ...], limit: int = 256) -> None:
        super().__init__()
        self.grid = _grid(shape) if len(shape) == 3 else None
        features = shape[0] * (math.prod(self.grid) if self.grid else 1)
        self.size = min(features, limit)
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("basis", torch.zeros(features, self.size))

    def forward(self, z: Tensor) -> Tensor:
        """``(n, …) -> (n, size)``."""
        return (self._features(z) - self.centre) @ self.basis

    @torch.no_grad()
    def fit(self, z: Tensor, generator: torch.Generator) -> None:
        """Set centre and basis by the conditions ``z``; constant features come out as 0."""
        if self.size == 0:
            return
        features = self._features(z)
        centre = features.mean(dim=0)
        scale = inverse_std(features)
        self.centre.copy_(centre)
        if self.size == len(centre):
            self.basis.copy_(torch.diag(scale))
        else:
            axes = principal_axes((features - centre) * scale, self.size, generator)
            self.basis.copy_(scale.unsqueeze(1) * axes)

    def _features(self, z: Tensor) -> Tensor:
        return z if self.grid is None else functional.adaptive_avg_pool2d(z, self.grid).flatten(1)


def inverse_std(x: Tensor, *, dims: tuple[int, ...] = (0,)) -> Tensor:
    """1 / std over ``dims``; 0 where the values are constant to the accuracy of float32."""
    std, mean = torch.std_mean(x, dim=dims, correction=0)
    constant = std <= 1e-6 * (mean.abs() + 1e-6)
    return torch.where(constant, torch.zeros_like(std), 1 / std.clamp_min(1e-12))


def principal_axes(x: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """First principal axes of centred ``x (n, k)``: ``(k, count)``, orthonormal columns.

    Randomised subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4), seeded by ``generator``.
    """
    size = min(count + 16, *x.shape)
    q = torch.randn(x.shape[1], size, generator=generator, device=generator.device).to(x)
    for _ in range(4):
        q = torch.linalg.qr(x.T @ (x @ q))[0]
    _, _, right = torch.linalg.svd(x @ q, full_matrices=False)
    axes = q @ right.T
    return functional.pad(axes[:, :count], (0, count - min(count, axes.shape[1])))


def _grid(shape: tuple[int, ...]) -> tuple[int, int]:
    channels, height, width = shape
    side = max(1, min(_GRID, math.isqrt(max(1, _FEATURES // channels))))
    return min(side, height), min(side, width)
