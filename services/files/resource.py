"""One kind of uploaded thing: its table, its contract, and the job that reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.scalars import Contract
from services.db.paging import Position, newest_first
from services.db.tables import AutoencoderRow, ClassifierRow, DatasetRow, JobKind
from services.errors import NotFound
from services.jobs.queue import enqueue
from services.projects.quotas import check_intake

Row = TypeVar("Row", ClassifierRow, DatasetRow, AutoencoderRow)
Item = TypeVar("Item", bound=Contract)


@dataclass(frozen=True)
class Resource(Generic[Row, Item]):
    """Rows of ``table`` answered as ``contract`` says; ``noun`` names one of them to people."""

    noun: str
    table: type[Row]
    job: JobKind
    contract: Callable[[Row], Item]

    def add(self, session: Session, row: Row) -> Item:
        """Store a new row and queue its intake, in one transaction.

        Raises:
            QuotaExceeded: too many files of the project wait for theirs.
        """
        check_intake(session)
        session.add(row)
        session.flush()
        enqueue(session, self.job, row.id)
        session.refresh(row)
        return self.contract(row)

    def get(self, session: Session, identifier: str) -> Item:
        """One of them.

        Raises:
            NotFound: none has this id.
        """
        row = session.get(self.table, identifier)
        if row is None:
            raise NotFound(f"No {self.noun} has the id {identifier}.")
        return self.contract(row)

    def page(
        self, session: Session, after: Position | None, limit: int, **equal: str | None
    ) -> tuple[list[Item], Position | None]:
        """A page, newest first, of rows whose columns are ``equal`` (``None``: any), and where the next one begins."""
        query: Any = select(self.table)
        for column, value in equal.items():
            if value is not None:
                query = query.where(getattr(self.table, column) == value)
        rows, following = newest_first(session, query, self.table, after, limit)
        return [self.contract(row) for row in rows], following
