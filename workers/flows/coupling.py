"""Double coupling: each half is transformed elementwise with parameters read from the other half and the context."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
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
        return cast(tuple[Tensor, Tensor], _ScaleAndShift.apply(x, theta, self.bound))  # type: ignore[no-untyped-call]

    @override
    def inverse(self, y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        raw, shift = theta.chunk(2, dim=1)
        log_scale = _bounded(raw, self.bound)
        return (y - shift) * (-log_scale).exp(), -log_scale.sum(dim=1)


class _ScaleAndShift(torch.autograd.Function):
    """The affine map and its ``ladj``, differentiated by hand: half the passes that autograd makes."""

    @staticmethod
    @override
    def forward(ctx: Any, x: Tensor, theta: Tensor, bound: float) -> tuple[Tensor, Tensor]:
        raw, shift = theta.chunk(2, dim=1)
        log_scale = _bounded(raw, bound)
        scale = log_scale.exp()
        ctx.save_for_backward(x, log_scale, scale)
        ctx.bound = bound
        return torch.addcmul(shift, x, scale), log_scale.sum(dim=1)

    @staticmethod
    @once_differentiable
    @override
    def backward(ctx: Any, to_y: Tensor, to_ladj: Tensor) -> tuple[Tensor, Tensor, None]:
        x, log_scale, scale = ctx.saved_tensors
        to_x = to_y * scale
        slope = 1 - (log_scale / ctx.bound).square_()
        to_raw = torch.addcmul(to_ladj.unsqueeze(1), to_x, x).mul_(slope)
        return to_x, torch.cat([to_raw, to_y], dim=1), None


def _bounded(raw: Tensor, bound: float) -> Tensor:
    return torch.tanh(raw / bound) * bound


class DoubleCoupling(Transform):
    """Transforms the second half by the first, then the first half by the transformed second.

    Odd ``dim`` gives the second part one number more; ``dim = 1`` leaves a map that depends on the context alone.

    Args:
        dim: size of the input, at least 1.
        kernel: the elementwise map.
        hidden: width of the conditioners.
        depth: their number of hidden layers.
    """

    def __init__(self, dim: int, kernel: ElementwiseMap, *, hidden: int, depth: int = 2) -> None:
        super().__init__()
        self.kernel, self.hidden = kernel, hidden
        self.sizes = (dim // 2, dim - dim // 2)
        low, high = self.sizes
        self.for_high = Conditioner(low, high * kernel.parameters, hidden=hidden, depth=depth)
        self.for_low = Conditioner(high, low * kernel.parameters, hidden=hidden, depth=depth) if low else None
        self.reads = 2 * hidden if low else hidden

    @override
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        low, high = x[:, : self.sizes[0]], x[:, self.sizes[0] :]
        to_high, to_low = self._halves(context)
        high, ladj = self.kernel.forward(high, self.for_high(low, to_high))
        if self.for_low is not None:
            low, more = self.kernel.forward(low, self.for_low(high, to_low))
            ladj = ladj + more
        return torch.cat([low, high], dim=1), ladj

    @override
    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        low, high = y[:, : self.sizes[0]], y[:, self.sizes[0] :]
        to_high, to_low = self._halves(context)
        ladj = y.new_zeros(len(y))
        if self.for_low is not None:
            low, ladj = self.kernel.inverse(low, self.for_low(high, to_low))
        high, more = self.kernel.inverse(high, self.for_high(low, to_high))
        return torch.cat([low, high], dim=1), ladj + more

    def _halves(self, context: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """What each conditioner adds; the second part is empty where there is one conditioner only."""
        if context is None:
            return None, None
        return context[:, : self.hidden], context[:, self.hidden :]
