"""The dispatcher with a real database, a real bucket, a real Ray and toy stages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from sqlalchemy import select, update

from schemas.audits import AuditCreate, AuditState
from schemas.policies import Policy
from schemas.problems import ErrorCode
from schemas.projects import DEFAULT_PROJECT
from services.audits import service as audits
from services.db.engine import SessionFactory, scoped, transaction
from services.db.outbox import DeliveryRow, WebhookRow
from services.db.tables import AuditArtifactRow, AutoencoderRow, ClassifierRow, JobRow, StageOutputRow
from services.dispatch import retries
from services.dispatch.dispatcher import Dispatcher, assembled
from services.observability import Metrics
from services.policies import service as policies
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.rows import add_audit, add_autoencoder, add_classifier, add_dataset
from tests.builders.steering import audit_row, cancel, ended, events, eventually, running, runs, states, submit
from tests.builders.toy_science import toy_science

TERMINAL = {state for state in AuditState if state.terminal}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def dispatcher(settings: Settings, ray_address: str, tmp_path: Path, metrics: Metrics) -> Iterator[Dispatcher]:
    with assembled(settings, toy_science(tmp_path), metrics) as bench:
        yield Dispatcher(bench)


def test_an_audit_succeeds_with_result_artifacts_and_gapless_events(
    dispatcher: Dispatcher, factory: SessionFactory, store: S3BlobStore, tmp_path: Path, metrics: Metrics
) -> None:
    audit = submit(factory, "ok")
    with running(dispatcher):
        eventually(ended(factory, audit))
    row = audit_row(factory, audit)
    assert (row.state, row.attempt, row.progress, row.problem) == ("succeeded", 1, 1.0, None)
    assert row.result_digest is not None
    assert store.get(row.result_digest).startswith(b"result ")
    assert {stage["stage"]: stage["state"] for stage in row.stages} == dict.fromkeys(
        ["taps", "fit:a", "fit:b", "result"], "done"
    )
    written = events(factory, audit)
    assert [event.sequence for event in written] == list(range(1, row.last_sequence + 1))
    assert states(factory, audit) == ["running", "succeeded"]
    assert written[-1].data["state"] == "succeeded"
    assert runs(tmp_path) == ["fit:a", "fit:b", "result", "taps"]
    with transaction(factory) as session:
        artifact = session.execute(select(AuditArtifactRow)).scalar_one()
        assert (artifact.role, artifact.bytes) == ("sheets", len(store.get(artifact.digest)))
        assert session.execute(select(JobRow.state)).scalar_one() == "done"
    assert b'audit_stage_duration_seconds_count{stage="fit"} 2.0' in generate_latest(metrics.registry)


def test_a_second_audit_runs_nothing_again(dispatcher: Dispatcher, factory: SessionFactory, tmp_path: Path) -> None:
    with transaction(factory) as session:
        classifier, dataset = add_classifier(session), add_dataset(session)
        audits = [add_audit(session, "ok", classifier, dataset) for _ in range(3)]
    with running(dispatcher):
        eventually(ended(factory, *audits))
    assert runs(tmp_path) == ["fit:a", "fit:b", "result", "taps"]
    assert {audit_row(factory, audit).state for audit in audits} == {"succeeded"}
    found = [stage["state"] for audit in audits for stage in audit_row(factory, audit).stages]
    assert sorted(found) == ["done"] * 4 + ["reused"] * 8


def test_an_output_whose_blob_is_gone_is_made_again(
    dispatcher: Dispatcher, factory: SessionFactory, store: S3BlobStore, tmp_path: Path
) -> None:
    first = submit(factory, "ok")
    with running(dispatcher):
        eventually(ended(factory, first))
        with transaction(factory) as session:
            row = session.execute(select(StageOutputRow).where(StageOutputRow.stage == "fit:a")).scalar_one()
        store.client.delete_object(Bucket=store.bucket.name, Key=store.key(row.outputs["out"]))
        second = submit(factory, "ok")
        eventually(ended(factory, second))
    assert audit_row(factory, second).state == "succeeded"
    assert runs(tmp_path) == ["fit:a", "fit:a", "fit:b", "result", "taps"]


def test_a_killed_worker_is_replaced(dispatcher: Dispatcher, factory: SessionFactory, tmp_path: Path) -> None:
    audit = submit(factory, "fit:b crash-once")
    with running(dispatcher):
        eventually(ended(factory, audit))
    assert audit_row(factory, audit).state == "succeeded"
    assert audit_row(factory, audit).attempt == 1
    assert runs(tmp_path) == ["fit:a", "fit:b", "fit:b", "result", "taps"]


def test_a_refusal_of_a_stage_is_the_problem_of_the_audit(dispatcher: Dispatcher, factory: SessionFactory) -> None:
    audit = submit(factory, "fit:a refuse")
    with running(dispatcher):
        eventually(ended(factory, audit))
    row = audit_row(factory, audit)
    assert (row.state, row.attempt) == ("failed", 1)
    assert row.problem is not None
    assert row.problem["code"] == ErrorCode.TRAINING_DIVERGED
    assert row.problem["advice"] == "lower the learning rate"
    assert {stage["stage"]: stage["state"] for stage in row.stages}["fit:a"] == "failed"
    assert states(factory, audit) == ["running", "failed"]


def test_a_fault_of_a_stage_shows_no_internals(dispatcher: Dispatcher, factory: SessionFactory) -> None:
    audit = submit(factory, "taps fault")
    with running(dispatcher):
        eventually(ended(factory, audit))
    problem = audit_row(factory, audit).problem
    assert problem is not None
    assert problem["code"] == ErrorCode.STAGE_FAILED
    assert "secret internals" not in str(problem)
    assert "Traceback" not in str(problem)


def test_a_transient_failure_is_tried_again_from_the_last_finished_stage(
    dispatcher: Dispatcher, factory: SessionFactory, tmp_path: Path
) -> None:
    audit = submit(factory, "result transient-once")
    with running(dispatcher):
        eventually(ended(factory, audit))
    row = audit_row(factory, audit)
    assert (row.state, row.attempt) == ("succeeded", 2)
    assert states(factory, audit) == ["running", "queued", "running", "succeeded"]
    assert runs(tmp_path) == ["fit:a", "fit:b", "result", "result", "taps"]


def test_an_outage_is_waited_for_and_costs_no_attempt(
    dispatcher: Dispatcher, factory: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "OUTAGE_SECONDS", 0.0)
    audit = submit(factory, "fit:b outage-once")
    with running(dispatcher):
        eventually(ended(factory, audit))
    row = audit_row(factory, audit)
    assert (row.state, row.attempt) == ("succeeded", 1)
    assert states(factory, audit) == ["running", "queued", "running", "succeeded"]


def test_cancel_kills_a_long_stage(dispatcher: Dispatcher, factory: SessionFactory, tmp_path: Path) -> None:
    audit = submit(factory, "fit:a sleep")
    with running(dispatcher):
        eventually((tmp_path / "started").exists)
        cancel(factory, audit)
        eventually(ended(factory, audit))  # gives up long before the stage would wake up
    assert audit_row(factory, audit).state == "cancelled"
    assert states(factory, audit) == ["running", "cancelled"]
    worker = Path("/proc") / (tmp_path / "started").read_text()
    assert not worker.exists() or "ray::" not in (worker / "cmdline").read_text()


def test_a_dispatcher_that_is_told_to_stop_gives_its_audit_back(
    dispatcher: Dispatcher, factory: SessionFactory, tmp_path: Path
) -> None:
    audit = submit(factory, "fit:a sleep")
    with running(dispatcher):
        eventually((tmp_path / "started").exists)
    row = audit_row(factory, audit)
    assert row.state == "queued"
    with transaction(factory) as session:
        job = session.execute(select(JobRow)).scalar_one()
    assert (job.state, job.attempt) == ("queued", 0)


def test_attempts_are_exhausted(dispatcher: Dispatcher, factory: SessionFactory, settings: Settings) -> None:
    audit = submit(factory, "ok")
    with transaction(factory) as session:
        session.execute(update(JobRow).values(attempt=settings.max_attempts))
    with running(dispatcher):
        eventually(ended(factory, audit))
    problem = audit_row(factory, audit).problem
    assert problem is not None
    assert problem["code"] == ErrorCode.ATTEMPTS_EXHAUSTED


def test_an_audit_waits_for_its_files_without_using_up_attempts(
    dispatcher: Dispatcher, factory: SessionFactory
) -> None:
    with transaction(factory) as session:
        classifier, dataset = add_classifier(session, state="pending"), add_dataset(session)
        session.execute(update(JobRow).values(available_at="2999-01-01"))
        audit = add_audit(session, "ok", classifier, dataset)
    with running(dispatcher):
        first = _token(factory, audit)
        eventually(lambda: _token(factory, audit) > first + 2)
        assert states(factory, audit) == []
        with transaction(factory) as session:
            session.execute(update(JobRow).where(JobRow.subject_id == classifier).values(available_at="2000-01-01"))
        eventually(ended(factory, audit))
    row = audit_row(factory, audit)
    assert (row.state, row.attempt) == ("succeeded", 1)


def _token(factory: SessionFactory, subject: str) -> int:
    with transaction(factory) as session:
        return session.execute(select(JobRow.token).where(JobRow.subject_id == subject)).scalar_one() or 0


def test_everything_that_an_audit_names_is_waited_for(
    dispatcher: Dispatcher, factory: SessionFactory, tmp_path: Path
) -> None:
    with transaction(factory) as session:
        others = [add_classifier(session, "other", state="pending") for _ in range(2)]
        outside, own = add_dataset(session, state="pending"), add_autoencoder(session, state="pending")
        audit = add_audit(session, "ok", config={"against": others, "outside": outside, "autoencoder": own})
    with running(dispatcher):
        eventually(ended(factory, audit))
    assert (audit_row(factory, audit).state, audit_row(factory, audit).attempt) == ("succeeded", 1)
    assert "intake_autoencoder" in runs(tmp_path)
    with transaction(factory) as session:
        row = session.get_one(AutoencoderRow, own)
        assert row.state == "ready"
        assert row.facts is not None
        assert row.facts["code_dim"] == 6


def test_a_refused_companion_fails_the_audit(dispatcher: Dispatcher, factory: SessionFactory) -> None:
    with transaction(factory) as session:
        refused = add_classifier(session, "refuse", state="pending")
        audit = add_audit(session, "ok", config={"against": [refused]})
    with running(dispatcher):
        eventually(ended(factory, audit))
    problem = audit_row(factory, audit).problem
    assert problem is not None
    assert (problem["code"], "other classifier" in problem["detail"]) == (ErrorCode.INTAKE_REJECTED, True)


def test_a_refused_file_fails_the_audit(dispatcher: Dispatcher, factory: SessionFactory) -> None:
    with transaction(factory) as session:
        classifier = add_classifier(session, "refuse", state="pending")
        audit = add_audit(session, "ok", classifier, add_dataset(session, state="pending"))
    with running(dispatcher):
        eventually(ended(factory, audit))
        eventually(lambda: _classifier(factory, classifier).state == "rejected")
    problem = audit_row(factory, audit).problem
    assert problem is not None
    assert problem["code"] == ErrorCode.INTAKE_REJECTED
    refused = _classifier(factory, classifier).problem
    assert refused is not None
    assert (refused["code"], refused["advice"]) == (ErrorCode.MODEL_UNREADABLE, "export it again")


def _classifier(factory: SessionFactory, classifier: str) -> ClassifierRow:
    with transaction(factory) as session:
        return session.get_one(ClassifierRow, classifier)


def test_cancel_races_with_completion_and_one_of_them_wins(dispatcher: Dispatcher, factory: SessionFactory) -> None:
    audits = [submit(factory, f"ok-{number}") for number in range(6)]
    with running(dispatcher):
        for number, audit in enumerate(audits):
            eventually(lambda audit=audit, number=number: audit_row(factory, audit).last_sequence > number)
            cancel(factory, audit)
        eventually(ended(factory, *audits))
    for audit in audits:
        terminal = [state for state in states(factory, audit) if state in TERMINAL]
        assert terminal == [audit_row(factory, audit).state]


def test_what_came_of_the_policy_is_written_with_the_result_and_told(
    dispatcher: Dispatcher, factory: SessionFactory, metrics: Metrics
) -> None:
    document = {"version": 1, "name": "fail", "rules": [{"no_regression_against": "before"}]}
    with scoped(factory, DEFAULT_PROJECT) as session:
        told = {"url": "https://example.test/", "events": ["audit.gated"], "sealed_secret": "x"}
        session.add(WebhookRow(id=f"whk_{'0' * 24}", name="told", **told))
        policy = policies.create(session, Policy.model_validate(document)).id
        subjects = {"classifier": add_classifier(session), "dataset": add_dataset(session)}
        first = audits.create(session, AuditCreate(**subjects, name="ok", policy=policy)).id
    with running(dispatcher):
        eventually(ended(factory, first))
        with scoped(factory, DEFAULT_PROJECT) as session:
            asked = AuditCreate(**subjects, name="ok", policy=policy, baseline=first)
            second = audits.create(session, asked).id
            plain = audits.create(session, AuditCreate(**subjects, name="ok")).id
        eventually(ended(factory, second, plain))
    assert [audit_row(factory, one).gate for one in (first, second, plain)] == ["inconclusive", "fail", None]
    with transaction(factory) as session:
        deliveries = session.scalars(select(DeliveryRow).order_by(DeliveryRow.created_at)).all()
    assert [(one.subject_id, one.payload["gate"]) for one in deliveries] == [(first, "inconclusive"), (second, "fail")]
    counted = generate_latest(metrics.registry)
    assert b'audit_gates_total{outcome="fail"} 1.0' in counted
    assert b'audit_gates_total{outcome="inconclusive"} 1.0' in counted
