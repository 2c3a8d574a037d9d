"""ActNorm (Kingma and Dhariwal 2018, Glow, section 3.1) with an explicit start."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

from workers.flows.transform import Transform


class NotInitialised(RuntimeError):
    """A data-dependent layer was used before ``initialise`` had seen data."""


class ActNorm(Transform):
    """``y = (x - shift) * exp(log_scale)`` per dimension.

    The scale is exp-parametrised, so it can never cross 0. Data set it only through :meth:`initialise`: a layer that
    sets itself on first use would answer differently depending on which batch came first, and wrongly when the first
    use is an inverse.

    Raises:
        NotInitialised: either direction before :meth:`initialise` or loading.
    """

    initialised: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(dim))
        self.log_scale = nn.Parameter(torch.zeros(dim))
        self.register_buffer("initialised", torch.tensor(False))

    @torch.no_grad()
    @override
    def initialise(self, batch: Tensor, context: Tensor | None = None) -> Tensor:
        """Make ``batch`` (at least one row) come out with mean 0 and variance 1; constant dimensions keep scale 1."""
        std = batch.std(dim=0, correction=0)
        self.shift.copy_(batch.mean(dim=0))
        self.log_scale.copy_(torch.where(std > 1e-6, -std.clamp_min(1e-6).log(), torch.zeros_like(std)))
        self.initialised.fill_(True)
        return self.run(batch, context)[0]

    @override
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        self._require_initialised()
        return (x - self.shift) * self.log_scale.exp(), self.log_scale.sum().expand(len(x))

    @override
    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        self._require_initialised()
        return y * (-self.log_scale).exp() + self.shift, -self.log_scale.sum().expand(len(y))

    def _require_initialised(self) -> None:
        if not self.initialised:
            raise NotInitialised("call initialise(batch) before using an ActNorm")
