"""Leakage control: a probe looks for the answer in ``z_n``, the encoder learns to leave it nothing.

Gradient reversal (Ganin and Lempitsky 2015, section 3): one backward pass trains both sides.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from workers.vae.objective import soft_label_cross_entropy


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse_gradient(x: Tensor, strength: float) -> Tensor:
    """``x`` itself; its gradient is multiplied by ``-strength``."""
    reversed_: Tensor = _Reverse.apply(x, strength)  # type: ignore[no-untyped-call]
    return reversed_


class Adversary(nn.Module):
    """MLP probe of the classifier's answer from ``z_n``."""

    def __init__(self, nuisance_dim: int, classes: int, width: int = 128) -> None:
        super().__init__()
        self.probe = nn.Sequential(
            nn.Linear(nuisance_dim, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, classes)
        )

    def forward(self, nuisance: Tensor, targets: Tensor, strength: float) -> Tensor:
        """Cross entropy per row, nats: the probe lowers it, what made ``nuisance`` raises ``strength`` times it."""
        return soft_label_cross_entropy(self.probe(reverse_gradient(nuisance, strength)), targets)
