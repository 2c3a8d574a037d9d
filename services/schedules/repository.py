"""Queries on schedules and their occurrences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas.audits import AuditState
from schemas.classifiers import IntakeState
from schemas.schedules import OccurrenceState, Turn
from services.audits.baselines import previous
from services.db.automation import OccurrenceRow, ScheduleRow
from services.db.paging import Position, newest_first
from services.db.tables import AuditRow, ClassifierRow

REFRESH = timedelta(minutes=15)
"""Every schedule is looked at this often, due or not: new rules of a time zone may have moved its next time."""

MOST_PER_LOOK = 200
ENDED = [state.value for state in AuditState if state.terminal]
FRESH = {"populate_existing": True}
NEVER_RAN = (OccurrenceState.MISSED, OccurrenceState.SKIPPED, OccurrenceState.CANCELLED)
MOST_AT_ONCE = 50
"""Occurrences that one look may start beside each other; the next look follows at once."""


def clock(session: Session) -> datetime:
    """The database's time, the same in the whole transaction: the only clock of schedules."""
    return session.execute(select(func.now())).scalar_one()


def to_look_at(session: Session) -> list[tuple[str, str]]:
    """Ids and projects of schedules that have something to do, those first that were not looked at for longest."""
    mine = OccurrenceRow.schedule_id == ScheduleRow.id
    active = and_(ScheduleRow.deleted_at.is_(None), ScheduleRow.paused_at.is_(None))
    due = or_(ScheduleRow.next_at <= func.now(), ScheduleRow.looked_at < func.now() - REFRESH)
    waits = exists().where(mine, OccurrenceRow.state == OccurrenceState.WAITING, OccurrenceRow.starts_at <= func.now())
    over = exists().where(
        mine,
        OccurrenceRow.state == OccurrenceState.STARTED,
        OccurrenceRow.audit_id == AuditRow.id,
        AuditRow.state.in_(ENDED),
    )
    query = select(ScheduleRow.id, ScheduleRow.project_id).where(or_(and_(active, due), waits, over))
    rows = session.execute(query.order_by(ScheduleRow.looked_at, ScheduleRow.id).limit(MOST_PER_LOOK))
    return [(schedule, project) for schedule, project in rows]


def find(session: Session, schedule: str) -> ScheduleRow | None:
    """One schedule that is not deleted."""
    return session.scalars(_living(schedule)).one_or_none()


def lock(session: Session, schedule: str) -> ScheduleRow | None:
    """One schedule that is not deleted, locked until the transaction ends."""
    return session.scalars(_living(schedule).with_for_update(), execution_options=FRESH).one_or_none()


def try_lock(session: Session, schedule: str) -> ScheduleRow | None:
    """One schedule, locked until the transaction ends; ``None`` while another transaction holds it."""
    query = select(ScheduleRow).where(ScheduleRow.id == schedule).with_for_update(skip_locked=True)
    return session.scalars(query, execution_options=FRESH).one_or_none()


def page(session: Session, after: Position | None, limit: int) -> tuple[list[ScheduleRow], Position | None]:
    """A page of schedules, newest first."""
    return newest_first(session, select(ScheduleRow).where(ScheduleRow.deleted_at.is_(None)), ScheduleRow, after, limit)


def occurrences(
    session: Session, schedule: str, before: datetime | None, limit: int
) -> tuple[list[OccurrenceRow], datetime | None]:
    """Occurrences due before ``before``, latest first, and the time to go on from (``None`` on the last page)."""
    query = select(OccurrenceRow).where(OccurrenceRow.schedule_id == schedule)
    if before is not None:
        query = query.where(OccurrenceRow.due_at < before)
    rows = list(session.scalars(query.order_by(OccurrenceRow.due_at.desc()).limit(limit + 1)))
    return (rows, None) if len(rows) <= limit else (rows[:limit], rows[limit - 1].due_at)


