"""Refused sign-ins are counted, per address and in all, in the memory of this process.

A key has 256 random bits: nobody guesses one, and a right one gets in at any time. The limit tells who tries that
it is no use, and keeps the log short. Several API processes count for themselves, so the limit of an installation is
that of one process times their number.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 60.0
PER_ADDRESS = 10
IN_ALL = 200


class Throttle:
    """Failures of the last minute. Memory is bounded: at most ``IN_ALL`` of them are kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: deque[tuple[float, str]] = deque(maxlen=IN_ALL)
        self._lock = threading.Lock()

    def wait(self, address: str) -> int:
        """Seconds until ``address`` may try again; 0: now."""
        with self._lock:
            now = self._forget()
            own = [moment for moment, who in self._failures if who == address]
            if len(self._failures) >= IN_ALL:
                own = [self._failures[0][0]]
            elif len(own) < PER_ADDRESS:
                return 0
            return max(1, round(own[0] + WINDOW_SECONDS - now))

    def failed(self, address: str) -> None:
        """Count one."""
        with self._lock:
            self._failures.append((self._forget(), address))

    def _forget(self) -> float:
        now = self._clock()
        while self._failures and self._failures[0][0] <= now - WINDOW_SECONDS:
            self._failures.popleft()
        return now
