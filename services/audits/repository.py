"""Queries on audits."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.audits import AuditState
from schemas.policies import Outcome
from services.db.paging import Position, newest_first
from services.db.tables import AuditArtifactRow, AuditEventRow, AuditRow

MOST_EVENTS = 500


@dataclass(frozen=True)
class Filter:
    """Which audits to list; ``None`` means any."""

    state: AuditState | None = None
    classifier: str | None = None
    dataset: str | None = None
    gate: Outcome | None = None


def find(session: Session, audit: str) -> AuditRow | None:
    """One audit."""
    return session.get(AuditRow, audit)


def lock(session: Session, audit: str) -> AuditRow | None:
    """One audit, locked until the transaction ends."""
    return session.get(AuditRow, audit, with_for_update=True, populate_existing=True)


def page(
    session: Session, after: Position | None, limit: int, wanted: Filter
) -> tuple[list[AuditRow], Position | None]:
    """A page of audits, newest first."""
    query = select(AuditRow)
    if wanted.state is not None:
        query = query.where(AuditRow.state == wanted.state)
    if wanted.classifier is not None:
        query = query.where(AuditRow.classifier_id == wanted.classifier)
    if wanted.dataset is not None:
        query = query.where(AuditRow.dataset_id == wanted.dataset)
    if wanted.gate is not None:
        query = query.where(AuditRow.gate == wanted.gate)
    return newest_first(session, query, AuditRow, after, limit)


def events_after(session: Session, audit: str, sequence: int) -> list[AuditEventRow]:
    """Up to ``MOST_EVENTS`` events after number ``sequence``, in order."""
    wanted = (AuditEventRow.audit_id == audit, AuditEventRow.sequence > sequence)
    query = select(AuditEventRow).where(*wanted).order_by(AuditEventRow.sequence).limit(MOST_EVENTS)
    return list(session.scalars(query))


def artifacts(session: Session, audit: str) -> list[AuditArtifactRow]:
    """Every stored output, by role."""
    query = select(AuditArtifactRow).where(AuditArtifactRow.audit_id == audit).order_by(AuditArtifactRow.role)
    return list(session.scalars(query))


def artifact(session: Session, audit: str, role: str) -> AuditArtifactRow | None:
    """One stored output."""
    return session.get(AuditArtifactRow, (audit, role))
