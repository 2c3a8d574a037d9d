"""The loop: claim what waits, work on it in threads that only wait for Ray, give it back when told to stop."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import SQLAlchemyError

from services.db.engine import make_engine, make_session_factory, scoped, transaction
from services.db.tables import JobKind
from services.deliveries.courier import courier
from services.errors import Fenced, ServiceError
from services.jobs import queue
from services.jobs.queue import Claim
from services.observability import Metrics
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from services.storage.client import bucket_of

from .audit_job import run_audit
from .cluster import Cluster
from .comparison_job import run_comparison
from .import_job import run_import
from .intake_job import INTAKES, run_intake
from .interrupts import LeaseLost
from .memory import StageMemory
from .naming import working_on
from .science import Science
from .sinks import sinks_of
from .watch import Watch
from .workbench import Workbench

log = structlog.get_logger()

IMPORT_SLOTS = 2
"""Models on their way from registries at once: a slow registry keeps no upload waiting."""
IMPORTS_OF_PROJECT = 1
"""Of those, over all dispatchers: the slow registry of one project keeps no other project's waiting."""

RUNS = {JobKind.AUDIT: run_audit, JobKind.COMPARISON: run_comparison, JobKind.IMPORT_VERSION: run_import}
"""Who works on a kind of job; the others are intakes."""


@dataclass
class Lane:
    """Jobs of some kinds, at most ``slots`` at once: a long audit never keeps an upload waiting.

    ``of_project``: how many of one project may run, over all dispatchers; ``None``: any number.
    """

    kinds: tuple[JobKind, ...]
    slots: int
    of_project: int | None = None
    busy: set[Future[None]] = field(default_factory=set)

    @property
    def has_room(self) -> bool:
        """Whether another job may start."""
        self.busy = {future for future in self.busy if not future.done()}
        return len(self.busy) < self.slots


class Dispatcher:
    """One dispatcher process. Any number may run: the database decides who owns a job."""

    def __init__(self, bench: Workbench, name: str = "") -> None:
        self._bench = bench
        self.name = name or f"{socket.gethostname()}/{os.getpid()}"
        settings = bench.settings
        poll = min(settings.poll_seconds, settings.heartbeat_seconds)
        self._watch = Watch(bench.factory, settings.lease_seconds, settings.heartbeat_seconds, poll)
        self._lanes = [
            Lane(INTAKES, settings.intake_slots),
            Lane((JobKind.AUDIT, JobKind.COMPARISON), settings.audit_slots),
            Lane((JobKind.IMPORT_VERSION,), IMPORT_SLOTS, IMPORTS_OF_PROJECT),
        ]

    def run(self, stop: threading.Event) -> None:
        """Claim and work until ``stop`` is set; then give back what is unfinished, and return."""
        self._watch.start()
        with ThreadPoolExecutor(sum(lane.slots for lane in self._lanes), "job") as threads:
            while not stop.is_set():
                if not any([self._fill(lane, threads) for lane in self._lanes]):  # noqa: C419 - each lane is filled
                    stop.wait(self._bench.settings.poll_seconds)
            self._watch.stopping.set()
        self._watch.close()

    def _fill(self, lane: Lane, threads: ThreadPoolExecutor) -> bool:
        """Start one job of ``lane`` if there is room and work; whether it did."""
        owner = self._claim(lane) if lane.has_room else None
        if owner is None:
            return False
        lane.busy.add(threads.submit(self._work, owner))
        return True

    def _claim(self, lane: Lane) -> Claim | None:
        try:
            with transaction(self._bench.factory) as session:
                self._bench.metrics.queue_depth.set(queue.depth(session))
                lease = self._bench.settings.lease_seconds
                owner = queue.claim(session, lane.kinds, self.name, lease, lane.of_project)
        except SQLAlchemyError:
            log.warning("claim.failed", exc_info=True)
            return None
        if owner is not None:
            self._bench.metrics.queue_wait.observe(max(0.0, owner.waited))
            self._bench.metrics.leases_expired.inc(owner.reclaimed)
        return owner

    def _work(self, owner: Claim) -> None:
        """Work on a job. Nothing escapes: a fault gives the job back, another owner ends it silently."""
        run = RUNS.get(owner.kind, run_intake)
        try:
            with working_on(owner), self._watch.over(owner) as signals:
                run(self._bench.of_project(owner.project), owner, signals)
            self._bench.metrics.attempts.labels("ended").inc()
        except (Fenced, LeaseLost):
            log.info("job.replaced", job=owner.job_id, token=owner.token)
            self._bench.metrics.fenced_writes.inc()
        except Exception:
            log.exception("job.fault", job=owner.job_id, subject=owner.subject_id)
            self._release(owner)

    def _release(self, owner: Claim) -> None:
        """Let the lease end soon; the next claim counts this attempt and moves the subject."""
        try:
            with scoped(self._bench.factory, owner.project) as session:
                queue.heartbeat(session, owner, queue.backoff(owner.attempt))
        except (SQLAlchemyError, ServiceError):
            log.warning("job.not_released", job=owner.job_id)


@contextmanager
def assembled(settings: Settings, science: Science, metrics: Metrics) -> Iterator[Workbench]:
    """The parts, connected, until the block ends. Ray must be connected already."""
    engine = make_engine(settings.database_url.get_secret_value())
    factory, store = make_session_factory(engine, settings.told_sinks), S3BlobStore(bucket_of(settings))
    cluster = Cluster(settings, store, science.execute)
    memory = StageMemory(factory, store)
    try:
        with courier(factory, sinks_of(settings, factory), metrics) as own:
            yield Workbench(settings, factory, store, cluster, memory, science, metrics, own)
    finally:
        engine.dispose()
