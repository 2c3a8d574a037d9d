"""The courier: sends what waits in the outbox, several receivers at once, one delivery at a time to each."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import SQLAlchemyError

from services.db.engine import SessionFactory, scoped, transaction
from services.observability import Metrics

from . import outbox
from .outbox import Receiver
from .parcels import Outcome, Parcel, Sink, Told

log = structlog.get_logger()

PARALLEL = 16
"""Receivers told at once. A slow one holds one thread for one attempt; then its turn is over."""
IN_A_ROW = 50
"""Deliveries to one receiver before others have their turn."""


class Courier:
    """Any number of processes may have one: the database decides who sends what."""

    def __init__(self, factory: SessionFactory, sinks: Mapping[str, Sink], metrics: Metrics) -> None:
        self._factory, self._sinks, self._metrics = factory, sinks, metrics
        self._threads = ThreadPoolExecutor(PARALLEL, "courier")
        self._busy: set[Receiver] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def step(self) -> None:
        """Send to every receiver that something is due for and that is not being told already; wait for none."""
        with transaction(self._factory) as session:
            self._metrics.outbox_lag.set(outbox.lag(session))
            waiting = outbox.due(session, PARALLEL + len(self._busy))
        for receiver in waiting:
            if receiver.sink in self._sinks and self._take(receiver):
                self._threads.submit(self._tell, receiver)

    def close(self) -> None:
        """Finish the attempts under way and begin no other."""
        self._closing.set()
        self._threads.shutdown(cancel_futures=True)

    def _take(self, receiver: Receiver) -> bool:
        with self._lock:
            if receiver in self._busy or len(self._busy) >= PARALLEL:
                return False
            self._busy.add(receiver)
            return True

    def _tell(self, receiver: Receiver) -> None:
        """Until nothing is due, an attempt fails, or others are to have their turn."""
        try:
            for _ in range(IN_A_ROW):
                if self._closing.is_set() or not self._tell_one(receiver):
                    return
        except Exception:
            log.exception("delivery.fault", sink=receiver.sink, sink_id=receiver.sink_id, project=receiver.project)
        finally:
            with self._lock:
                self._busy.discard(receiver)

    def _tell_one(self, receiver: Receiver) -> bool:
        """Whether one was delivered."""
        with transaction(self._factory) as session:
            parcel = outbox.claim(session, receiver)
        if parcel is None:
            return False
        sink = self._sinks[parcel.sink]
        told = _attempt(sink, parcel)
        with scoped(self._factory, parcel.project) as session:
            state = outbox.settle(session, parcel, told)
            if state is not None:
                sink.settle(session, parcel, told)
        self._count(parcel, told, state)
        return told.outcome is Outcome.DELIVERED

    def _count(self, parcel: Parcel, told: Told, state: str | None) -> None:
        outcome = "retried" if state == outbox.WAITING else state or "superseded"
        self._metrics.deliveries.labels(parcel.sink, outcome).inc()
        if parcel.sink == "webhook":
            self._metrics.webhook_deliveries.labels(outcome).inc()
        say = log.info if told.outcome is Outcome.DELIVERED else log.warning
        say(
            "delivery",
            sink=parcel.sink,
            sink_id=parcel.sink_id,
            project=parcel.project,
            delivery=parcel.id,
            type=parcel.type,
            subject=parcel.subject_id,
            attempt=parcel.attempt,
            outcome=outcome,
            status=told.status,
            error=told.error,
        )


@contextmanager
def courier(factory: SessionFactory, sinks: Mapping[str, Sink], metrics: Metrics) -> Iterator[Courier]:
    """A courier, closed at the end of the block."""
    own = Courier(factory, sinks, metrics)
    try:
        yield own
    finally:
        own.close()


def _attempt(sink: Sink, parcel: Parcel) -> Told:
    try:
        return sink.send(parcel)
    except SQLAlchemyError:
        raise
    except Exception:
        log.exception("delivery.sink_fault", sink=parcel.sink, delivery=parcel.id)
        return Told(Outcome.RETRY, error="The service failed to send it; its log says why.")
