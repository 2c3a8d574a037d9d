"""The delivery row is the queue (``deploy/decisions/0015-outbox.md``). Everything runs on the database's clock.

A claim pushes ``available_at`` forward before anything is sent: a courier that dies in between leaves a row that comes
due again. Events reach a receiver at least once, and those of one subject in their order.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import CTE, ColumnElement, Subquery, and_, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from services.db.outbox import DeliveryRow

from .parcels import Outcome, Parcel, Told

LEASE_SECONDS = 120.0
LEASES = {"mlflow": 900.0}
"""Longer than any attempt takes, by sink: a result goes to MLflow in some fifteen exchanges of up to 20 s. Others have
:data:`LEASE_SECONDS`."""

PAUSES = (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
"""Seconds before each attempt, counted from the one before (Standard Webhooks, "Schedule of retries")."""

JITTER = 0.1
"""Pauses are up to this share longer, so that what failed together does not come back together."""

NO_SINK_DAYS = 3
"""So long does what is due wait for a sink that this installation has not, as while its setting is mended."""
MOST_ROWS = 1_000
"""Rows given up in one statement."""

WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"

SPENT = Told(Outcome.REFUSED, error="None of its attempts came to an end: each took too long, or was broken off.")


@dataclass(frozen=True)
class Receiver:
    """Whom something waits for: a sink, and who of it, in a project."""

    sink: str
    sink_id: str | None
    project: str


def due(session: Session, sinks: Collection[str]) -> tuple[list[Receiver], float]:
    """Receivers of ``sinks`` that something can be sent to now, and for how many seconds it could; longest first."""
    head = _heads(DeliveryRow.sink.in_(sinks))
    receiver = (head.c.sink, head.c.sink_id, head.c.project_id)
    waited = func.extract("epoch", func.clock_timestamp() - func.min(head.c.available_at))
    query = select(*receiver, waited).where(head.c.available_at <= func.now()).group_by(*receiver)
    found = session.execute(query.order_by(waited.desc())).all()
    return [Receiver(*row[:3]) for row in found], float(found[0][3]) if found else 0.0


def give_up_others(session: Session, sinks: Collection[str]) -> int:
    """Fail what has been due for days to a sink that is none of ``sinks``; how many."""
    long_ago = func.now() - timedelta(days=NO_SINK_DAYS)
    over = and_(DeliveryRow.state == WAITING, DeliveryRow.available_at < long_ago, DeliveryRow.sink.not_in(sinks))
    chosen = select(DeliveryRow.id).where(over).limit(MOST_ROWS).with_for_update(skip_locked=True).cte("chosen")
    why = f"For {NO_SINK_DAYS} days this installation was not set up to tell " + DeliveryRow.sink + "."
    statement = (
        update(DeliveryRow)
        .where(DeliveryRow.id == chosen.c.id)
        .values(state=FAILED, finished_at=func.now(), last_error=why)
        .returning(DeliveryRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(session.execute(statement).all())


def claim(session: Session, receiver: Receiver) -> Parcel | None:
    """Take the first delivery that is due for ``receiver``; ``None`` when there is none, or another courier has it."""
    candidate = _candidate(receiver)
    lease = timedelta(seconds=LEASES.get(receiver.sink, LEASE_SECONDS))
    statement = (
        update(DeliveryRow)
        .where(DeliveryRow.id == candidate.c.id)
        .values(attempt=DeliveryRow.attempt + 1, available_at=func.now() + lease)
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


def spent(parcel: Parcel) -> bool:
    """Whether every attempt was made already, and none of them was written down: there is to be no other."""
    return parcel.attempt > len(PAUSES)


def settle(session: Session, parcel: Parcel, told: Told) -> str | None:
    """Write what came of an attempt, and return the state that followed.

    What was delivered is delivered, though the claim ran out and another attempt is under way; that an attempt failed,
    only the newest one may say. ``None``: nothing was written, for that is not so, or the row is settled or gone.
    """
    state = _state_after(parcel, told)
    values: dict[str, Any] = {"state": state, "last_status": told.status, "last_error": told.error}
    if state == WAITING:
        values["available_at"] = func.now() + timedelta(seconds=pause(parcel.attempt))
    else:
        values["finished_at"] = func.now()
    attempt = DeliveryRow.attempt
    # never below: the delivery was begun again, and is to be sent again
    current = attempt >= parcel.attempt if state == DELIVERED else attempt == parcel.attempt
    mine = and_(DeliveryRow.id == parcel.id, current, DeliveryRow.state == WAITING)
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


def _heads(*which: ColumnElement[bool]) -> Subquery:
    """What of each subject waits in front for each receiver: only this can be sent.

    One sort, whatever the planner believes: asking of each row whether another is before it runs into the database's
    limit of time when many wait.
    """
    row = DeliveryRow
    line = (row.sink, row.sink_id, row.project_id, row.subject_id)
    columns = (row.id, row.sink, row.sink_id, row.project_id, row.available_at)
    return (
        select(*columns)
        .ext(distinct_on(*line))
        .where(row.state == WAITING, *which)
        .order_by(*line, row.sequence)
        .subquery()
    )


def _candidate(receiver: Receiver) -> CTE:
    row = DeliveryRow
    mine = (row.sink == receiver.sink, row.sink_id == receiver.sink_id, row.project_id == receiver.project)
    return (
        select(row.id)
        .where(row.id.in_(select(_heads(*mine).c.id)), row.state == WAITING, row.available_at <= func.now())
        .order_by(row.sequence)
        .limit(1)
        .with_for_update(skip_locked=True, of=row)
        .cte("candidate")
    )
