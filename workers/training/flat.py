"""All trainable parameters of a module in one vector: clipping, AdamW and averaging become a few operations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class FlatParameters:
    """Moves parameters of one dtype and device into one vector, matrices first, and their gradients into another.

    The parameters stay what they are for the module, as views of ``values``; autograd adds to views of ``gradients``.
    A small network has a hundred parameters, and an operation on each costs more than the arithmetic in it.

    Args:
        parameters: what is trained, at least one.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self._parameters = sorted(parameters, key=lambda p: p.dim() <= 1)
        self.values = torch.cat([p.detach().reshape(-1) for p in self._parameters])
        self.gradients = torch.zeros_like(self.values)
        for parameter, value, gradient in zip(
            self._parameters, self._views(self.values), self._views(self.gradients), strict=True
        ):
            parameter.data, parameter.grad = value, gradient

    def matrices_and_vectors(self) -> tuple[nn.Parameter, nn.Parameter]:
        """Both parts of ``values`` for an optimiser, each with its part of ``gradients``; either may be empty."""
        count = sum(p.numel() for p in self._parameters if p.dim() > 1)
        parts = [nn.Parameter(part) for part in (self.values[:count], self.values[count:])]
        for part, gradient in zip(parts, (self.gradients[:count], self.gradients[count:]), strict=True):
            part.grad = gradient
        return parts[0], parts[1]

    def release(self) -> None:
        """Drop the gradients; the parameters stay views."""
        for parameter in self._parameters:
            parameter.grad = None

    def _views(self, vector: Tensor) -> list[Tensor]:
        pieces = torch.split(vector, [p.numel() for p in self._parameters])
        return [piece.view_as(p) for piece, p in zip(pieces, self._parameters, strict=True)]
