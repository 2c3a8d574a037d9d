"""Rules of audits. The audit row, its first event and its job begin in one transaction."""

from __future__ import annotations

from sqlalchemy import func
from sqlalchemy.orm import Session

from schemas.audits import (
    Artifact,
    ArtifactList,
    Audit,
    AuditConfig,
    AuditCreate,
    AuditEvent,
    AuditState,
    Origin,
    StageProgress,
)
from schemas.policies import Outcome
from schemas.problems import Problem
from services.db.events import append_event
from services.db.identifiers import new_id
from services.db.paging import Position
from services.db.tables import AuditArtifactRow, AuditEventRow, AuditRow, JobKind
from services.errors import AlreadyFinished, NotFound, ReportNotReady
from services.jobs.queue import cancel_waiting, enqueue
from services.projects.quotas import check_audit
from services.storage.blobs import blob_key

from . import repository
from .announcing import announce_state
from .gating import check_gate
from .removal import check_not_removed
from .repository import Filter
from .subjects import checked_subjects

LONGEST_NAME = 200


def create(session: Session, body: AuditCreate, origin: Origin | None = None) -> Audit:
    """Queue an audit; ``origin`` is what began it, where no person did.

    Raises:
        InvalidRequest: something that it names does not exist, or does not fit the rest.
        IntakeRejected: intake refused one of them.
        SubjectsMismatch: a classifier cannot take what the dataset holds.
        Conflict: intake still reads one of them.
        QuotaExceeded: the project may not begin another one now.
    """
    classifier, dataset = checked_subjects(session, body)
    check_gate(session, body)
    check_audit(session)
    row = AuditRow(
        id=new_id("aud"),
        name=body.name or f"{classifier.name} on {dataset.name}"[:LONGEST_NAME].strip(),
        classifier_id=classifier.id,
        dataset_id=dataset.id,
        config=body.config.model_dump(mode="json"),
        policy_id=body.policy,
        baseline_id=body.baseline,
        origin=None if origin is None else origin.model_dump(mode="json", exclude_none=True),
    )
    session.add(row)
    session.flush()
    append_event(session, row.id, "state", {"state": AuditState.QUEUED})
    enqueue(session, JobKind.AUDIT, row.id)
    session.refresh(row)
    return contract(row)


def get(session: Session, audit: str) -> Audit:
    """One audit.

    Raises:
        NotFound: no audit has this id.
    """
    return contract(_existing(session, repository.find(session, audit), audit))


def page(session: Session, after: Position | None, limit: int, wanted: Filter) -> tuple[list[Audit], Position | None]:
    """A page of audits, newest first, and where the next one begins."""
    rows, following = repository.page(session, after, limit, wanted)
    return [contract(row) for row in rows], following


def cancel(session: Session, audit: str) -> Audit:
    """Stop an audit: at once while nobody works on it, else by asking its worker. Repeating is harmless.

    Raises:
        NotFound: no audit has this id.
        AlreadyFinished: it has succeeded or failed.
    """
    nobody_works = cancel_waiting(session, audit)
    row = _existing(session, repository.lock(session, audit), audit)
    if row.state == AuditState.CANCELLED:
        return contract(row)
    if AuditState(row.state).terminal:
        raise AlreadyFinished(f"The audit {audit} has {row.state}.")
    row.cancel_requested = True
    if nobody_works:
        _close_cancelled(session, row)
    session.flush()
    session.refresh(row)
    return contract(row)


def events_after(session: Session, audit: str, sequence: int) -> list[AuditEvent]:
    """What happened after event ``sequence``, oldest first; a long backlog comes in several calls."""
    return [_event(row) for row in repository.events_after(session, audit, sequence)]


def result_digest(session: Session, audit: str) -> str:
    """Digest of ``result.json``.

    Raises:
        NotFound: no audit has this id.
        ReportNotReady: the audit has not succeeded.
    """
    row = _existing(session, repository.find(session, audit), audit)
    if row.result_digest is None:
        raise ReportNotReady(f"The audit {audit} is {row.state}.", _what_to_do(AuditState(row.state)))
    return row.result_digest


def artifacts(session: Session, audit: str) -> ArtifactList:
    """Every stored output so far.

    Raises:
        NotFound: no audit has this id.
    """
    _existing(session, repository.find(session, audit), audit)
    return ArtifactList(items=[_artifact(row) for row in repository.artifacts(session, audit)])


def artifact(session: Session, audit: str, role: str) -> AuditArtifactRow:
    """One stored output.

    Raises:
        NotFound: no audit has this id, or it has no such output.
    """
    _existing(session, repository.find(session, audit), audit)
    row = repository.artifact(session, audit, role)
    if row is None:
        raise NotFound(f"The audit {audit} has no artifact {role!r}.", "List its artifacts to see their roles.")
    return row


def contract(row: AuditRow) -> Audit:
    """A row as the API answers it."""
    return Audit(
        id=row.id,
        name=row.name,
        state=AuditState(row.state),
        classifier=row.classifier_id,
        dataset=row.dataset_id,
        config=AuditConfig.model_validate(row.config, extra="ignore"),
        policy=row.policy_id,
        baseline=row.baseline_id,
        gate=None if row.gate is None else Outcome(row.gate),
        origin=None if row.origin is None else Origin.model_validate(row.origin),
        attempt=row.attempt,
        cancel_requested=row.cancel_requested,
        progress=row.progress,
        stages=[StageProgress.model_validate(stage) for stage in row.stages],
        problem=None if row.problem is None else Problem.model_validate(row.problem),
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _close_cancelled(session: Session, row: AuditRow) -> None:
    row.state = AuditState.CANCELLED
    row.finished_at = func.now()
    session.flush()
    append_event(session, row.id, "state", {"state": AuditState.CANCELLED})
    announce_state(session, row.id)


def _existing(session: Session, row: AuditRow | None, audit: str) -> AuditRow:
    if row is None:
        check_not_removed(session, audit)
        raise NotFound(f"No audit has the id {audit}.")
    return row


def _what_to_do(state: AuditState) -> str:
    return "An audit that ends like this has no report." if state.terminal else "Ask again when it has succeeded."


def _event(row: AuditEventRow) -> AuditEvent:
    kind = "state" if row.type == "state" else "stage"
    return AuditEvent(sequence=row.sequence, audit=row.audit_id, type=kind, at=row.at, data=row.data)


def _artifact(row: AuditArtifactRow) -> Artifact:
    return Artifact(role=row.role, key=blob_key(row.digest), bytes=row.bytes, media_type=row.media_type)
