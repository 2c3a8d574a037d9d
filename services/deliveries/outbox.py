"""The delivery row is the queue (``deploy/decisions/0015-outbox.md``). Everything runs on the database's clock.

A claim pushes ``available_at`` forward before anything is sent: a courier that dies in between leaves a row that comes
due again. Events reach a receiver at least once, and those of one subject in their order.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import CTE, ColumnElement, and_, func, select, update
from sqlalchemy.orm import Session, aliased

from services.db.outbox import DeliveryRow

from .parcels import Outcome, Parcel, Told

LEASE_SECONDS = 120.0
"""Longer than any attempt takes."""

PAUSES = (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
"""Seconds before each attempt, counted from the one before (Standard Webhooks, "Schedule of retries")."""

JITTER = 0.1
"""Pauses are up to this share longer, so that what failed together does not come back together."""

WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"


@dataclass(frozen=True)
class Receiver:
    """Whom something waits for: a sink, and who of it, in a project."""

    sink: str
    sink_id: str | None
    project: str


def due(session: Session, limit: int) -> list[Receiver]:
    """Up to ``limit`` receivers that something is due for, the longest waiting first."""
    row = DeliveryRow
    receiver = (row.sink, row.sink_id, row.project_id)
    query = select(*receiver).where(_is_due(row)).group_by(*receiver).order_by(func.min(row.available_at)).limit(limit)
    return [Receiver(*found) for found in session.execute(query)]


def lag(session: Session) -> float:
    """Seconds that the longest waiting delivery has been due; 0 when none is."""
    oldest = select(func.min(DeliveryRow.available_at)).where(_is_due(DeliveryRow)).scalar_subquery()
    seconds = session.execute(select(func.extract("epoch", func.clock_timestamp() - oldest))).scalar_one()
    return max(0.0, float(seconds or 0.0))


def claim(session: Session, receiver: Receiver) -> Parcel | None:
    """Take the first delivery that is due for ``receiver``; ``None`` when there is none, or another courier has it."""
    candidate = _candidate(receiver)
    statement = (
        update(DeliveryRow)
        .where(DeliveryRow.id == candidate.c.id)
        .values(attempt=DeliveryRow.attempt + 1, available_at=func.now() + timedelta(seconds=LEASE_SECONDS))
        .returning(DeliveryRow)
        .execution_options(synchronize_session=False)
    )
    row = session.execute(statement).scalar_one_or_none()
    if row is None:
        return None
    return Parcel(
        id=row.id,
        project=row.project_id,
        sink=row.sink,
        sink_id=row.sink_id,
        type=row.type,
        subject_id=row.subject_id,
        payload=row.payload,
        attempt=row.attempt,
        happened_at=row.created_at,
    )


def settle(session: Session, parcel: Parcel, told: Told) -> str | None:
    """Write what came of an attempt, and return the state that followed.

    ``None``: the claim had run out and another attempt is under way, or the row is gone: nothing was written.
    """
    state = _state_after(parcel, told)
    values: dict[str, Any] = {"state": state, "last_status": told.status, "last_error": told.error}
    if state == WAITING:
        values["available_at"] = func.now() + timedelta(seconds=pause(parcel.attempt))
    else:
        values["finished_at"] = func.now()
    mine = and_(DeliveryRow.id == parcel.id, DeliveryRow.attempt == parcel.attempt, DeliveryRow.state == WAITING)
    statement = update(DeliveryRow).where(mine).values(**values).returning(DeliveryRow.id)
    found = session.execute(statement.execution_options(synchronize_session=False)).first()
    return None if found is None else state


def pause(attempt: int) -> float:
    """Seconds from attempt ``attempt``, which failed, to the next one."""
    return PAUSES[attempt] * (1.0 + JITTER * random.random())


def _state_after(parcel: Parcel, told: Told) -> str:
    if told.outcome is Outcome.DELIVERED:
        return DELIVERED
    if told.outcome is Outcome.REFUSED or parcel.attempt >= len(PAUSES):
        return FAILED
    return WAITING


def _is_due(row: type[DeliveryRow]) -> ColumnElement[bool]:
    return and_(row.state == WAITING, row.available_at <= func.now())


def _candidate(receiver: Receiver) -> CTE:
    earlier = aliased(DeliveryRow)
    blocked = select(earlier.id).where(
        _of(earlier, receiver),
        earlier.state == WAITING,
        earlier.subject_id == DeliveryRow.subject_id,
        earlier.sequence < DeliveryRow.sequence,
    )
    return (
        select(DeliveryRow.id)
        .where(_of(DeliveryRow, receiver), _is_due(DeliveryRow), ~blocked.exists())
        .order_by(DeliveryRow.sequence)
        .limit(1)
        .with_for_update(skip_locked=True, of=DeliveryRow)
        .cte("candidate")
    )


def _of(row: type[DeliveryRow], receiver: Receiver) -> ColumnElement[bool]:
    return and_(
        row.sink == receiver.sink,
        row.sink_id.is_not_distinct_from(receiver.sink_id),
        row.project_id == receiver.project,
    )
