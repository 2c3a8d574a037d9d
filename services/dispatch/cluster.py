"""Ray, as the dispatcher uses it: submit a stage, wait, cancel. Ray is disposable; nothing is remembered in it."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError

from schemas.ports import BlobMissing, BlobStore
from schemas.problems import ErrorCode
from schemas.stages import PlannedStage, StageOutcome, StageRequest
from services.errors import Corrupt, Unavailable
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from workers.errors import WorkerError

from .interrupts import StageFailed
from .progress import BoardHandle, Reports, start_board
from .science import Execute
from .surroundings import Surroundings

Ref: TypeAlias = Any
"""A running task; Ray's references have no static type here."""

OBJECT_STORE_BYTES = 256 * 2**20
"""Stages exchange digests, their bytes go through S3: Ray's own store stays small."""
BOARD_SECONDS = 2.0
CANCEL_SECONDS = 5.0


class WorkerLost(Exception):
    """The process or the machine that ran a stage is gone; the stage itself may be fine."""


@dataclass(frozen=True)
class Refusal:
    """A failure that a stage declared, carried as a value: exceptions do not survive every pickle."""

    code: ErrorCode
    detail: str
    advice: str
    retryable: bool


def connect_ray(address: str, cpus: int | None = None) -> None:
    """Join the cluster at ``address``; empty: start one on this machine, without dashboard or usage statistics."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if address:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
        return
    # Workers inherit it. Threads that spin while they wait slow everything on a machine that others use, too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    ray.init(
        num_cpus=cpus or os.cpu_count(),
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
    )


def run_stage(
    execute: Execute, request: StageRequest, store: BlobStore, board: BoardHandle, run: int, around: Surroundings
) -> StageOutcome | Refusal:
    """The body of a Ray task: one stage, its reports sent to the board, its declared failure returned."""

    def report(fraction: float, detail: str) -> None:
        board.report.remote(run, request.key, fraction, detail)

    try:
        with around.around(request.name):
            return execute(request, store, report)
    except WorkerError as error:
        return Refusal(error.code, error.detail, error.advice, error.retryable)


class Cluster:
    """A connected cluster. ``run`` everywhere is the fencing token of the job that the work is for."""

    def __init__(self, settings: Settings, store: S3BlobStore, execute: Execute) -> None:
        self._settings = settings
        self._store = store
        self._execute = execute
        self._task = ray.remote(run_stage)
        self._board = start_board()

    def of_project(self, project: str) -> Cluster:
        """The same cluster; its stages read and write the project's own objects."""
        cluster = copy.copy(self)
        cluster._store = self._store.of_project(project)
        return cluster

    @property
    def cpus(self) -> float:
        """CPUs of the whole cluster now; machines come and go."""
        return max(1.0, _resources().get("CPU", 0.0))

    @property
    def gpus(self) -> float:
        """GPUs of the whole cluster now."""
        return _resources().get("GPU", 0.0)

    def gpus_for(self, stage: PlannedStage) -> float:
        """GPUs that ``stage`` gets: what it asks for, as far as there is any."""
        return min(stage.gpus, self.gpus)

    def submit(self, stage: PlannedStage, request: StageRequest, run: int) -> Ref:
        """Start ``request``. Never asks for more than the cluster has, so no stage waits for ever.

        Ray does not retry it: tries are counted by the caller.
        """
        options = {
            "num_cpus": min(stage.cpus, self.cpus),
            "num_gpus": self.gpus_for(stage),
            "max_retries": 0,
            "name": request.name,
        }
        around = Surroundings.here(self._settings)
        return self._task.options(**options).remote(self._execute, request, self._store, self._board, run, around)

    def wait(self, refs: Iterable[Ref], timeout: float) -> list[Ref]:
        """Those of ``refs`` that ended; returns at the first one or after ``timeout`` seconds."""
        ended, _ = ray.wait(list(refs), num_returns=1, timeout=timeout, fetch_local=False)
        return list(ended)

    def result(self, ref: Ref, stage: str) -> StageOutcome:
        """The outcome of a task that ended.

        Raises:
            StageFailed: the stage refused its inputs, or has a fault.
            WorkerLost: its process is gone.
        """
        try:
            answer: Any = ray.get(ref)
        except RayTaskError as error:
            raise fault(stage, error.cause) from error
        except RayError as error:
            raise WorkerLost(f"the worker of {stage} was lost ({type(error).__name__})") from error
        if isinstance(answer, Refusal):
            raise StageFailed(answer.code, answer.detail, answer.advice, answer.retryable)
        outcome: StageOutcome = answer
        return outcome

    def cancel(self, refs: Iterable[Ref]) -> None:
        """Kill the processes that run ``refs`` and wait until they are gone, at most a few seconds."""
        refs = list(refs)
        for ref in refs:
            ray.cancel(ref, force=True)
        if refs:
            ray.wait(refs, num_returns=len(refs), timeout=CANCEL_SECONDS, fetch_local=False)

    def reports(self, run: int) -> Reports:
        """Latest reports of the requests of ``run``, by key; empty while the board is away."""
        try:
            reports: Reports = ray.get(self._board.read.remote(run), timeout=BOARD_SECONDS)
        except (RayError, GetTimeoutError):
            return {}
        return reports

    def forget(self, run: int) -> None:
        """Drop the reports of a run that ended."""
        self._board.forget.remote(run)


def _resources() -> dict[str, float]:
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return resources


def fault(stage: str, cause: BaseException) -> StageFailed:
    """What an exception that a stage did not declare means for its subject."""
    if isinstance(cause, (Unavailable, ConnectionError)):
        return StageFailed(ErrorCode.SERVICE_UNAVAILABLE, f"stage {stage} could not reach its data", retryable=True)
    if isinstance(cause, (Corrupt, BlobMissing)):
        return StageFailed(ErrorCode.ARTIFACT_MISSING, f"an input of stage {stage} is gone or damaged", retryable=True)
    if isinstance(cause, MemoryError):
        detail, advice = f"stage {stage} ran out of memory", "Use a smaller dataset, or give the workers more memory."
        return StageFailed(ErrorCode.RESOURCE_EXHAUSTED, detail, advice)
    advice = "This is a fault of the service: its log names the cause under the audit's id."
    return StageFailed(ErrorCode.STAGE_FAILED, f"stage {stage} failed unexpectedly", advice)
