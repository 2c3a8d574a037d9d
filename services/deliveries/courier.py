"""The courier: sends what waits in the outbox, several receivers at once, one delivery at a time to each."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
"""Receivers told at once. One that hangs holds one thread for one attempt; then its turn is over."""
TURN_SECONDS = 2.0
"""After so long no other delivery to a receiver begins before others had their turn."""
REMEMBERED_SECONDS = 3600.0
"""How long the courier knows when a receiver had its turn; who has none for longer is next in any case."""


class Courier:
    """Any number of processes may have one: the database decides who sends what."""

    def __init__(self, factory: SessionFactory, sinks: Mapping[str, Sink], metrics: Metrics) -> None:
        self._factory, self._sinks, self._metrics = factory, sinks, metrics
        self._threads = ThreadPoolExecutor(PARALLEL, "courier")
        self._busy: set[Receiver] = set()
        self._served: dict[Receiver, float] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def step(self) -> None:
        """Begin the turn of receivers that something can be sent to, while there are threads; wait for none."""
        sinks = list(self._sinks)
        with transaction(self._factory) as session:
            if given_up := outbox.give_up_others(session, sinks):
                log.warning("delivery.no_sink", count=given_up, sinks=sinks)
            waiting, lag = outbox.due(session, sinks)
        self._metrics.outbox_lag.set(lag)
        for receiver in self._take(waiting):
            self._threads.submit(self._tell, receiver)

    def close(self) -> None:
        """Finish the attempts under way and begin no other."""
        self._closing.set()
        self._threads.shutdown(cancel_futures=True)

    def _take(self, waiting: Sequence[Receiver]) -> list[Receiver]:
        """As many as there are free threads for, now busy.

        Each thread goes to the project that has the fewest, and in it to the receiver whose turn is longest ago.
        """
        now = time.monotonic()
        with self._lock:
            self._served = {each: at for each, at in self._served.items() if now - at < REMEMBERED_SECONDS}
            idle = [each for each in waiting if each not in self._busy]
            threads = Counter(each.project for each in self._busy)
            taken: list[Receiver] = []
            while idle and len(self._busy) < PARALLEL:
                chosen = min(idle, key=lambda each: (threads[each.project], self._served.get(each, 0.0)))
                idle.remove(chosen)
                threads[chosen.project] += 1
                self._busy.add(chosen)
                self._served[chosen] = now
                taken.append(chosen)
        return taken

    def _tell(self, receiver: Receiver) -> None:
        """Until nothing is due, an attempt fails, or others are to have their turn."""
        until = time.monotonic() + TURN_SECONDS
        try:
            while not self._closing.is_set() and self._tell_one(receiver):
                if time.monotonic() >= until:
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
        told = outbox.SPENT if outbox.spent(parcel) else _attempt(sink, parcel)
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
