"""Layers that mix dimensions between couplings: a fixed permutation, a fixed rotation, a learned matrix."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from workers.flows.transform import Transform


class Permutation(Transform):
    """Fixed random order of the dimensions, stored as a buffer."""

    order: Tensor
    back: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        order = torch.randperm(dim)
        self.register_buffer("order", order)
        self.register_buffer("back", order.argsort())

    @override
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x.index_select(1, self.order), x.new_zeros(len(x))

    @override
    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return y.index_select(1, self.back), y.new_zeros(len(y))


def random_rotation(dim: int) -> Tensor:
    """Haar-distributed orthogonal matrix ``(dim, dim)``, from torch's global generator."""
    q, r = torch.linalg.qr(torch.randn(dim, dim, dtype=torch.float64))
    return torch.mul(q, r.diagonal().sign())


class Rotation(Transform):
    """Fixed random rotation: leaves N(0, I) as it is, and shows each coupling combinations of all dimensions.

    The inverse multiplies by the computed inverse, not by the transpose: the stored matrix is orthogonal only to its
    own rounding, and the round trip should be exact to the dtype in use.
    """

    matrix: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("matrix", random_rotation(dim).float())

    @override
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x @ self.matrix.T, x.new_zeros(len(x))

    @override
    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return y @ torch.linalg.inv(self.matrix).T, y.new_zeros(len(y))


class LinearMixing(Transform):
    """Learned ``y = P L U x`` with fixed ``P``, unit-lower ``L`` and ``U`` of diagonal ``sign * exp(log_diagonal)``.

    Glow section 3.2: the determinant is read off the diagonal and can never be 0. Starts as a random rotation, so
    ``ladj`` starts at 0.
    """

    permutation: Tensor
    sign: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        permutation, lower, upper = torch.linalg.lu(random_rotation(dim))
        self.register_buffer("permutation", permutation.argmax(dim=1))
        self.register_buffer("sign", upper.diagonal().sign().float())
        self.lower = nn.Parameter(lower.tril(-1).float())
        self.upper = nn.Parameter(upper.triu(1).float())
        self.log_diagonal = nn.Parameter(upper.diagonal().abs().log().float())

    @override
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        matrix = (self._lower() @ self._upper())[self.permutation]
        return functional.linear(x, matrix), self.log_diagonal.sum().expand(len(x))

    @override
    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        matrix = (self._lower() @ self._upper())[self.permutation]
        return y @ torch.linalg.inv(matrix).T, -self.log_diagonal.sum().expand(len(y))

    def _lower(self) -> Tensor:
        return self.lower.tril(-1) + torch.eye(len(self.lower), dtype=self.lower.dtype, device=self.lower.device)

    def _upper(self) -> Tensor:
        return self.upper.triu(1) + torch.diag(self.sign * self.log_diagonal.exp())
