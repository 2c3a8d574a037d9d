"""The contract of every invertible layer, and their composition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from torch import Tensor, nn
from typing_extensions import override


class Transform(nn.Module):
    """A bijection of ``(batch, dim)`` that may depend on a context of ``(batch, context_dim)``.

    Both directions return the value and ``ladj``: log |det of that direction's Jacobian|, shape ``(batch,)``, nats.
    """

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
    """``f = f_n ∘ … ∘ f_1``; every part sees the same context."""

    def __init__(self, parts: Iterable[Transform]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    @override
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(len(x))
        for part in self._transforms():
            x, ladj = part.run(x, context)
            total = total + ladj
        return x, total

    @override
    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = y.new_zeros(len(y))
        for part in reversed(self._transforms()):
            y, ladj = part.inverse(y, context)
            total = total + ladj
        return y, total

    @override
    def initialise(self, batch: Tensor, context: Tensor | None = None) -> Tensor:
        for part in self._transforms():
            batch = part.initialise(batch, context)
        return batch

    def _transforms(self) -> list[Transform]:
        return [cast(Transform, part) for part in self.parts]