def waiting(session: Session, schedule: str, now: datetime, at_once: bool) -> list[OccurrenceRow]:
    """Occurrences that could start now, oldest first: of the queue the head, unless all may start ``at_once``."""
    ready = (OccurrenceRow.state == OccurrenceState.WAITING, OccurrenceRow.starts_at <= now)
    query = select(OccurrenceRow).where(OccurrenceRow.schedule_id == schedule, *ready).order_by(OccurrenceRow.due_at)
    if at_once:
        return list(session.scalars(query.limit(MOST_AT_ONCE)))
    regular = session.scalars(query.where(OccurrenceRow.turn.is_(None))).all()
    aside = session.scalars(query.where(OccurrenceRow.turn == Turn.ALLOW).limit(MOST_AT_ONCE)).all()
    head = session.scalars(query.where(OccurrenceRow.turn == Turn.QUEUE).limit(1)).all()
    return sorted([*regular, *aside, *head], key=lambda one: one.due_at)


def hold_back(session: Session, schedule: str, until: datetime, why: str) -> None:
    """Whatever was asked for, or is made up for, waits at least until then, and keeps its order."""
    mine = (OccurrenceRow.schedule_id == schedule, OccurrenceRow.state == OccurrenceState.WAITING)
    session.execute(
        update(OccurrenceRow)
        .where(*mine, OccurrenceRow.turn.is_not(None), OccurrenceRow.starts_at < until)
        .values(starts_at=until, detail=why)
        .execution_options(synchronize_session="fetch")
    )


def started(session: Session, schedule: str) -> list[tuple[OccurrenceRow, AuditRow | None]]:
    """Occurrences whose audits were begun and not yet settled, with these audits, in the order in which they ended."""
    query = (
        select(OccurrenceRow, AuditRow)
        .outerjoin(AuditRow, AuditRow.id == OccurrenceRow.audit_id)
        .where(OccurrenceRow.schedule_id == schedule, OccurrenceRow.state == OccurrenceState.STARTED)
        .order_by(AuditRow.finished_at.asc().nulls_last(), OccurrenceRow.due_at)
        .execution_options(**FRESH)
    )
    return [(occurrence, audit) for occurrence, audit in session.execute(query)]


def add_occurrences(session: Session, rows: Sequence[dict[str, object]]) -> set[datetime]:
    """Write those that have no row yet; the times that were written."""
    if not rows:
        return set()
    statement = insert(OccurrenceRow).on_conflict_do_nothing().returning(OccurrenceRow.due_at)
    return set(session.scalars(statement, list(rows)))


def ask_again(session: Session, rows: Sequence[dict[str, object]]) -> int:
    """Write them, also in place of those that have no audit, or a cancelled one; how many wait now."""
    if not rows:
        return 0
    statement = insert(OccurrenceRow).values(list(rows))
    renewed = ("kind", "state", "turn", "starts_at", "detail", "audit_id")
    never_began = and_(OccurrenceRow.state == OccurrenceState.FAILED, OccurrenceRow.audit_id.is_(None))
    upsert = statement.on_conflict_do_update(
        index_elements=[OccurrenceRow.schedule_id, OccurrenceRow.due_at],
        set_={name: statement.excluded[name] for name in renewed},
        where=or_(OccurrenceRow.state.in_(NEVER_RAN), never_began),
    )
    return len(session.scalars(upsert.returning(OccurrenceRow.due_at)).all())


def skip_waiting(session: Session, schedule: str, why: str) -> None:
    """Leave out whatever waits."""
    session.execute(
        update(OccurrenceRow)
        .where(OccurrenceRow.schedule_id == schedule, OccurrenceRow.state == OccurrenceState.WAITING)
        .values(state=OccurrenceState.SKIPPED, detail=why)
        .execution_options(synchronize_session="fetch")
    )


def newest_ready(session: Session, name: str) -> str | None:
    """Id of the newest classifier of this name that passed intake."""
    ready = (ClassifierRow.name == name, ClassifierRow.state == IntakeState.READY)
    query = select(ClassifierRow.id).where(*ready)
    return session.scalars(query.order_by(ClassifierRow.created_at.desc(), ClassifierRow.id.desc()).limit(1)).first()


def audit_before(session: Session, schedule: str, dataset: str) -> str | None:
    """Id of the schedule's audit on ``dataset`` that the next one is compared with."""
    mine = select(OccurrenceRow.audit_id).where(OccurrenceRow.schedule_id == schedule)
    return previous(session, AuditRow.id.in_(mine), AuditRow.dataset_id == dataset, age=AuditRow.finished_at)


def _living(schedule: str) -> Select[ScheduleRow]:
    return select(ScheduleRow).where(ScheduleRow.id == schedule, ScheduleRow.deleted_at.is_(None))
