"""The trail: each deed is written in its own transaction, so both are there or neither is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.trail import TrailEntry
from services.api_keys.service import Principal
from services.db.trust import TrailRow


@dataclass(frozen=True)
class Filter:
    """Which deeds to list; ``None`` means any."""

    principal: str | None = None
    subject: str | None = None
    since: datetime | None = None


def record(session: Session, principal: Principal, action: str, subject: str, project: str | None = None) -> None:
    """Write that ``principal`` did ``action`` (``audits.create``) to ``subject``, in the transaction of the deed.

    It is the principal's own project that remembers; ``project``: another one, to which an operator did it.
    """
    note(session, project or principal.project, principal.id, action, subject, principal.request_id)


def note(session: Session, project: str, actor: str, action: str, subject: str, request_id: str = "") -> None:
    """Write what ``actor`` did in ``project``; without a request where the service did it by itself: for a schedule
    or a registry (then their id is the actor), or because of retention.
    """
    row = TrailRow(project_id=project, principal=actor, action=action, subject=subject, request_id=request_id)
    session.add(row)


def page(session: Session, before: int | None, limit: int, wanted: Filter) -> tuple[list[TrailEntry], int | None]:
    """Up to ``limit`` deeds before number ``before``, newest first, and the number to go on from."""
    query = select(TrailRow).order_by(TrailRow.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(TrailRow.id < before)
    if wanted.principal is not None:
        query = query.where(TrailRow.principal == wanted.principal)
    if wanted.subject is not None:
        query = query.where(TrailRow.subject == wanted.subject)
    if wanted.since is not None:
        query = query.where(TrailRow.at >= wanted.since)
    rows = list(session.scalars(query))
    following = rows[limit - 1].id if len(rows) > limit else None
    return [_contract(row) for row in rows[:limit]], following


def _contract(row: TrailRow) -> TrailEntry:
    return TrailEntry(
        at=row.at, principal=row.principal, action=row.action, subject=row.subject, request=row.request_id
    )
