"""Queries on classifiers."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.scalars import Sha256
from services.db.paging import Position, newest_first
from services.db.tables import ClassifierRow


def find(session: Session, classifier: str) -> ClassifierRow | None:
    """One classifier."""
    return session.get(ClassifierRow, classifier)


def page(
    session: Session, after: Position | None, limit: int, digest: Sha256 | None
) -> tuple[list[ClassifierRow], Position | None]:
    """A page, newest first, of every classifier or of those with these bytes."""
    query = select(ClassifierRow)
    if digest is not None:
        query = query.where(ClassifierRow.digest == digest)
    return newest_first(session, query, ClassifierRow, after, limit)
