"""What a dispatcher does again and again beside its jobs: each a thread that waits, takes a step, and waits again.

Any number of dispatchers turn the same loops: a step takes its work under row or advisory locks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from services.settings import Settings

from .collecting import collect
from .scheduler import look_at_schedules
from .workbench import Workbench

log = structlog.get_logger()

GRACE_SECONDS = 20.0
"""How long steps under way may take to end when the dispatcher stops; every one is safe to break off."""


@dataclass(frozen=True)
class Loop:
    """A named ``step``, taken ``every`` so many seconds; at once again while it says that more waits."""

    name: str
    every: Callable[[Settings], float]
    step: Callable[[Workbench], bool | None]


def _deliver(bench: Workbench) -> None:
    bench.courier.step()


LOOPS: tuple[Loop, ...] = (
    Loop("schedules", lambda settings: settings.scheduler_seconds, look_at_schedules),
    Loop("deliveries", lambda settings: settings.delivery_seconds, _deliver),
    Loop("collector", lambda settings: settings.collector_seconds, collect),
)
"""Every loop of a dispatcher."""


@contextmanager
def turning(bench: Workbench, stop: threading.Event, loops: Sequence[Loop] = LOOPS) -> Iterator[None]:
    """Turn ``loops`` while the block runs. They end when ``stop`` is set, which the end of the block does."""
    threads = [threading.Thread(target=_turn, args=(loop, bench, stop), name=loop.name, daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        _join(threads)


def _turn(loop: Loop, bench: Workbench, stop: threading.Event) -> None:
    while not stop.is_set():
        if not _took(loop, bench):
            stop.wait(loop.every(bench.settings))


def _took(loop: Loop, bench: Workbench) -> bool:
    """Whether the step says that more waits. Whatever it raises is logged; the next one tries again."""
    try:
        return bool(loop.step(bench))
    except Exception:
        log.exception("loop.failed", loop=loop.name)
        return False


def _join(threads: Sequence[threading.Thread]) -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            log.warning("loop.left", loop=thread.name)
