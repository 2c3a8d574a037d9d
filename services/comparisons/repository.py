"""Queries on comparisons."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from services.db.automation import ComparisonRow
from services.db.paging import Position, newest_first
from services.db.tables import AuditRow, DatasetRow


def find(session: Session, comparison: str) -> ComparisonRow | None:
    """One comparison."""
    return session.get(ComparisonRow, comparison)


def page(
    session: Session, after: Position | None, limit: int, audit: str | None
) -> tuple[list[ComparisonRow], Position | None]:
    """A page of comparisons, newest first; with ``audit``, those that it is one side of."""
    query = select(ComparisonRow)
    if audit is not None:
        query = query.where(or_(ComparisonRow.before_id == audit, ComparisonRow.after_id == audit))
    return newest_first(session, query, ComparisonRow, after, limit)


def audit_with_dataset(session: Session, audit: str) -> tuple[AuditRow, DatasetRow] | None:
    """An audit and what its references are."""
    query = select(AuditRow, DatasetRow).join(DatasetRow, DatasetRow.id == AuditRow.dataset_id)
    found = session.execute(query.where(AuditRow.id == audit)).one_or_none()
    return None if found is None else (found[0], found[1])
