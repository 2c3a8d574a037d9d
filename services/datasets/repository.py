"""Queries on datasets."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.scalars import Sha256
from services.db.paging import Position, newest_first
from services.db.tables import DatasetRow


def find(session: Session, dataset: str) -> DatasetRow | None:
    """One dataset."""
    return session.get(DatasetRow, dataset)


def page(
    session: Session, after: Position | None, limit: int, digest: Sha256 | None
) -> tuple[list[DatasetRow], Position | None]:
    """A page, newest first, of every dataset or of those with these bytes."""
    query = select(DatasetRow)
    if digest is not None:
        query = query.where(DatasetRow.digest == digest)
    return newest_first(session, query, DatasetRow, after, limit)
