"""Heartbeats and cancel requests, on a thread of their own: no stage, however busy, can let a lease run out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from services.db.engine import SessionFactory, scoped, transaction
from services.db.tables import AuditRow
from services.errors import Fenced
from services.jobs.queue import Claim, heartbeat

from .interrupts import CancelRequested, LeaseLost, ShuttingDown

log = structlog.get_logger()


@dataclass
class Signals:
    """What the watch tells the work. ``beat`` is the monotonic time of the last heartbeat that arrived."""

    owner: Claim
    stopping: threading.Event
    lost: threading.Event = field(default_factory=threading.Event)
    cancel: threading.Event = field(default_factory=threading.Event)
    beat: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Called often by the work.

        Raises:
            LeaseLost: another dispatcher owns the job.
            CancelRequested: a user asked.
            ShuttingDown: this dispatcher ends.
        """
        if self.lost.is_set():
            raise LeaseLost
        if self.cancel.is_set():
            raise CancelRequested
        if self.stopping.is_set():
            raise ShuttingDown


class Watch:
    """Beats for every claim under way, and asks for cancel requests at each poll."""

    def __init__(self, factory: SessionFactory, lease: float, interval: float, poll: float) -> None:
        self._factory = factory
        self._lease, self._interval, self._poll = lease, interval, poll
        self._active: dict[int, Signals] = {}
        self._lock = threading.Lock()
        self._end = threading.Event()
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; call when no work is under way."""
        self._end.set()
        self._thread.join()

    @contextmanager
    def over(self, owner: Claim) -> Iterator[Signals]:
        """Keep the lease of ``owner`` while the block runs."""
        signals = Signals(owner, self.stopping)
        with self._lock:
            self._active[owner.token] = signals
        try:
            yield signals
        finally:
            with self._lock:
                del self._active[owner.token]

    def _loop(self) -> None:
        while not self._end.wait(self._poll):
            with self._lock:
                active = list(self._active.values())
            for signals in active:
                self._keep(signals)
            self._ask(active)

    def _keep(self, signals: Signals) -> None:
        if time.monotonic() - signals.beat < self._interval:
            return
        try:
            with scoped(self._factory, signals.owner.project) as session:
                heartbeat(session, signals.owner, self._lease)
            signals.beat = time.monotonic()
        except Fenced:
            signals.lost.set()
        except SQLAlchemyError:
            self._missed(signals)

    def _missed(self, signals: Signals) -> None:
        """The database is away: go on until the lease would have run out, then assume that another took over."""
        log.warning("heartbeat.missed", job=signals.owner.job_id)
        if time.monotonic() - signals.beat > self._lease:
            signals.lost.set()

    def _ask(self, active: list[Signals]) -> None:
        subjects = [signals.owner.subject_id for signals in active]
        if not subjects:
            return
        try:
            with transaction(self._factory) as session:
                asked = set(
                    session.scalars(select(AuditRow.id).where(AuditRow.id.in_(subjects), AuditRow.cancel_requested))
                )
        except SQLAlchemyError:
            return
        for signals in active:
            if signals.owner.subject_id in asked:
                signals.cancel.set()
