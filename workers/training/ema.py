"""Exponential moving average of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Ema:
    """Average of ``weights``, a vector that training changes in place: ``a <- decay_t * a + (1 - decay_t) * w``.

    ``decay_t = min(decay, (1 + t) / (10 + t))``, so that a short run is not dominated by its first weights.
    """

    def __init__(self, weights: Tensor, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        self.decay = decay
        self.updates = 0
        self._live = weights
        self._average = weights.clone()

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the present weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        self._average.lerp_(self._live, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the averaged weights take the place of the present ones inside the block."""
        before = self._live.clone()
        self.load(self._average)
        try:
            yield
        finally:
            self.load(before)

    def snapshot(self) -> Tensor:
        """A copy of the averaged weights."""
        return self._average.clone()

    @torch.no_grad()
    def load(self, weights: Tensor) -> None:
        """Write ``weights`` (as from :meth:`snapshot`) over the present ones."""
        self._live.copy_(weights)
