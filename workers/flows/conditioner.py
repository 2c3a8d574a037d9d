"""The network inside a coupling: reads one part and the context, gives the parameters for the other part."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from typing_extensions import override

_SLOPE = 0.01


class Conditioner(nn.Module):
    """One MLP for all parameters of a coupling (scale and shift together: half the cost of two nets).

    Its last layer starts at 0, so every coupling starts as the identity. What it reads is clamped to ``±reach``: far
    from the data it repeats what it learned at the edge instead of extrapolating, which keeps the flow invertible in
    float32 on edited and swapped codes. Any function may feed a coupling, so the clamp costs no exactness.

    Args:
        inputs: size of the part it reads, 0 allowed.
        outputs: numbers to produce per row.
        hidden: width.
        depth: number of hidden layers, at least 1.
        reach: largest absolute input, in the units of a standardised code.
    """

    def __init__(self, inputs: int, outputs: int, *, hidden: int, depth: int = 2, reach: float = 5.0) -> None:
        super().__init__()
        self.reach = reach
        widths = [inputs, *[hidden] * depth, outputs]
        self.layers = nn.ModuleList(_linear(*pair) for pair in pairwise(widths))
        for leaf in self.layers[-1].parameters():
            nn.init.zeros_(leaf)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """``(batch, inputs) -> (batch, outputs)``; ``context (m, hidden)`` is added before the first activation.

        Each row of the context serves ``batch / m`` consecutive rows.
        """
        leaves = list(self.layers.parameters())  # weight and bias of each layer in turn
        if not torch.is_grad_enabled():
            return _layers(x, context, self.reach, leaves)[0]
        return cast(Tensor, _Mlp.apply(x, context, self.reach, *leaves))  # type: ignore[no-untyped-call]


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer; without inputs it is its bias alone, and torch would warn that there is nothing to draw."""
    layer = nn.Linear(max(1, inputs), outputs)
    if inputs == 0:
        layer.weight = nn.Parameter(layer.weight.detach()[:, :0])
    return layer


class _Mlp(torch.autograd.Function):
    """Linear layers with leaky units between them, differentiated by hand.

    Autograd would do the same products, but twice as many passes over the hidden layers around them.
    """

    @staticmethod
    @override
    def forward(ctx: Any, x: Tensor, context: Tensor | None, reach: float, *leaves: Tensor) -> Tensor:
        y, read = _layers(x, context, reach, leaves)
        ctx.save_for_backward(x, *leaves[::2], *read)
        ctx.reach, ctx.context = reach, None if context is None else len(context)
        return y

    @staticmethod
    @once_differentiable
    @override
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, *rest = ctx.saved_tensors
        weights, read = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        leaves = [grad.T @ read[-1], grad.sum(dim=0)]
        for above, below, hidden in zip(weights[:0:-1], read[-2::-1], read[:0:-1], strict=True):
            grad = grad @ above
            # In place: a leaky unit gives out the sign that it read.
            torch.ops.aten.leaky_relu_backward.grad_input(grad, hidden, _SLOPE, True, grad_input=grad)
            leaves = [grad.T @ below, grad.sum(dim=0), *leaves]
        to_context = None if ctx.context is None else _by_context(grad, ctx.context).sum(dim=1)
        to_x = torch.ops.aten.hardtanh_backward(grad @ weights[0], x, -ctx.reach, ctx.reach)
        return to_x, to_context, None, *leaves


def _layers(x: Tensor, context: Tensor | None, reach: float, leaves: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """The output, and what each layer read."""
    weights, biases = leaves[::2], leaves[1::2]
    read = [x.clamp(-reach, reach)]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        hidden = torch.addmm(bias, read[-1], weight.T)
        if context is not None and len(read) == 1:
            _by_context(hidden, len(context)).add_(context.unsqueeze(1))
        read.append(functional.leaky_relu_(hidden, _SLOPE))
    return torch.addmm(biases[-1], read[-1], weights[-1].T), read


def _by_context(rows: Tensor, contexts: int) -> Tensor:
    """``(batch, hidden) -> (contexts, batch / contexts, hidden)``, a view."""
    return rows.view(contexts, len(rows) // max(1, contexts), rows.shape[1])
