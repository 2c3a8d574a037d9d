"""Double coupling: each half is transformed elementwise with parameters read from the other half and the context."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from workers.flows.conditioner import Conditioner
from workers.flows.transform import Transform


class ElementwiseMap:
    """A monotone map of each number with ``parameters`` parameters per number, the identity when they are all 0."""

    parameters: int

    def forward(self, x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, d), (batch, d * parameters) -> (batch, d), ladj (batch,)``."""
        raise NotImplementedError

    def inverse(self, y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Inverse of :meth:`forward` at the same parameters."""
        raise NotImplementedError


class Affine(ElementwiseMap):
    """``y = x * exp(s) + t`` with ``s = bound * tanh(raw / bound)``: the scale stays in ``e^±bound``."""

    parameters = 2

    def __init__(self, bound: float = 1.0) -> None:
        self.bound = bound

    @override
    def forward(self, x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, shift = self._read(theta)
        return torch.addcmul(shift, x, log_scale.exp()), log_scale.sum(dim=1)

    @override
    def inverse(self, y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, shift = self._read(theta)
        return (y - shift) * (-log_scale).exp(), -log_scale.sum(dim=1)

    def _read(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        raw, shift = theta.chunk(2, dim=1)
        # bound * tanh(raw / bound), spelled by the sigmoid: torch's tanh is several times slower on a CPU.
        return torch.sigmoid(raw * (2 / self.bound)) * (2 * self.bound) - self.bound, shift


class DoubleCoupling(Transform):
    """Transforms the second half by the first, then the first half by the transformed second.

    Odd ``dim`` gives the second part one number more; ``dim = 1`` leaves a map that depends on the context alone.

    Args:
        dim: size of the input, at least 1.
        context: size of the context, 0 for none.
        kernel: the elementwise map.
        hidden: width of the conditioners.
        depth: their number of hidden layers.
    """

    def __init__(self, dim: int, context: int, kernel: ElementwiseMap, *, hidden: int, depth: int = 2) -> None:
        super().__init__()
        self.kernel = kernel
        self.sizes = (dim // 2, dim - dim // 2)
        low, high = self.sizes
        self.for_high = Conditioner(low, context, high * kernel.parameters, hidden=hidden, depth=depth)
        self.for_low = Conditioner(high, context, low * kernel.parameters, hidden=hidden, depth=depth) if low else None

    @override
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        low, high = x[:, : self.sizes[0]], x[:, self.sizes[0] :]
        high, ladj = self.kernel.forward(high, self.for_high(low, context))
        if self.for_low is not None:
            low, more = self.kernel.forward(low, self.for_low(high, context))
            ladj = ladj + more
        return torch.cat([low, high], dim=1), ladj

    @override
    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        low, high = y[:, : self.sizes[0]], y[:, self.sizes[0] :]
        ladj = y.new_zeros(len(y))
        if self.for_low is not None:
            low, ladj = self.kernel.inverse(low, self.for_low(high, context))
        high, more = self.kernel.inverse(high, self.for_high(low, context))
        return torch.cat([low, high], dim=1), ladj + more
