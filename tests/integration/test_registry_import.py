"""The import of a version: a failure says what to change or is tried again, and nothing is ever half there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update

from schemas.problems import ErrorCode
from schemas.projects import DEFAULT_PROJECT
from schemas.registries import RegistryCreate, VersionTold
from services.db.automation import RegistryRow, RegistryVersionRow
from services.db.engine import SessionFactory, scoped, transaction
from services.db.tables import AuditRow, ClassifierRow, JobKind, JobRow, UploadRow
from services.db.trust import TrailRow
from services.dispatch.dispatcher import assembled
from services.dispatch.import_job import run_import
from services.dispatch.watch import Signals
from services.dispatch.workbench import Workbench
from services.errors import failure
from services.jobs import queue
from services.observability import Metrics
from services.registries import service, versions
from services.sealing.sealer import Sealer
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.rows import add_audit, add_dataset, classifier_facts
from tests.builders.strange_registry import FILES, MODEL, Strange, serving, usual
from tests.builders.toy_science import toy_science

KEY = SecretStr("k" * 40)
GET = "/api/2.0/mlflow/model-versions/get"
URI = "/api/2.0/mlflow/model-versions/get-download-uri"
UNUSABLE = "registry-model-unusable"


@pytest.fixture
def strange() -> Iterator[Strange]:
    with serving(usual()) as strange:
        yield strange


@pytest.fixture
def bench(settings: Settings, ray_address: str, tmp_path: Path) -> Iterator[Workbench]:
    own = settings.model_copy(update={"secret_key": KEY, "private_networks": True, "max_upload_bytes": 10_000})
    with assembled(own, toy_science(tmp_path), Metrics()) as bench:
        yield bench


@pytest.fixture
def version(bench: Workbench, strange: Strange) -> str:
    """Version 1 of ``digits``, told and queued."""
    with scoped(bench.factory, DEFAULT_PROJECT) as session:
        body = RegistryCreate(name="ours", url=strange.url, dataset=add_dataset(session), baseline="previous")
        registry = service.create(session, Sealer(KEY), "", body).id
        return versions.ask(session, registry, VersionTold(model="digits", version="1")).id


def work(bench: Workbench) -> None:
    """Claim the import job and work on it once."""
    with transaction(bench.factory) as session:
        owner = queue.claim(session, [JobKind.IMPORT_VERSION], "test", 60.0)
    assert owner is not None
    run_import(bench.of_project(owner.project), owner, Signals(owner, Event()))


def row(bench: Workbench, version: str) -> RegistryVersionRow:
    with transaction(bench.factory) as session:
        return session.get_one(RegistryVersionRow, version)


def job(bench: Workbench) -> tuple[str, int, float]:
    """State of the import job, its counted attempts, and seconds until it is due."""
    due = func.extract("epoch", JobRow.available_at - func.now())
    query = select(JobRow.state, JobRow.attempt, due).where(JobRow.kind == JobKind.IMPORT_VERSION)
    with transaction(bench.factory) as session:
        state, attempt, seconds = session.execute(query).one()
    return state, attempt, float(seconds)


def counted(factory: SessionFactory) -> tuple[int, int, int]:
    """Uploads (beside that of the dataset), classifiers and audits."""
    with transaction(factory) as session:
        found = [
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in (UploadRow, ClassifierRow, AuditRow)
        ]
    return found[0] - 1, found[1], found[2]


def ready(factory: SessionFactory) -> None:
    """As intake does."""
    with transaction(factory) as session:
        session.execute(update(ClassifierRow).values(state="ready", facts=classifier_facts()))
        session.execute(update(JobRow).values(available_at=func.now()))


def test_the_audit_waits_for_the_intake_and_knows_the_one_before(
    bench: Workbench, version: str, store: S3BlobStore
) -> None:
    work(bench)
    assert job(bench)[0] == "queued"
    assert counted(bench.factory) == (1, 1, 0)
    with transaction(bench.factory) as session:
        registry = session.get_one(RegistryVersionRow, version).registry_id
        dataset = service.options_of(service.existing(session, registry)).dataset
        earlier = [add_audit(session, dataset=dataset) for _ in range(3)]
        for audit, number in zip(earlier, ("0", "2", "0"), strict=True):
            origin = {"registry": registry, "model": "digits", "version": number}
            done = {"state": "succeeded", "result_digest": "ab" * 32}
            session.execute(update(AuditRow).where(AuditRow.id == audit).values(origin=origin, **done))
        session.execute(update(AuditRow).where(AuditRow.id == earlier[2]).values(state="failed", result_digest=None))
        failed = add_audit(session, dataset=dataset)
        gate = {"origin": {"registry": registry, "model": "digits", "version": "0"}, "gate": "fail", **done}
        session.execute(update(AuditRow).where(AuditRow.id == failed).values(**gate))
    ready(bench.factory)
    work(bench)
    made = row(bench, version)
    assert (made.state, job(bench)[0]) == ("imported", "done")
    with transaction(bench.factory) as session:
        audit = session.get_one(AuditRow, made.audit_id)
        classifier = session.get_one(ClassifierRow, made.classifier_id)
    assert (audit.name, audit.baseline_id, audit.classifier_id) == ("digits version 1", earlier[0], classifier.id)
    assert store.get(classifier.digest) == MODEL
    with transaction(bench.factory) as session:
        deeds = session.execute(
            select(TrailRow.principal, TrailRow.action, TrailRow.subject).order_by(TrailRow.id)
        ).all()
    assert [tuple(deed) for deed in deeds] == [
        (registry, "classifiers.create", classifier.id),
        (registry, "audits.create", audit.id),
    ]


@pytest.mark.parametrize(
    ("path", "answer", "code", "advice"),
    [
        (GET, (404, b"{}"), "registry-refused", "still there"),
        (GET, (403, b"{}"), "registry-refused", "token"),
        (GET, (200, b"<html>"), "registry-refused", "URL"),
        (GET, (302, b""), "registry-refused", ""),
        (URI, (200, b'{"artifact_uri": "s3://bucket/x"}'), UNUSABLE, "--serve-artifacts"),
        (URI, (200, b'{"artifact_uri": "mlflow-artifacts://elsewhere:80/x"}'), UNUSABLE, "--serve-artifacts"),
        (URI, (200, b'{"artifact_uri": "mlflow-artifacts:/1/../../secrets"}'), UNUSABLE, "--serve-artifacts"),
        (FILES, (503, b"disabled: running with `--no-serve-artifacts`"), "registry-refused", "--serve-artifacts"),
        (FILES, (200, b'{"files": []}'), UNUSABLE, "log_model"),
        (FILES, (200, b'{"files": [{"path": "a.onnx"}, {"path": "b.onnx"}]}'), UNUSABLE, "log_model"),
        (FILES, (200, b'{"files": [{"path": "model.onnx", "file_size": 10001}]}'), "upload-too-large", "smaller"),
    ],
)  # fmt: skip
def test_what_trying_again_does_not_help_fails_with_advice(
    bench: Workbench, version: str, strange: Strange, path: str, answer: tuple[int, bytes], code: str, advice: str
) -> None:
    strange.answers[path] = answer
    work(bench)
    made = row(bench, version)
    assert (made.state, job(bench)[0]) == ("failed", "failed")
    assert made.problem is not None
    assert made.problem["code"] == code
    assert advice in made.problem["advice"]
    assert counted(bench.factory) == (0, 0, 0)


def test_a_file_longer_than_was_told_is_not_read_to_its_end(bench: Workbench, version: str, strange: Strange) -> None:
    strange.holds(("model.onnx", 5))
    strange.answers[f"{FILES}/1/models/m-1/artifacts/model.onnx"] = (200, b"x" * 20_000)
    work(bench)
    assert (row(bench, version).problem or {})["code"] == ErrorCode.UPLOAD_TOO_LARGE
    assert counted(bench.factory) == (0, 0, 0)


def test_a_registry_that_is_away_is_asked_again_less_and_less_and_not_for_ever(
    bench: Workbench, version: str, strange: Strange
) -> None:
    strange.cut = 100
    work(bench)
    state, attempt, seconds = job(bench)
    assert (state, attempt, row(bench, version).state) == ("queued", 0, "pending")
    assert 0 < seconds <= 5
    strange.cut = None
    strange.answers[FILES] = (500, b"")
    for hours, least in ((1, 590), (25, None)):
        with transaction(bench.factory) as session:
            past = func.now() - func.make_interval(0, 0, 0, 0, hours)
            session.execute(update(JobRow).values(created_at=past, available_at=func.now()))
        work(bench)
        assert least is None or least < job(bench)[2] <= 600
    made = row(bench, version)
    assert (made.state, job(bench)[0]) == ("failed", "failed")
    assert (made.problem or {})["code"] == ErrorCode.REGISTRY_UNREACHABLE
    assert counted(bench.factory) == (0, 0, 0)


def test_a_refusal_of_intake_is_the_problem_of_the_version(bench: Workbench, version: str) -> None:
    work(bench)
    refusal = failure(ErrorCode.MODEL_EXTERNAL_DATA, "It has.", "No.").model_dump(mode="json")
    with transaction(bench.factory) as session:
        session.execute(update(ClassifierRow).values(state="rejected", problem=refusal))
        session.execute(update(JobRow).values(available_at=func.now()))
    work(bench)
    problem = row(bench, version).problem or {}
    assert problem["detail"] == "It has."
    assert "save_as_external_data=False" in problem["advice"]


def test_a_full_quota_is_waited_for(bench: Workbench, version: str) -> None:
    with transaction(bench.factory) as session:
        session.connection().exec_driver_sql("UPDATE projects SET max_audits_in_flight = 0")
    work(bench)
    ready(bench.factory)
    work(bench)
    state, _, seconds = job(bench)
    assert (state, row(bench, version).state) == ("queued", "pending")
    assert 20 < seconds <= 30
    assert counted(bench.factory) == (1, 1, 0)


def test_the_token_goes_along_and_nothing_is_asked_of_another_host(
    bench: Workbench, version: str, strange: Strange
) -> None:
    strange.says("/model-versions/get-download-uri", {"artifact_uri": "mlflow-artifacts://127.0.0.1:9/x"})
    with transaction(bench.factory) as session:
        session.execute(update(RegistryRow).values(sealed_token=Sealer(KEY).seal("a-token")))
    work(bench)
    assert "127.0.0.1:9" in (row(bench, version).problem or {})["detail"]
    assert strange.seen == [("GET", GET, "Bearer a-token"), ("GET", URI, "Bearer a-token")]


ONNX = f"{FILES}/1/models/m-1/artifacts/model.onnx"


def limit_bytes(bench: Workbench, most: int) -> None:
    with transaction(bench.factory) as session:
        session.connection().exec_driver_sql(f"UPDATE projects SET max_bytes = {most}")


def stored(store: S3BlobStore) -> list[str]:
    found = store.client.list_objects_v2(Bucket=store.bucket.name, Prefix=store.bucket.prefix)
    return [item["Key"] for item in found.get("Contents", [])]


@pytest.mark.parametrize("told", [len(MODEL), 0])
def test_the_quota_is_asked_before_a_byte_comes(
    bench: Workbench, version: str, strange: Strange, store: S3BlobStore, told: int
) -> None:
    strange.holds(("model.onnx", told))
    limit_bytes(bench, 3)  # the dataset has them
    for _ in range(2):
        work(bench)
        assert (job(bench)[0], row(bench, version).state) == ("queued", "pending")
        with transaction(bench.factory) as session:
            session.execute(update(JobRow).values(available_at=func.now()))
    assert ONNX not in {path for _, path, _ in strange.seen}
    assert (stored(store), counted(bench.factory)) == ([], (0, 0, 0))


def test_a_file_of_untold_size_is_read_as_far_as_the_quota_goes_and_not_kept(
    bench: Workbench, version: str, strange: Strange, store: S3BlobStore
) -> None:
    strange.holds(("model.onnx", 0))
    limit_bytes(bench, 3 + len(MODEL) - 1)
    work(bench)
    assert (job(bench)[0], row(bench, version).state, stored(store)) == ("queued", "pending", [])
    limit_bytes(bench, 3 + len(MODEL))
    with transaction(bench.factory) as session:
        session.execute(update(JobRow).values(available_at=func.now()))
    work(bench)
    assert counted(bench.factory) == (1, 1, 0)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (FILES, b'{"files": [{"path": "../../model.onnx", "file_size": 3}]}'),
        (FILES, b'{"files": {"path": "model.onnx"}}'),
        (GET, b"[" * 100_000),
        (GET, b'{"model_version": 1}'),
        (URI, b'{"artifact_uri": ["mlflow-artifacts:/1"]}'),
        (URI, b'{"artifact_uri": "mlflow-artifacts://[1"}'),
        (URI, b'{"artifact_uri": "mlflow-artifacts:/%s"}' % (b"x" * 100_000)),
    ],
)
def test_an_answer_of_another_shape_ends_the_version_not_the_job(
    bench: Workbench, version: str, strange: Strange, path: str, answer: bytes
) -> None:
    strange.answers[path] = (200, answer)
    work(bench)
    assert (row(bench, version).state, job(bench)[:2]) == ("failed", ("failed", 1))
    assert (row(bench, version).problem or {})["code"] in ("registry-refused", UNUSABLE)
