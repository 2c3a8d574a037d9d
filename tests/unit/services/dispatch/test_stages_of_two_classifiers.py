"""Two stages of one audit that run the same step (``latents`` of two classifiers) are told apart."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.audits import StageProgress
from schemas.stages import PlannedStage, StageOutcome, StageRequest
from services.dispatch import run as run_module
from services.dispatch.memory import StageMemory
from services.dispatch.run import SubjectRun
from services.dispatch.watch import Signals


class Remembering(StageMemory):
    """Without a database: knows of no finished stage, keeps what is recorded."""

    def __init__(self) -> None:
        super().__init__(None, None)  # type: ignore[arg-type]
        self.recorded: list[str] = []

    def find(self, key: str) -> None:
        return None

    def record(self, session: Any, stage: str, outcome: StageOutcome) -> None:
        self.recorded.append(stage)


class Steps:
    """A cluster whose stages report once and then end, one after the other."""

    cpus = 2.0

    def __init__(self) -> None:
        self.submitted: list[StageRequest] = []
        self.looked = 0

    def gpus_for(self, stage: PlannedStage) -> float:
        return 0.0

    def submit(self, stage: PlannedStage, request: StageRequest, run: int) -> str:
        self.submitted.append(request)
        return request.key

    def wait(self, refs: Any, timeout: float) -> list[str]:
        self.looked += 1
        return [] if self.looked == 1 else [next(iter(refs))]

    def result(self, ref: str, stage: str) -> StageOutcome:
        return StageOutcome(key=ref, outputs={}, seconds=1.0)

    def reports(self, run: int) -> dict[str, tuple[float, str]]:
        return {request.key: (0.5, f"image {request.config['i']}") for request in self.submitted}

    def cancel(self, _: Any) -> None: ...

    def forget(self, _: Any) -> None: ...


class Anything:
    """Metrics that count nothing."""

    def __getattr__(self, _: str) -> Any:
        return self

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self


class NoTransaction:
    """A fence around nothing."""

    def __init__(self, *_: Any) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: Any) -> None: ...


def test_reports_go_to_the_stage_that_made_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(run_module, "fenced", NoTransaction)
    plan = [
        PlannedStage(name="latents", title="x", inputs={}, config={"i": 0}),
        PlannedStage(name="latents@1", title="x", inputs={}, config={"i": 1}, runs="latents"),
    ]
    said: dict[str, set[str]] = {"latents": set(), "latents@1": set()}

    def listen(stages: list[StageProgress], changed: list[StageProgress], share: float) -> None:
        for stage in stages:
            said[stage.stage].add(stage.detail)

    memory = Remembering()
    signals = Signals(SimpleNamespace(token=1, job_id=1), threading.Event())  # type: ignore[arg-type]
    run = SubjectRun(Steps(), memory, None, Anything(), signals, lambda _: plan, listen)  # type: ignore[arg-type]
    assert set(run.drive()) == {"latents", "latents@1"}
    assert said == {"latents": {"", "image 0"}, "latents@1": {"", "image 1"}}
    assert memory.recorded == ["latents", "latents"]
