"""The board: a tiny actor that stages report to and the dispatcher reads. Losing it loses a progress bar, no work."""

from __future__ import annotations

from typing import Any, TypeAlias

import ray

Reports = dict[str, tuple[float, str]]
"""Fraction done and words for people, by the key of the request."""

BoardHandle: TypeAlias = Any
"""Ray's actor handles have no static type."""


class Board:
    """Latest report of each request of each run. A run is named by its fencing token."""

    def __init__(self) -> None:
        self._runs: dict[int, Reports] = {}

    def report(self, run: int, key: str, fraction: float, detail: str) -> None:
        """Keep the latest report of a request."""
        self._runs.setdefault(run, {})[key] = (min(max(fraction, 0.0), 1.0), detail)

    def read(self, run: int) -> Reports:
        """The latest reports of ``run``."""
        return self._runs.get(run, {})

    def forget(self, run: int) -> None:
        """Drop a run that ended."""
        self._runs.pop(run, None)


def start_board() -> BoardHandle:
    """A board that lives as long as this driver, restarts when it dies, and reserves no CPU."""
    return ray.remote(Board).options(num_cpus=0, max_restarts=-1).remote()
