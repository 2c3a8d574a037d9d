"""The network inside a coupling: reads one part and the context, gives the parameters for the other part."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


class Conditioner(nn.Module):
    """One MLP for all parameters of a coupling (scale and shift together: half the cost of two nets).

    Its last layer starts at 0, so every coupling starts as the identity. What it reads is clamped to ``±reach``: far
    from the data it repeats what it learned at the edge instead of extrapolating, which keeps the flow invertible in
    float32 on edited and swapped codes. Any function may feed a coupling, so the clamp costs no exactness.

    Args:
        inputs: size of the part it reads, 0 allowed.
        context: size of the context, 0 for none.
        outputs: numbers to produce per row.
        hidden: width.
        depth: number of hidden layers, at least 1.
        reach: largest absolute input, in the units of a standardised code.
    """

    def __init__(
        self, inputs: int, context: int, outputs: int, *, hidden: int, depth: int = 2, reach: float = 5.0
    ) -> None:
        super().__init__()
        self.reach = reach
        self.first = nn.Linear(inputs + context, hidden)
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(depth - 1))
        self.last = nn.Linear(hidden, outputs)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """``(batch, inputs), (batch, context) -> (batch, outputs)``."""
        x = functional.hardtanh(x, -self.reach, self.reach)
        if context is not None:
            x = torch.cat([x, context], dim=1)
        x = functional.leaky_relu(self.first(x), 0.01)
        for layer in self.hidden:
            x = functional.leaky_relu(layer(x), 0.01)
        return cast(Tensor, self.last(x))
