"""Comparison jobs with a real database, a real bucket, a real Ray and toy stages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from schemas.audits import AuditState
from schemas.problems import ErrorCode
from services.db.automation import ComparisonRow
from services.db.engine import SessionFactory, transaction
from services.db.identifiers import new_id
from services.db.outbox import DeliveryRow, WebhookRow
from services.db.tables import AuditRow, JobKind, JobRow, StageOutputRow
from services.dispatch.comparison_job import run_comparison
from services.dispatch.dispatcher import Dispatcher, assembled
from services.dispatch.watch import Signals
from services.errors import Fenced
from services.jobs import queue
from services.jobs.queue import enqueue
from services.observability import Metrics
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.rows import DIGEST, add_audit, add_classifier, add_dataset
from tests.builders.steering import audit_row, eventually, running, runs
from tests.builders.toy_science import toy_science


@pytest.fixture
def dispatcher(settings: Settings, ray_address: str, tmp_path: Path) -> Iterator[Dispatcher]:
    with assembled(settings, toy_science(tmp_path), Metrics()) as bench:
        yield Dispatcher(bench)


@pytest.fixture
def audits(factory: SessionFactory) -> tuple[str, str]:
    """Two audits of one classifier that succeeded; nobody remembers a stage of theirs."""
    with transaction(factory) as session:
        classifier, dataset = add_classifier(session), add_dataset(session)
        before, after = (add_audit(session, "ok", classifier, dataset) for _ in range(2))
        session.execute(update(AuditRow).values(state="succeeded", result_digest=DIGEST))
        session.execute(update(JobRow).values(state="done"))
    return before, after


def compare(factory: SessionFactory, audits: tuple[str, str], name: str = "ok") -> str:
    """A queued comparison of this name, with its job, and a webhook that wants to hear of it."""
    with transaction(factory) as session:
        row = ComparisonRow(id=new_id("cmp"), name=name, before_id=audits[0], after_id=audits[1])
        hook = WebhookRow(id=new_id("whk"), name="hook", url="https://example.org", events=[], sealed_secret="")
        session.add_all([row, hook])
        session.flush()
        enqueue(session, JobKind.COMPARISON, row.id)
        return row.id


def comparison(factory: SessionFactory, name: str) -> ComparisonRow:
    with transaction(factory) as session:
        return session.get_one(ComparisonRow, name)


def over(factory: SessionFactory, name: str) -> bool:
    return AuditState(comparison(factory, name).state).terminal


def told(factory: SessionFactory, name: str) -> list[DeliveryRow]:
    with transaction(factory) as session:
        return list(session.scalars(select(DeliveryRow).where(DeliveryRow.subject_id == name)))


def job_state(factory: SessionFactory, name: str) -> tuple[str, int]:
    with transaction(factory) as session:
        row = session.execute(select(JobRow.state, JobRow.attempt).where(JobRow.subject_id == name)).one()
        return row[0], row[1]


def test_a_comparison_succeeds_with_result_and_pictures_and_tells_of_it(
    dispatcher: Dispatcher, factory: SessionFactory, store: S3BlobStore, tmp_path: Path, audits: tuple[str, str]
) -> None:
    name = compare(factory, audits)
    with running(dispatcher):
        eventually(lambda: over(factory, name))
    row = comparison(factory, name)
    assert (row.state, row.attempt, row.progress, row.problem) == ("succeeded", 1, 1.0, None)
    assert row.started_at is not None
    assert row.finished_at is not None
    assert store.get(str(row.result_digest)).startswith(b"comparison ")
    assert store.exists(str(row.pictures_digest))
    assert runs(tmp_path) == ["comparison", "taps"], "both sides share the stages that are the same"
    assert job_state(factory, name) == ("done", 1)
    assert [(one.type, one.payload["state"], one.payload["before"]) for one in told(factory, name)] == [
        ("comparison.succeeded", "succeeded", audits[0])
    ]


def test_a_stage_that_was_evicted_is_fitted_again(
    dispatcher: Dispatcher, factory: SessionFactory, store: S3BlobStore, tmp_path: Path, audits: tuple[str, str]
) -> None:
    first = compare(factory, audits)
    with running(dispatcher):
        eventually(lambda: over(factory, first))
        with transaction(factory) as session:
            lost = session.execute(select(StageOutputRow.outputs).where(StageOutputRow.stage == "taps")).scalar_one()
        store.client.delete_object(Bucket=store.bucket.name, Key=store.key(lost["out"]))
        second = compare(factory, audits)
        eventually(lambda: over(factory, second))
    assert comparison(factory, second).state == "succeeded"
    assert runs(tmp_path) == ["comparison", "taps", "taps"]


def test_a_refusal_of_the_stage_is_the_problem_of_the_comparison(
    dispatcher: Dispatcher, factory: SessionFactory, audits: tuple[str, str]
) -> None:
    name = compare(factory, audits, "comparison refuse")
    with running(dispatcher):
        eventually(lambda: over(factory, name))
    row = comparison(factory, name)
    assert (row.state, row.attempt, row.result_digest) == ("failed", 1, None)
    assert row.problem is not None
    assert (row.problem["code"], row.problem["advice"]) == (ErrorCode.TRAINING_DIVERGED, "lower the learning rate")
    assert [one.type for one in told(factory, name)] == ["comparison.failed"]
    assert job_state(factory, name)[0] == "failed"
    assert audit_row(factory, audits[0]).state == "succeeded"


def test_what_may_pass_is_tried_again_and_told_once(
    dispatcher: Dispatcher, factory: SessionFactory, monkeypatch: pytest.MonkeyPatch, audits: tuple[str, str]
) -> None:
    monkeypatch.setattr(queue, "backoff", lambda attempt: 0.0)
    name = compare(factory, audits, "comparison transient-once")
    with running(dispatcher):
        eventually(lambda: over(factory, name))
    row = comparison(factory, name)
    assert (row.state, row.attempt) == ("succeeded", 2)
    assert [one.type for one in told(factory, name)] == ["comparison.succeeded"]


def test_attempts_that_lost_their_dispatcher_are_counted_and_end(
    dispatcher: Dispatcher, factory: SessionFactory, settings: Settings, audits: tuple[str, str]
) -> None:
    name = compare(factory, audits)
    with transaction(factory) as session:
        session.execute(update(ComparisonRow).where(ComparisonRow.id == name).values(state="running"))
        session.execute(update(JobRow).where(JobRow.subject_id == name).values(attempt=settings.max_attempts))
    with running(dispatcher):
        eventually(lambda: over(factory, name))
    problem = comparison(factory, name).problem
    assert problem is not None
    assert problem["code"] == ErrorCode.ATTEMPTS_EXHAUSTED


def test_a_dispatcher_that_lost_its_lease_writes_nothing(
    settings: Settings, ray_address: str, tmp_path: Path, factory: SessionFactory, audits: tuple[str, str]
) -> None:
    name = compare(factory, audits)
    with assembled(settings, toy_science(tmp_path), Metrics()) as bench:
        with transaction(factory) as session:
            stale = queue.claim(session, [JobKind.COMPARISON], "slow", 60.0)
        assert stale is not None
        with transaction(factory) as session:
            session.execute(update(JobRow).where(JobRow.subject_id == name).values(token=stale.token + 1))
        with pytest.raises(Fenced):
            run_comparison(bench.of_project(stale.project), stale, Signals(stale, threading.Event()))
    assert comparison(factory, name).state == "queued"
    assert told(factory, name) == []


def test_an_audit_without_a_result_is_refused(dispatcher: Dispatcher, factory: SessionFactory) -> None:
    with transaction(factory) as session:
        queued = (add_audit(session), add_audit(session))
        session.execute(update(AuditRow).values(state="cancelled"))
        session.execute(update(JobRow).values(state="cancelled"))
    name = compare(factory, queued)
    with running(dispatcher):
        eventually(lambda: over(factory, name))
    problem = comparison(factory, name).problem
    assert problem is not None
    assert problem["code"] == ErrorCode.AUDITS_NOT_COMPARABLE
