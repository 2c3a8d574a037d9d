"""Exponential moving average of a module's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Ema:
    """Average of the trainable weights, ``a <- decay_t * a + (1 - decay_t) * w``.

    ``decay_t = min(decay, (1 + t) / (10 + t))``, so that a short run is not dominated by its first weights.
    """

    def __init__(self, module: nn.Module, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        self.decay = decay
        self.updates = 0
        self._live = [p for p in module.parameters() if p.requires_grad]
        self._average = [p.detach().clone() for p in self._live]

    def update(self) -> None:
        """Move the average towards the module's present weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        if self._live:
            get_ema_multi_avg_fn(decay)(  # type: ignore[no-untyped-call]
                self._average, [p.detach() for p in self._live], self.updates
            )

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the module compute with the averaged weights inside the block."""
        before = [p.detach().clone() for p in self._live]
        self.load(self._average)
        try:
            yield
        finally:
            self.load(before)

    def snapshot(self) -> list[Tensor]:
        """A copy of the averaged weights, in the order of the trainable parameters."""
        return [a.clone() for a in self._average]

    @torch.no_grad()
    def load(self, weights: list[Tensor]) -> None:
        """Write ``weights`` (as from :meth:`snapshot`) into the module."""
        for parameter, weight in zip(self._live, weights, strict=True):
            parameter.copy_(weight)
