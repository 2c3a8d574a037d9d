"""An audit succeeds with its report sealed and stored; a report that cannot be made costs it nothing."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from schemas.audits import AuditState
from schemas.manifests.document import read_manifest
from schemas.manifests.envelope import read_envelope
from schemas.manifests.verification import Outcome, verify_page
from schemas.results import AuditResult
from schemas.stages import StageOutcome
from services.db.engine import SessionFactory, scoped, transaction
from services.db.tables import AuditArtifactRow, AuditRow, JobKind
from services.db.trust import ManifestRow, SigningKeyRow
from services.dispatch import audit_job, journal
from services.dispatch.subjects import audit_subject, files_of
from services.dispatch.workbench import Workbench
from services.errors import Fenced
from services.jobs import queue
from services.jobs.queue import Claim, fenced
from services.manifests import sources
from services.manifests.sources import source_digest
from services.observability import Metrics
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.results import result
from tests.builders.rows import add_audit, add_classifier, add_dataset

SEED = base64.b64encode(bytes(32)).decode()


@pytest.fixture
def bench(settings: Settings, factory: SessionFactory, store: S3BlobStore) -> Workbench:
    """What an audit's end needs: no cluster, no science."""
    signing = settings.model_copy(update={"signing_key": SecretStr(SEED)})
    nothing = cast("Any", None)
    return Workbench(signing, factory, store, nothing, nothing, nothing, Metrics(), nothing)


def running(factory: SessionFactory, **config: Any) -> Claim:
    with transaction(factory) as session:
        given = {name: make(session) for name, make in config.items()}
        add_audit(session, config=given)
        owner = queue.claim(session, [JobKind.AUDIT], "test", 60.0)
    assert owner is not None
    with fenced(factory, owner) as session:
        journal.begin(session, owner.subject_id, owner.attempt, lost=False)
    return owner


def succeed(bench: Workbench, owner: Claim, data: bytes) -> None:
    digest = bench.store.put(data)
    listed = {"result": {"digest": digest, "media_type": "application/json"}}
    outcome = StageOutcome(key="0" * 64, outputs={"result": digest}, summary={"artifacts": listed, "gate": "pass"})
    with scoped(bench.factory, owner.project) as session:
        audit = session.get_one(AuditRow, owner.subject_id)
        subject = audit_subject(audit, files_of(session, audit), attempt=1)
    audit_job._succeed(bench, owner, subject, {"result": outcome})


def told(audit: str) -> AuditResult:
    made = result()
    return made.model_copy(update={"audit": made.audit.model_copy(update={"id": audit})})


def test_the_report_is_stored_and_signed_when_the_audit_succeeds(bench: Workbench, factory: SessionFactory) -> None:
    owner = running(
        factory,
        against=lambda session: [add_classifier(session, "other")],
        outside=lambda session: add_dataset(session, "elsewhere"),
    )
    succeed(bench, owner, told(owner.subject_id).model_dump_json().encode())
    with transaction(factory) as session:
        audit = session.get_one(AuditRow, owner.subject_id)
        roles = {row.role: row for row in session.scalars(select(AuditArtifactRow))}
        row = session.scalars(select(ManifestRow)).one()
        key = session.scalars(select(SigningKeyRow.id)).one()
    assert audit.state == AuditState.SUCCEEDED
    page = bench.store.get(roles["report"].digest)
    answer = verify_page(page, {key}, {"result": audit.result_digest or ""})
    assert answer.outcome is Outcome.VERIFIED
    assert len(page) == roles["report"].bytes
    assert (row.original, row.page_digest) == (True, roles["report"].digest)
    envelope = read_envelope(bench.store.get(roles["manifest"].digest))
    manifest = read_manifest(envelope.document())
    assert manifest == answer.manifest
    assert manifest.statement.id == owner.subject_id
    assert manifest.statement.gate == "pass"
    assert manifest.statement.code.source_digest == source_digest()
    assert [material.role for material in manifest.statement.materials] == [
        "classifier", "dataset", "against:1", "outside",
    ]  # fmt: skip


def test_a_report_that_cannot_be_rendered_does_not_fail_the_audit(bench: Workbench, factory: SessionFactory) -> None:
    owner = running(factory)
    succeed(bench, owner, b'{"this": "is no result"}')
    with transaction(factory) as session:
        assert session.get_one(AuditRow, owner.subject_id).state == AuditState.SUCCEEDED
        assert session.scalar(select(func.count()).select_from(ManifestRow)) == 0


def test_an_attempt_that_was_replaced_while_it_rendered_leaves_no_manifest(
    bench: Workbench, factory: SessionFactory
) -> None:
    owner = running(factory)
    with transaction(factory) as session:
        queue.requeue(session, owner, 0.0)
    with pytest.raises(Fenced):
        succeed(bench, owner, told(owner.subject_id).model_dump_json().encode())
    with transaction(factory) as session:
        assert session.scalar(select(func.count()).select_from(ManifestRow)) == 0
        assert session.scalar(select(func.count()).select_from(AuditArtifactRow)) == 0


def test_the_digest_of_the_sources_changes_with_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "sealing_probe"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sources, "PACKAGES", ("sealing_probe",))
    found = [source_digest.__wrapped__()]
    for name, text in (("page.html.j2", "a"), ("page.html.j2", "b"), ("other.html.j2", "b")):
        (package / name).write_text(text)
        found.append(source_digest.__wrapped__())
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "page.pyc").write_text("")
    assert len(set(found)) == 4
    assert source_digest.__wrapped__() == found[-1]
