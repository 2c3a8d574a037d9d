"""The linear concept INN in closed form: whitening, then the rotation that puts each concept into its block."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_ROUNDS = 50


def shared_covariance(white: Tensor, pairs: Tensor) -> Tensor:
    """Symmetrised covariance between the two sides of ``pairs (m, 2)`` of whitened codes ``(n, d)``: ``(d, d)``.

    Its eigenvalues are the pair correlations of its eigenvectors, its trace over ``d`` is ``s_F``.
    """
    middle = white[pairs].mean(dim=(0, 1))
    first, second = white[pairs[:, 0]] - middle, white[pairs[:, 1]] - middle
    cross = first.T @ second / len(pairs)
    return (cross + cross.T) / 2


def shared_directions(covariance: Tensor, threshold: float) -> int:
    """In how many orthogonal directions sharing pairs are correlated by more than ``threshold``."""
    return int((torch.linalg.eigvalsh(covariance) > threshold).sum())


def concept_rotation(covariances: Sequence[Tensor], sizes: Sequence[int], dim: int) -> Tensor:
    """Orthogonal ``R (d, d)`` whose ``k``-th block of rows spans what pairs of concept ``k`` share.

    Maximises ``sum_k tr(R_k C_k R_k^T)`` by repeated polar decomposition: each round is the best rotation for the
    objective's tangent, and since every ``C_k`` is shifted to be positive, no round makes it worse. Rows of a block are
    ordered by their correlation; the residual's rows complete the basis.
    """
    if not sizes:
        return torch.eye(dim)
    positive = [c.double() + 1.01 * torch.eye(dim, dtype=torch.float64, device=c.device) for c in covariances]
    rows = _orthonormal([_leading(c, size) for c, size in zip(positive, sizes, strict=True)])
    for _ in range(_ROUNDS):
        rows = _orthonormal([part @ c for part, c in zip(torch.split(rows, list(sizes)), positive, strict=True)])
    blocks = [_ordered(part, c) for part, c in zip(torch.split(rows, list(sizes)), positive, strict=True)]
    return torch.cat([*blocks, _complement(torch.cat(blocks))]).float()


def _leading(covariance: Tensor, size: int) -> Tensor:
    vectors: Tensor = torch.linalg.eigh(covariance)[1]
    return vectors[:, -size:].flip(1).T


def _orthonormal(parts: Sequence[Tensor]) -> Tensor:
    """The nearest matrix with orthonormal rows (polar factor)."""
    left, _, right = torch.linalg.svd(torch.cat(list(parts)), full_matrices=False)
    return torch.mm(left, right)


def _ordered(rows: Tensor, covariance: Tensor) -> Tensor:
    """The same span, rows by falling correlation, each with a sign that does not depend on the solver."""
    turned = torch.mm(torch.linalg.eigh(rows @ covariance @ rows.T)[1].flip(1).T, rows)
    sign = turned.gather(1, turned.abs().argmax(dim=1, keepdim=True)).sign()
    return turned * sign


def _complement(rows: Tensor) -> Tensor:
    """Orthonormal rows of everything that ``rows`` does not span."""
    basis: Tensor = torch.linalg.svd(rows, full_matrices=True)[2]
    return basis[len(rows) :]
