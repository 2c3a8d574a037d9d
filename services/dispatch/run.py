"""Drive one subject through its plan: reuse what exists, run what is missing, stop when told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from schemas.audits import StageProgress, StageState
from schemas.problems import ErrorCode
from schemas.stages import PlannedStage, StageOutcome, StageRequest
from services import tracing
from services.db.engine import SessionFactory
from services.jobs.queue import fenced
from services.observability import Metrics

from . import journal
from .cluster import Cluster, Ref, WorkerLost
from .interrupts import StageFailed
from .memory import StageMemory
from .progress import Reports
from .schedule import overall, startable
from .science import Done, Plan
from .watch import Signals

log = structlog.get_logger()

STAGE_TRIES = 3
"""Workers that one stage may lose in one attempt."""
POLL_SECONDS = 0.5
REPORT_SECONDS = 1.0
"""Fractions are written at most this often; states at once."""

Listen = Callable[[list[StageProgress], list[StageProgress], float], None]
"""Told of every stage, of those that changed, and of the share of the whole that is done."""


@dataclass(frozen=True)
class Running:
    """A stage that a worker has. ``tries`` counts from 1; ``gpus`` is what was reserved for it."""

    stage: PlannedStage
    request: StageRequest
    tries: int
    gpus: float = 0.0


class SubjectRun:
    """One attempt at one subject."""

    def __init__(
        self,
        cluster: Cluster,
        memory: StageMemory,
        factory: SessionFactory,
        metrics: Metrics,
        signals: Signals,
        plan: Plan,
        listen: Listen,
    ) -> None:
        self._cluster, self._memory, self._factory, self._metrics = cluster, memory, factory, metrics
        self._signals, self._plan, self._listen = signals, plan, listen
        self._done: Done = {}
        self._running: dict[Ref, Running] = {}
        self._progress: dict[str, StageProgress] = {}
        self._told: dict[str, StageProgress] = {}
        self._told_at = 0.0
        self._share = 0.0
        self._held: set[str] = set()
        """Keys that this run has begun: whatever happens, it ends them."""

    def drive(self) -> Done:
        """Run until every stage is done; return the outcomes. Whatever happens, no task is left behind.

        Raises:
            Interrupt: the work was told to stop.
            StageFailed: a stage failed.
            Fenced: another dispatcher owns the job.
        """
        try:
            while stages := self._unfinished():
                self._signals.check()
                if not self._start(stages):
                    self._collect(stages)
        finally:
            self._abandon()
        return self._done

    def _unfinished(self) -> list[PlannedStage]:
        """The whole plan while a stage of it is missing; nothing when all are done."""
        stages = self._plan(self._done)
        for stage in stages:
            self._progress.setdefault(stage.name, StageProgress(stage=stage.name, state=StageState.WAITING))
        self._publish(stages)
        return stages if any(stage.name not in self._done for stage in stages) else []

    def _start(self, stages: list[PlannedStage]) -> bool:
        """Reuse or submit what can start; whether something was reused, so that the plan may know more."""
        reused = False
        busy = {running.stage.name for running in self._running.values()}
        for stage in startable(stages, self._done.keys(), busy):
            if self._is_full():
                break
            reused |= self._reuse_or_submit(stage)
        return reused

    def _is_full(self) -> bool:
        return sum(running.stage.cpus for running in self._running.values()) >= self._cluster.cpus

    def _reuse_or_submit(self, stage: PlannedStage) -> bool:
        request = _resolve(stage, self._done)
        if not self._memory.begin(request.key):
            return False
        self._held.add(request.key)
        outcome = self._memory.find(request.key)
        if outcome is None:
            self._submit(Running(stage, request, tries=1))
            return False
        self._let_go(request.key)
        tracing.note("stage reused", {"stage": request.name})
        self._finished(stage, outcome, StageState.REUSED)
        return True

    def _submit(self, running: Running) -> None:
        gpus = self._cluster.gpus_for(running.stage)
        ref = self._cluster.submit(running.stage, running.request, self._signals.owner.token)
        self._running[ref] = replace(running, gpus=gpus)
        detail = "" if running.tries == 1 else f"try {running.tries}: the worker was lost"
        self._note(running.stage, StageState.RUNNING, detail=detail)

    def _collect(self, stages: list[PlannedStage]) -> None:
        """Wait a moment for a task to end, and settle those that did."""
        if not self._running:
            self._wait_for_others(stages)
            return
        for ref in self._cluster.wait(self._running, POLL_SECONDS):
            self._settle(ref)
        self._read_board()

    def _wait_for_others(self, stages: list[PlannedStage]) -> None:
        """Nothing runs here: another audit runs what is needed next, or the plan cannot be finished."""
        if not startable(stages, self._done.keys(), set()):
            raise StageFailed(ErrorCode.INTERNAL, "the plan of this audit cannot be finished")
        self._signals.lost.wait(POLL_SECONDS)

    def _settle(self, ref: Ref) -> None:
        running = self._running.pop(ref)
        try:
            outcome = self._cluster.result(ref, running.stage.name)
            _require_key(running, outcome)
        except WorkerLost as lost:
            self._again(running, lost)
            return
        except StageFailed:
            self._note(running.stage, StageState.FAILED)
            self._publish([running.stage])
            raise
        self._record(running, outcome)

    def _record(self, running: Running, outcome: StageOutcome) -> None:
        with fenced(self._factory, self._signals.owner) as session:
            self._memory.record(session, running.request.name, outcome)
            if running.gpus:
                journal.count_gpu(session, self._signals.owner.subject_id, running.gpus * outcome.seconds)
        self._let_go(running.request.key)
        self._metrics.gpu_seconds.inc(running.gpus * outcome.seconds)
        self._metrics.stage_duration.labels(running.request.name.split(":")[0]).observe(outcome.seconds)
        self._finished(running.stage, outcome, StageState.DONE)

    def _again(self, running: Running, lost: WorkerLost) -> None:
        log.warning("stage.worker_lost", stage=running.stage.name, tries=running.tries, cause=str(lost))
        if running.tries < STAGE_TRIES and not self._signals.cancel.is_set():
            self._submit(Running(running.stage, running.request, running.tries + 1))
            return
        self._signals.check()
        detail = f"stage {running.stage.name} lost its worker {running.tries} times, probably for want of memory"
        raise StageFailed(ErrorCode.RESOURCE_EXHAUSTED, detail, "Give the workers more memory.", retryable=True)

    def _finished(self, stage: PlannedStage, outcome: StageOutcome, state: StageState) -> None:
        self._done[stage.name] = outcome
        self._note(stage, state, fraction=1.0, seconds=outcome.seconds)

    def _note(self, stage: PlannedStage, state: StageState, **facts: Any) -> None:
        self._progress[stage.name] = StageProgress(stage=stage.name, state=state, **facts)

    def _read_board(self) -> None:
        if not self._running or time.monotonic() - self._told_at < REPORT_SECONDS:
            return
        reports: Reports = self._cluster.reports(self._signals.owner.token)
        for running in self._running.values():
            if running.request.key in reports:
                fraction, detail = reports[running.request.key]
                self._note(running.stage, StageState.RUNNING, fraction=fraction, detail=detail)

    def _publish(self, stages: list[PlannedStage]) -> None:
        """Tell what changed: a new state at once, a new fraction now and then. The bar never goes back."""
        changed = [now for name, now in self._progress.items() if now != self._told.get(name)]
        urgent = any(_state(self._told.get(now.stage)) != now.state for now in changed)
        if not changed or not (urgent or time.monotonic() - self._told_at >= REPORT_SECONDS):
            return
        self._share = max(self._share, overall(stages, self._progress))
        self._listen(list(self._progress.values()), changed, self._share)
        self._told, self._told_at = dict(self._progress), time.monotonic()

    def _let_go(self, key: str) -> None:
        self._held.discard(key)
        self._memory.end(key)

    def _abandon(self) -> None:
        """Kill what still runs, and leave no trace of it: a key that stayed busy would be waited for for ever."""
        for key in list(self._held):
            self._let_go(key)
        self._cluster.cancel(self._running)
        self._running.clear()
        self._cluster.forget(self._signals.owner.token)


def _state(progress: StageProgress | None) -> StageState | None:
    return progress.state if progress else None


def _resolve(stage: PlannedStage, done: Done) -> StageRequest:
    try:
        request = stage.resolve(done)
    except KeyError as error:
        raise StageFailed(ErrorCode.INTERNAL, f"stage {stage.name} needs an output that no stage left") from error
    if request is None:
        raise StageFailed(ErrorCode.INTERNAL, f"stage {stage.name} was started before its sources")
    return request


def _require_key(running: Running, outcome: StageOutcome) -> None:
    if outcome.key != running.request.key:
        raise StageFailed(ErrorCode.INTERNAL, f"stage {running.stage.name} answered for another request")
