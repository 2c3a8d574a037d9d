"""The contract of every invertible layer, and their composition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from typing_extensions import override


class Transform(nn.Module):
    """A bijection of ``(batch, dim)`` that may depend on a context of ``(m, reads)``, 0 numbers unless a layer says so.

    Each row of the context serves ``batch / m`` consecutive rows: many draws share what their condition costs.
    Both directions return the value and ``ladj``: log |det of that direction's Jacobian|, shape ``(batch,)``, nats.
    """

    reads: int = 0

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``(y, ladj)`` with ``y = f(x | context)``."""
        raise NotImplementedError

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``(x, ladj)`` with ``f(x | context) = y``; its ``ladj`` is minus that of ``forward`` at ``x``."""
        raise NotImplementedError

    def initialise(self, batch: Tensor, context: Tensor | None = None) -> Tensor:
        """Let data-dependent layers set themselves by ``batch``; returns the batch after the layer."""
        return self.run(batch, context)[0]

    def run(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Typed spelling of ``self(x, context)``."""
        return cast(tuple[Tensor, Tensor], self(x, context))


class Composition(Transform):
    """``f = f_n ∘ … ∘ f_1``; the context holds what each part reads, side by side in their order."""

    def __init__(self, parts: Iterable[Transform]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.reads = sum(part.reads for part in self._transforms())

    @override
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(len(x))
        for part, read in self._with_contexts(context):
            x, ladj = part.run(x, read)
            total = total + ladj
        return x, total

    @override
    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = y.new_zeros(len(y))
        for part, read in reversed(self._with_contexts(context)):
            y, ladj = part.inverse(y, read)
            total = total + ladj
        return y, total

    @override
    def initialise(self, batch: Tensor, context: Tensor | None = None) -> Tensor:
        for part, read in self._with_contexts(context):
            batch = part.initialise(batch, read)
        return batch

    def _with_contexts(self, context: Tensor | None) -> list[tuple[Transform, Tensor | None]]:
        parts = self._transforms()
        if context is None:
            return [(part, None) for part in parts]
        return list(zip(parts, torch.split(context, [part.reads for part in parts], dim=1), strict=True))

    def _transforms(self) -> list[Transform]:
        return [cast(Transform, part) for part in self.parts]
