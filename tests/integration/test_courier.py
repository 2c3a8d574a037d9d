"""Whose turn it is: receivers that fail, hang, or that nobody can tell any more keep no other waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from schemas.projects import DEFAULT_PROJECT
from services.db.engine import SessionFactory, scoped, transaction
from services.db.outbox import DeliveryRow
from services.deliveries import outbox
from services.deliveries.courier import PARALLEL, Courier, courier
from services.deliveries.events import delivery
from services.deliveries.outbox import PAUSES, Receiver
from services.deliveries.parcels import Outcome, Parcel, Told
from services.observability import Metrics
from tests.builders.steering import eventually
from tests.builders.tenants import make_project

GO_AHEAD = 20.0


class Post:
    """A sink: receivers called ``bad…`` fail; every attempt at one waits for ``gate``."""

    def __init__(self) -> None:
        self.told: list[str | None] = []
        self.attempts: list[int] = []
        self.projects: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def send(self, parcel: Parcel) -> Told:
        self.told.append(parcel.sink_id)
        self.attempts.append(parcel.attempt)
        self.projects.append(parcel.project)
        if not (parcel.sink_id or "").startswith("bad"):
            return Told(Outcome.DELIVERED, 200)
        self.gate.wait(GO_AHEAD)
        return Told(Outcome.RETRY, 500, "It failed.")

    def settle(self, session: Session, parcel: Parcel, told: Told) -> None:
        """Nothing to write down."""


@contextmanager
def couriers(factory: SessionFactory, post: Any, sink: str = "webhook") -> Iterator[tuple[Courier, Metrics]]:
    metrics = Metrics()
    with courier(factory, {sink: post}, metrics) as own:
        yield own, metrics


def add(
    factory: SessionFactory, who: str | None, subject: str, project: str = DEFAULT_PROJECT, sink: str = "webhook"
) -> None:
    with scoped(factory, project) as session:
        session.add(delivery(sink, who, "audit.started", subject, {}))


def change(factory: SessionFactory, *which: Any, **values: Any) -> None:
    with transaction(factory) as session:
        session.execute(update(DeliveryRow).where(*which).values(**values))


def row_of(factory: SessionFactory, *which: Any) -> DeliveryRow:
    with transaction(factory) as session:
        return session.scalars(select(DeliveryRow).where(*which)).one()


def outcomes(metrics: Metrics, outcome: str) -> float:
    return metrics.registry.get_sample_value("audit_webhook_deliveries_total", {"outcome": outcome}) or 0.0


def stepping(own: Courier, until: Callable[[], bool]) -> Callable[[], bool]:
    def step() -> bool:
        own.step()
        return until()

    return step


def test_receivers_that_wait_behind_a_failure_keep_no_other_waiting(factory: SessionFactory) -> None:
    for number in range(PARALLEL):
        add(factory, f"bad{number}", f"s{number}")
    change(factory, available_at=func.now() + timedelta(hours=5))  # each had failed before; the next event is blocked
    for number in range(PARALLEL):
        add(factory, f"bad{number}", f"s{number}")
    change(factory, DeliveryRow.available_at < func.now(), available_at=func.now() - timedelta(hours=4))
    add(factory, "good", "s99")
    post = Post()
    with couriers(factory, post) as (own, metrics):
        own.step()
        assert metrics.registry.get_sample_value("audit_outbox_lag_seconds") < 3600  # nobody could send the blocked
        eventually(lambda: outcomes(metrics, "delivered") == 1.0, GO_AHEAD)
    assert post.told == ["good"]


def test_a_sink_that_is_no_longer_there_keeps_no_other_waiting_and_is_given_up(factory: SessionFactory) -> None:
    for number in range(PARALLEL):
        with transaction(factory) as session:
            project = make_project(session, f"team{number}")
        add(factory, None, "s", project, "openlineage")
    change(factory, available_at=func.now() - timedelta(days=2))
    add(factory, "good", "s")
    post = Post()
    with couriers(factory, post) as (own, metrics):
        own.step()
        assert metrics.registry.get_sample_value("audit_outbox_lag_seconds") < 3600
        eventually(lambda: outcomes(metrics, "delivered") == 1.0, GO_AHEAD)
        gone, first = DeliveryRow.sink == "openlineage", DeliveryRow.project_id == project
        change(factory, gone, first, available_at=func.now() - timedelta(days=3.1))
        own.step()
    given_up = row_of(factory, gone, first)
    assert given_up.state == "failed"
    assert given_up.finished_at is not None
    assert "openlineage" in str(given_up.last_error)
    with transaction(factory) as session:  # it may be configured again
        waiting = select(func.count()).where(gone, DeliveryRow.state == "waiting")
        assert session.scalar(waiting) == PARALLEL - 1


def test_backlogs_of_hanging_receivers_take_turns_with_others(factory: SessionFactory) -> None:
    """One attempt to each that hangs; then those have their turn that were not served yet."""
    for number in range(PARALLEL):
        for one in range(12):
            add(factory, f"bad{number}", f"s{number}-{one}")
    post = Post()
    post.gate.clear()
    with couriers(factory, post) as (own, metrics):
        own.step()
        eventually(lambda: len(post.told) == PARALLEL, GO_AHEAD)
        add(factory, "good", "s")
        post.gate.set()
        eventually(stepping(own, lambda: outcomes(metrics, "delivered") == 1.0), GO_AHEAD)
        assert post.told.index("good") < 3 * PARALLEL


def test_a_project_has_half_of_the_threads_while_another_waits(factory: SessionFactory) -> None:
    with transaction(factory) as session:
        other = make_project(session, "team")
    for number in range(PARALLEL):
        add(factory, f"bad{number}", "s")
    change(factory, available_at=func.now() - timedelta(hours=1))
    for number in range(PARALLEL):
        add(factory, f"bad{number}", "s", other)
    post = Post()
    post.gate.clear()
    with couriers(factory, post) as (own, _):
        own.step()
        eventually(lambda: len(post.told) == PARALLEL, GO_AHEAD)
        assert post.projects.count(other) == PARALLEL // 2
        post.gate.set()


def test_a_project_alone_has_every_thread(factory: SessionFactory) -> None:
    for number in range(PARALLEL + 1):
        add(factory, f"bad{number}", "s")
    post = Post()
    post.gate.clear()
    with couriers(factory, post) as (own, _):
        own.step()
        eventually(lambda: len(post.told) == PARALLEL, GO_AHEAD)
        post.gate.set()


def test_what_takes_longer_than_its_lease_and_arrives_is_delivered(factory: SessionFactory) -> None:
    """Another courier has begun a second attempt meanwhile."""
    add(factory, "reg", "s", sink="mlflow")
    with transaction(factory) as session:
        slow = outbox.claim(session, Receiver("mlflow", "reg", DEFAULT_PROJECT))
    change(factory, available_at=func.now())
    with transaction(factory) as session:
        second = outbox.claim(session, Receiver("mlflow", "reg", DEFAULT_PROJECT))
    assert slow is not None
    assert second is not None
    with scoped(factory, DEFAULT_PROJECT) as session:
        assert outbox.settle(session, slow, Told(Outcome.RETRY)) is None  # only the newest attempt says that it failed
        assert outbox.settle(session, slow, Told(Outcome.DELIVERED)) == "delivered"
        assert outbox.settle(session, second, Told(Outcome.DELIVERED)) is None


def test_an_old_attempt_does_not_end_what_was_begun_again(factory: SessionFactory) -> None:
    add(factory, "a", "s")
    with transaction(factory) as session:
        old = outbox.claim(session, Receiver("webhook", "a", DEFAULT_PROJECT))
    assert old is not None
    change(factory, attempt=0, available_at=func.now())  # as :redeliver does
    with scoped(factory, DEFAULT_PROJECT) as session:
        assert outbox.settle(session, old, Told(Outcome.DELIVERED)) is None


@pytest.mark.parametrize(("sink", "least"), [("webhook", 100), ("openlineage", 100), ("mlflow", 600)])
def test_a_lease_is_longer_than_an_attempt_of_the_sink(factory: SessionFactory, sink: str, least: float) -> None:
    add(factory, "a", "s", sink=sink)
    with transaction(factory) as session:
        outbox.claim(session, Receiver(sink, "a", DEFAULT_PROJECT))
    with transaction(factory) as session:
        left = session.scalar(select(func.extract("epoch", DeliveryRow.available_at - func.now())))
    assert left is not None
    assert left > least - 10


def test_attempts_that_never_end_are_given_up_without_another(factory: SessionFactory) -> None:
    """Each courier died, or took longer than its lease."""
    add(factory, "good", "s")
    change(factory, attempt=len(PAUSES) - 1)
    with transaction(factory) as session:
        assert outbox.claim(session, Receiver("webhook", "good", DEFAULT_PROJECT)) is not None
    change(factory, available_at=func.now())
    post = Post()
    with couriers(factory, post) as (own, metrics):
        eventually(stepping(own, lambda: outcomes(metrics, "failed") == 1.0), GO_AHEAD)
    assert post.told == []
    assert row_of(factory).state == "failed"
    assert "attempts" in str(row_of(factory).last_error)
