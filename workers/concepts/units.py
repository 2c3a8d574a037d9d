"""A layer's values as codes of a flow, and exactly back (papers.md 2(e), "ReLU or one-hot latents have no density")."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.tensors import require_shape

CONSTANT = 1e-6
"""Share of the largest value below which a unit's deviation counts as none."""
RANK = 1e-5
"""Share of the largest singular value below which a direction counts as empty."""


@dataclass(frozen=True)
class Units:
    """Standardised units on the span in which they vary at all.

    Attributes:
        mean: of every unit, ``(u,)``.
        scale: standard deviation of every unit; 0 for the constant ones.
        basis: orthonormal columns, ``(u, r)``: directions of the standardised units, by falling variance.
    """

    mean: Tensor
    scale: Tensor
    basis: Tensor

    @property
    def rank(self) -> int:
        """Size of a code."""
        return int(self.basis.shape[1])

    def read(self, values: Tensor) -> Tensor:
        """Codes ``(n, r)`` of values ``(n, u)``."""
        standard = (values - self.mean) / torch.where(self.scale > 0, self.scale, 1.0)
        return torch.mm(standard * (self.scale > 0), self.basis)

    def change(self, before: Tensor, after: Tensor) -> Tensor:
        """What to add to values ``(n, u)`` when their codes ``(n, r)`` become others.

        Everything outside the span stays what it is for that image: no change of the codes is no change at all.
        """
        return torch.mm(after - before, self.basis.T) * self.scale


def fit_units(values: Tensor) -> Units:
    """Units of a layer's values ``(n, u)``; constant units are left out, duplicates share a direction.

    Raises:
        ShapeError: not a matrix.
    """
    require_shape("values", values, None, None)
    exact = values.double()
    mean, deviation = exact.mean(dim=0), exact.std(dim=0, correction=0)
    scale = torch.where(deviation > CONSTANT * exact.abs().amax(), deviation, 0.0)
    standard = (exact - mean) / torch.where(scale > 0, scale, 1.0) * (scale > 0)
    variances, directions = torch.linalg.eigh(standard.T @ standard)
    kept = variances > RANK**2 * variances[-1].clamp_min(torch.finfo(torch.float64).tiny)
    basis = directions[:, kept].flip(1)
    signs = basis.gather(0, basis.abs().argmax(dim=0, keepdim=True)).sign()  # eigenvectors have no sign of their own
    return Units(mean.float(), scale.float(), (basis * signs).float())
