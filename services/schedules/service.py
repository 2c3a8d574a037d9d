"""Rules of schedules: making, changing, pausing. Whoever changes one holds its row, as a look does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice, pairwise, takewhile

from sqlalchemy.orm import Session

from schemas.audits import AuditCreate
from schemas.schedules import Occurrence, OccurrenceKind, OccurrenceState, Schedule, ScheduleCreate, Upcoming
from services.audits.gating import check_gate
from services.audits.subjects import checked_subjects
from services.db.automation import OccurrenceRow, ScheduleRow
from services.db.identifiers import new_id
from services.db.paging import Position
from services.errors import Conflict, InvalidSchedule, NotFound, PreconditionFailed

from . import repository
from .look import next_due, note_due
from .pausing import pause as pause_row
from .reading import body_of, shown
from .starting import audit_of
from .times import after, check_times, local, with_jitter

TIMES_SEEN, A_YEAR = 51, timedelta(days=366)
"""How many times, and how far ahead, are looked at for the shortest distance between two."""


def create(session: Session, body: ScheduleCreate) -> Schedule:
    """Make a schedule; its first time is the next one from now.

    Raises:
        InvalidSchedule: it has no classifier or two, or its times make no sense.
        ServiceError: an audit of it could not begin now, for what it names is not there or does not fit.
    """
    now = repository.clock(session)
    _check_times(body, now)
    row = ScheduleRow(
        id=new_id("sch"),
        name=body.name,
        body=body.model_dump(mode="json"),
        looked_at=now,
        next_at=next_due(body, now),
    )
    _check_audit(session, row, body)
    session.add(row)
    session.flush()
    session.refresh(row)
    return contract(row)


def get(session: Session, schedule: str) -> Schedule:
    """One schedule.

    Raises:
        NotFound: no schedule has this id.
    """
    return contract(_existing(repository.find(session, schedule), schedule))


def page(session: Session, after: Position | None, limit: int) -> tuple[list[Schedule], Position | None]:
    """A page of schedules, newest first, and where the next one begins."""
    rows, following = repository.page(session, after, limit)
    return [contract(row) for row in rows], following


def replace(session: Session, schedule: str, body: ScheduleCreate, revision: int | None) -> Schedule:
    """Put ``body`` in the place of what the schedule was at ``revision`` (``None``: whatever it is).

    Times up to now stay those of before.

    Raises:
        NotFound: no schedule has this id.
        PreconditionFailed: it has another revision now.
        ServiceError: as :func:`create`.
    """
    row, now = locked(session, schedule), repository.clock(session)
    if revision is not None and row.revision != revision:
        detail = f"The schedule {schedule} is at revision {row.revision}."
        raise PreconditionFailed(detail, "Read it again, and change what it is now.")
    _check_times(body, now)
    _check_audit(session, row, body)
    _catch_up_with(session, row, now)
    row.name, row.body, row.revision = body.name, body.model_dump(mode="json"), row.revision + 1
    row.next_at = None if row.paused_at is not None else next_due(body, row.looked_at)
    session.flush()
    return contract(row)


def delete(session: Session, schedule: str) -> None:
    """End a schedule for good. Its audits stay, and those that run go on.

    Raises:
        NotFound: no schedule has this id.
    """
    row = locked(session, schedule)
    row.deleted_at, row.next_at = repository.clock(session), None
    repository.skip_waiting(session, schedule, "the schedule was deleted")


def pause(session: Session, schedule: str, reason: str) -> Schedule:
    """Nothing is due until it is resumed. Pausing twice changes nothing.

    Raises:
        NotFound: no schedule has this id.
    """
    row, now = locked(session, schedule), repository.clock(session)
    if row.paused_at is None:
        _catch_up_with(session, row, now)
        pause_row(session, row, now, reason or "a person paused it")
    return contract(row)


def resume(session: Session, schedule: str) -> Schedule:
    """Due again from now on; what would have been due meanwhile is not made up for: backfill does that.

    Raises:
        NotFound: no schedule has this id.
        Conflict: it is not paused.
    """
    row, now = locked(session, schedule), repository.clock(session)
    if row.paused_at is None:
        raise Conflict(f"The schedule {schedule} is not paused.", "Read it again.")
    row.paused_at, row.paused_because, row.failures = None, None, 0
    row.looked_at, row.revision = now, row.revision + 1
    row.next_at = next_due(body_of(row), row.looked_at)
    session.flush()
    return contract(row)


def occurrences(
    session: Session, schedule: str, before: datetime | None, limit: int
) -> tuple[list[Occurrence], datetime | None]:
    """A page of occurrences, latest first, and the time to go on from.

    Raises:
        NotFound: no schedule has this id.
    """
    _existing(repository.find(session, schedule), schedule)
    rows, following = repository.occurrences(session, schedule, before, limit)
    return [occurrence(row) for row in rows], following


def upcoming(session: Session, schedule: str, since: datetime | None) -> tuple[Schedule, Iterator[Upcoming]]:
    """The schedule and its times after ``since`` (now when left out), soonest first, paused or not.

    Raises:
        NotFound: no schedule has this id.
    """
    row = _existing(repository.find(session, schedule), schedule)
    return contract(row), times_of(row.id, body_of(row), since or repository.clock(session))


def times_of(schedule: str, body: ScheduleCreate, since: datetime) -> Iterator[Upcoming]:
    """Times after ``since``, soonest first."""
    begun = (one for one in after(body.cron, body.zone, since) if body.starts_at is None or one >= body.starts_at)
    for due in takewhile(lambda one: body.ends_at is None or one <= body.ends_at, begun):
        starts = with_jitter(schedule, due, body.jitter)
        yield Upcoming(due_at=due, local=local(body.zone, due), starts_at=starts)


def locked(session: Session, schedule: str) -> ScheduleRow:
    """The schedule's row, held until the transaction ends.

    Raises:
        NotFound: no schedule has this id.
    """
    return _existing(repository.lock(session, schedule), schedule)


def contract(row: ScheduleRow) -> Schedule:
    """A row as the API answers it; one that this version cannot read stands still, and says why."""
    body, why = shown(row)
    return Schedule(
        **body.model_dump(),
        id=row.id,
        revision=row.revision,
        created_at=row.created_at,
        next_at=row.next_at,
        paused_at=row.paused_at or (row.looked_at if why else None),
        paused_because=why or row.paused_because,
        failures=row.failures,
    )


def occurrence(row: OccurrenceRow) -> Occurrence:
    """A row as the API answers it."""
    return Occurrence(
        schedule=row.schedule_id,
        due_at=row.due_at,
        starts_at=row.starts_at,
        kind=OccurrenceKind(row.kind),
        state=OccurrenceState(row.state),
        audit=row.audit_id,
        detail=row.detail,
    )


def _check_times(body: ScheduleCreate, now: datetime) -> None:
    check_times(body.cron, body.zone, now)
    _check_jitter(body, now)
    if body.ends_at is not None and body.starts_at is not None and body.ends_at < body.starts_at:
        raise InvalidSchedule("The schedule ends before it begins.", "Give an end after the start.")
    if body.ends_at is not None and next_due(body, now) is None:
        raise InvalidSchedule("The schedule ends before its next time.", "Give a later end, or none.")


def _check_jitter(body: ScheduleCreate, now: datetime) -> None:
    """Times must stay in their order: a time that is spread past the next one would meet it as the later of the two."""
    if not body.jitter:
        return
    soon = takewhile(lambda one: one < now + A_YEAR, after(body.cron, body.zone, now))
    shortest = min((later - one for one, later in pairwise(islice(soon, TIMES_SEEN))), default=A_YEAR)
    if timedelta(seconds=body.jitter) >= shortest:
        detail = (
            f"The jitter is {body.jitter} s, and times of the schedule are only {shortest.total_seconds():.0f} s apart."
        )
        raise InvalidSchedule(detail, "Give a jitter shorter than that.")


def _check_audit(session: Session, row: ScheduleRow, body: ScheduleCreate) -> None:
    """Say now what would fail at every occurrence. A name may wait for its first classifier."""
    if (body.classifier is None) == (body.classifier_name is None):
        detail = "A schedule audits either a fixed classifier or the newest one of a name."
        raise InvalidSchedule(detail, "Give exactly one of 'classifier' and 'classifier_name'.")
    if body.baseline is not None and body.policy is None:
        raise InvalidSchedule("A baseline is for the rules of a policy.", "Give a policy, or no baseline.")
    if body.classifier is None and repository.newest_ready(session, body.classifier_name or "") is None:
        return
    audit: AuditCreate = audit_of(session, row, body)
    checked_subjects(session, audit)
    check_gate(session, audit)


def _catch_up_with(session: Session, row: ScheduleRow, now: datetime) -> None:
    """Write what fell due until now by the schedule as it was, unless it is paused, or says nothing to this version."""
    if row.paused_at is None:
        with suppress(InvalidSchedule):
            note_due(session, row, body_of(row), now)


def _existing(row: ScheduleRow | None, schedule: str) -> ScheduleRow:
    if row is None:
        raise NotFound(f"No schedule has the id {schedule}.", "List the schedules to see their ids.")
    return row
