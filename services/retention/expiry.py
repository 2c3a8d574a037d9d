"""Rows whose time is over: audits by their project's retention, and what every installation outlives.

Small batches, each in a transaction of its own: breaking off between two loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, literal, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from schemas.audits import AuditState
from schemas.uploads import UploadState
from services.audits.removal import mark_removed
from services.db.automation import ComparisonRow, OccurrenceRow, RegistryRow, RegistryVersionRow, ScheduleRow
from services.db.outbox import DeliveryRow
from services.db.scoping import Table
from services.db.tables import (
    AuditArtifactRow,
    AuditEventRow,
    AuditRow,
    IdempotencyKeyRow,
    JobRow,
    StageOutputRow,
    UploadRow,
)
from services.db.trust import CollectionRow, ManifestRow, ProjectRow, WebSessionRow
from services.deliveries.outbox import DELIVERED, FAILED

BATCH = 20
"""Audits per transaction."""
MOST_ROWS = 5_000
"""Rows per statement."""
DELIVERIES_DAYS = 30
"""How long a delivery can be looked at after it was made or given up."""
COLLECTIONS_KEPT = 1_000
Told = ColumnElement[Any] | InstrumentedAttribute[Any]
ENDED = tuple(state for state in AuditState if state.terminal)


@dataclass(frozen=True)
class Removed:
    """So many rows (audits, stage outputs, uploads) went, and with them so many names of objects, at most."""

    rows: int = 0
    digests: int = 0


def remove_audits(session: Session, project: str) -> Removed:
    """Remove up to :data:`BATCH` audits of the transaction's project whose retention is over.

    Their comparisons go with them, for they show the same pictures. An audit stays while one that is not finished rests
    on it.
    """
    days = session.scalar(select(ProjectRow.retention_days).where(ProjectRow.id == project))
    if days is None:
        return Removed()
    old = AuditRow.finished_at < func.now() - timedelta(days=days)
    over = select(AuditRow.id).where(AuditRow.state.in_(ENDED), old, ~_needed()).order_by(AuditRow.finished_at)
    held = session.scalars(over.limit(BATCH).with_for_update(skip_locked=True)).all()
    # Asked for again under the lock: what came to rest on one of them before it was taken is seen only now.
    audits = list(session.scalars(select(AuditRow.id).where(AuditRow.id.in_(held), ~_needed())))
    named = _count_digests(session, audits)
    if audits:
        _remove_comparisons(session, audits)
        _let_go(session, audits)
        _remove_subjects(session, audits)
        session.execute(delete(AuditRow).where(AuditRow.id.in_(audits)))
    for audit in audits:
        mark_removed(session, project, audit)
    return Removed(len(audits), named)


def forget_stages(session: Session, days: int) -> Removed:
    """Forget up to :data:`MOST_ROWS` stage outputs of the transaction's project that nobody used for ``days``."""
    unused = StageOutputRow.used_at < func.now() - timedelta(days=days)
    outputs = _pruned(session, StageOutputRow, unused, StageOutputRow.outputs)
    return Removed(len(outputs), sum(map(len, outputs)))


def forget_uploads(session: Session) -> Removed:
    """Forget up to :data:`MOST_ROWS` uploads that were given up, or whose time ran out; their parts are orphans now."""
    unfinished = UploadRow.state != UploadState.COMPLETE
    return Removed(_prune(session, UploadRow, and_(unfinished, UploadRow.expires_at < func.now())))


def prune_installation(session: Session) -> int:
    """Remove what is over in every project: keys of repeated requests, browsers' sessions, deliveries long settled.

    A delivery's time counts from its end, not from the event: one that was sent again is there to be read. What waits
    is never removed, however old.
    """
    long_ago = func.now() - timedelta(days=DELIVERIES_DAYS)
    settled = and_(DeliveryRow.state.in_((DELIVERED, FAILED)), DeliveryRow.finished_at < long_ago)
    kept = select(CollectionRow.id).order_by(CollectionRow.started_at.desc()).limit(COLLECTIONS_KEPT)
    return sum(
        [
            _prune(session, IdempotencyKeyRow, IdempotencyKeyRow.expires_at < func.now()),
            _prune(session, WebSessionRow, WebSessionRow.expires_at < func.now()),
            _prune(session, DeliveryRow, settled),
            _prune(session, CollectionRow, CollectionRow.id.not_in(kept)),
        ]
    )


def _needed() -> ColumnElement[bool]:
    """Whether something unfinished rests on the audit: another one, a schedule or a registry whose baseline it is, or a
    comparison.
    """
    other = aliased(AuditRow)
    named = RegistryRow.body["baseline"].astext == AuditRow.id
    pinned = ScheduleRow.body["baseline"].astext == AuditRow.id
    sides = or_(ComparisonRow.before_id == AuditRow.id, ComparisonRow.after_id == AuditRow.id)
    return or_(
        exists().where(other.baseline_id == AuditRow.id, other.state.not_in(ENDED)),
        exists().where(sides, ComparisonRow.state.not_in(ENDED)),
        exists().where(pinned, ScheduleRow.deleted_at.is_(None)),
        exists().where(named),
    )


def _remove_comparisons(session: Session, audits: list[str]) -> None:
    rests = or_(ComparisonRow.before_id.in_(audits), ComparisonRow.after_id.in_(audits))
    comparisons = list(session.scalars(select(ComparisonRow.id).where(rests)))
    _remove_subjects(session, comparisons)
    session.execute(delete(ComparisonRow).where(ComparisonRow.id.in_(comparisons)))


def _let_go(session: Session, audits: list[str]) -> None:
    """Rows that outlive an audit stop naming it."""
    named = (AuditRow.baseline_id, OccurrenceRow.audit_id, RegistryVersionRow.audit_id)
    for column in named:
        session.execute(
            update(column.class_)
            .where(column.in_(audits))
            .values({column.key: None})
            .execution_options(synchronize_session=False)
        )


def _count_digests(session: Session, audits: list[str]) -> int:
    """How many objects the audits' own rows name, at most: artifacts, and of each page its text."""
    subjects = (AuditArtifactRow.audit_id, ManifestRow.subject_id)
    counts = (select(func.count()).where(column.in_(audits)) for column in subjects)
    return sum(session.scalar(count) or 0 for count in counts)


def _remove_subjects(session: Session, subjects: list[str]) -> None:
    """Rows that are about the subjects and nothing else."""
    about = (
        AuditEventRow.audit_id,
        AuditArtifactRow.audit_id,
        ManifestRow.subject_id,
        JobRow.subject_id,
        DeliveryRow.subject_id,
    )
    for column in about:
        session.execute(delete(column.class_).where(column.in_(subjects)).execution_options(synchronize_session=False))


def _prune(session: Session, table: type[Table], over: ColumnElement[bool]) -> int:
    """Delete up to :data:`MOST_ROWS` rows of ``table``; how many."""
    return len(_pruned(session, table, over, literal(1)))


def _pruned(session: Session, table: type[Table], over: ColumnElement[bool], told: Told) -> list[Any]:
    """Delete them and return ``told`` of each; another collector's rows are passed by."""
    keys = table.__mapper__.primary_key
    chosen = select(*keys).where(over).limit(MOST_ROWS).with_for_update(skip_locked=True).cte("chosen")
    statement = delete(table).where(*(key == chosen.c[key.name] for key in keys)).returning(told)
    return list(session.scalars(statement.execution_options(synchronize_session=False)))
