"""Newest-first pages by keyset: a page begins strictly after a position, so inserts never shift it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import Session

Row = TypeVar("Row", bound=Any)


class Position(NamedTuple):
    """Place of a row in the newest-first order."""

    created_at: datetime
    id: str


def newest_first(
    session: Session, query: Select[Row], table: type[Row], after: Position | None, limit: int
) -> tuple[list[Row], Position | None]:
    """Up to ``limit`` rows of ``query`` after ``after``, and the position to go on from (``None`` on the last page).

    Ties in time are ordered by id, so no row is shown twice and none is left out.
    """
    order = tuple_(table.created_at, table.id)
    if after is not None:
        query = query.where(order < tuple_(after.created_at, after.id))
    rows = list(session.scalars(query.order_by(table.created_at.desc(), table.id.desc()).limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], Position(last.created_at, last.id)
