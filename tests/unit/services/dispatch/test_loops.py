"""Loops of the dispatcher: a step that fails is tried again, more work is taken at once, the end waits for steps."""

from __future__ import annotations

import threading
from typing import Any

import structlog

from services.dispatch.loops import Loop, turning
from services.settings import Settings

SETTINGS = Settings.model_validate({"database_url": "postgresql://nowhere/scotoma"})


class Bench:
    """Loops hand it on and ask for its settings; nothing else."""

    settings = SETTINGS


def _turned(step: Any, every: float, until: threading.Event) -> threading.Event:
    stop = threading.Event()
    loops = [Loop("tested", lambda _: every, step)]
    with structlog.testing.capture_logs(), turning(Bench(), stop, loops):  # type: ignore[arg-type]
        assert until.wait(10.0), "the loop did not get there"
    return stop


def test_a_step_that_raises_is_taken_again() -> None:
    taken, enough = [], threading.Event()

    def step(bench: object) -> None:
        taken.append(bench)
        if len(taken) == 3:
            enough.set()
        raise ValueError("a fault of this step")

    stop = _turned(step, 0.001, enough)
    assert stop.is_set()
    assert len(taken) >= 3


def test_more_work_is_taken_without_a_pause() -> None:
    taken, enough = [], threading.Event()

    def step(bench: object) -> bool:
        taken.append(bench)
        if len(taken) == 5:
            enough.set()
        return len(taken) < 5

    _turned(step, 3600.0, enough)
    assert len(taken) == 5


def test_the_end_waits_for_the_step_under_way() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def step(bench: object) -> None:
        del bench
        begun.set()
        go_on.wait(10.0)
        ended.set()

    release = threading.Timer(0.05, go_on.set)
    with turning(Bench(), threading.Event(), [Loop("slow", lambda _: 3600.0, step)]):  # type: ignore[arg-type]
        assert begun.wait(10.0)
        release.start()
    assert ended.is_set()
