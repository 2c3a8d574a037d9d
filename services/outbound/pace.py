"""How slow a stranger may be: one that sends a byte now and then would keep its reader busy for as long as it likes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpcore


@dataclass(frozen=True)
class LeastRate:
    """``first``: seconds to the first byte; then ``per_second`` bytes, on average over each ``window`` seconds."""

    first: float
    per_second: float
    window: float


@dataclass
class Pace:
    """What came on one connection, against a rate. ``clock`` counts seconds."""

    rate: LeastRate
    clock: Callable[[], float] = time.monotonic
    _since: float | None = field(default=None, init=False)
    _came: int = field(default=0, init=False)

    @property
    def patience(self) -> float:
        """Seconds to wait for the next bytes."""
        return self.rate.first if self._since is None else self.rate.window

    def took(self, length: int) -> None:
        """Count ``length`` bytes that came now.

        Raises:
            httpcore.ReadTimeout: the window that ended with them brought too few.
        """
        now = self.clock()
        if self._since is None:
            self._since = now
        self._came += length
        if now - self._since < self.rate.window:
            return
        if self._came < self.rate.per_second * (now - self._since):
            raise httpcore.ReadTimeout(f"less than {self.rate.per_second:.0f} bytes a second")
        self._since, self._came = now, 0
