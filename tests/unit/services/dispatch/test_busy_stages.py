"""A stage that could not even be submitted is not left marked as busy: every later attempt would wait for it."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.stages import PlannedStage
from services.dispatch.memory import StageMemory
from services.dispatch.run import SubjectRun
from services.dispatch.watch import Signals


class Forgetful(StageMemory):
    """Knows of no finished stage, without a database."""

    def __init__(self) -> None:
        super().__init__(None, None)  # type: ignore[arg-type]

    def find(self, key: str) -> None:
        return None


class Away:
    """A cluster that cannot be reached."""

    cpus = 2.0

    def gpus_for(self, _: Any) -> float:
        return 0.0

    def submit(self, *_: Any) -> None:
        raise ConnectionError("the head is away")

    def cancel(self, _: Any) -> None: ...

    def forget(self, _: Any) -> None: ...


@pytest.mark.parametrize("attempt", [1, 2])
def test_failed_submission_lets_the_stage_go(attempt: int) -> None:
    memory = Forgetful()
    plan = [PlannedStage(name="prior", title="x", inputs={"codes": "a" * 64})]
    for _ in range(attempt):
        signals = Signals(SimpleNamespace(token=1, job_id=1), threading.Event())  # type: ignore[arg-type]
        run = SubjectRun(Away(), memory, None, None, signals, lambda _: plan, lambda *_: None)  # type: ignore[arg-type]
        with pytest.raises(ConnectionError):
            run.drive()
    request = plan[0].resolve({})
    assert request is not None
    assert memory.begin(request.key)
