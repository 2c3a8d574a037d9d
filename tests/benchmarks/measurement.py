"""One line of the table, and how seconds are taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class Measured(NamedTuple):
    """One line of the table; ``target`` is DESIGN's number where it has one."""

    what: str
    value: str
    target: str = ""


def seconds(run: Callable[[], object], repeats: int = 5) -> float:
    """The best of ``repeats`` runs: others share the machine, and what they take is not ours."""
    return rivals([run], repeats)[0]


def rivals(runs: list[Callable[[], object]], repeats: int = 5) -> list[float]:
    """The best seconds of each, taken in turns, so that a busy moment hits all alike."""
    best = [float("inf")] * len(runs)
    for _ in range(repeats):
        for i, run in enumerate(runs):
            began = time.perf_counter()
            run()
            best[i] = min(best[i], time.perf_counter() - began)
    return best
