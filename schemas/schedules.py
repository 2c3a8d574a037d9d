"""Schedules: audits that begin by themselves, at the times of a cron expression in somebody's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from .audits import AuditConfig
from .scalars import Contract, Identifier, Name

Cron = Annotated[str, StringConstraints(strip_whitespace=True, min_length=9, max_length=200)]
"""Five fields: minute, hour, day of month, month, day of week (Debian's cron). Checked by the service."""

Zone = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""A name of the IANA time zone database, such as ``Europe/Berlin``."""

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def within_reach(moment: datetime) -> datetime:
    """``moment``, if it is in the centuries that schedules are for.

    Raises:
        ValueError: it is not.
    """
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"a time from {EARLIEST.year} to {LATEST.year - 1} is meant")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(within_reach)]
"""A time with its offset from UTC."""

MOST_BACKFILLED = 1000
"""Times that one backfill may take in."""


class Overlap(StrEnum):
    """What happens when an occurrence is due while an audit of the schedule before it still runs."""

    SKIP = "skip"
    """It is left out."""
    BUFFER_ONE = "buffer_one"
    """It waits; of several that wait only the latest is kept."""
    CANCEL_PREVIOUS = "cancel_previous"
    """Those of earlier times that run are cancelled, unless they were asked for or made up for."""
    ALLOW = "allow"
    """Both run."""


class CatchUp(StrEnum):
    """What happens to occurrences that fell due while no scheduler ran."""

    NONE = "none"
    """They are missed."""
    LATEST = "latest"
    """The latest is made up for."""
    ALL = "all"
    """Every one is made up for, oldest first, one after the other (all at once where overlaps are allowed)."""


class Turn(StrEnum):
    """How an occurrence that somebody asked for, or that is made up for, meets other audits of the schedule."""

    QUEUE = "queue"
    """It waits until nothing runs, however long that is; it is never left out."""
    ALLOW = "allow"
    """It starts at once."""


class ScheduleCreate(Contract):
    """Body of ``POST /v1/schedules`` and ``PUT /v1/schedules/{id}``.

    Exactly one of ``classifier`` (a fixed one) and ``classifier_name`` (the newest ready one of this name when the time
    comes). ``policy`` is checked by every audit; its ``baseline`` is an audit, or ``previous``: the last audit of this
    schedule on ``dataset`` that passed its policy. Nothing is due before ``starts_at`` or after ``ends_at``.
    ``jitter``: up to so many seconds later, the same for the same occurrence. ``catch_up_window``: occurrences older
    than so many seconds are missed whatever ``catch_up`` says. ``pause_after``: so many failures in a row pause the
    schedule, 0 never; audits whose policy fails count as failures where ``failed_gates_count``.
    """

    name: Name
    cron: Cron
    zone: Zone = "UTC"
    dataset: Identifier
    classifier: Identifier | None = None
    classifier_name: Name | None = None
    config: AuditConfig = AuditConfig()
    policy: Identifier | None = None
    baseline: Literal["previous"] | Identifier | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    overlap: Overlap = Overlap.SKIP
    catch_up: CatchUp = CatchUp.LATEST
    catch_up_window: int = Field(default=24 * 3600, ge=60, le=366 * 24 * 3600)
    jitter: int = Field(default=0, ge=0, le=3600)
    pause_after: int = Field(default=5, ge=0, le=1000)
    failed_gates_count: bool = False


class Schedule(ScheduleCreate):
    """A schedule as the API answers it. ``next_at`` is when it is due next, without jitter; ``None`` while paused.

    ``failures``: how many in a row; ``revision`` counts edits, pauses and resumptions, and is what the ETag stands for.
    """

    id: Identifier
    revision: int
    created_at: datetime
    next_at: datetime | None = None
    paused_at: datetime | None = None
    paused_because: str | None = None
    failures: int = 0


class SchedulePage(Contract):
    """A page of schedules, newest first. ``next`` is an opaque cursor, absent on the last page."""

    items: list[Schedule]
    next: str | None = None


class OccurrenceKind(StrEnum):
    """Why an occurrence exists."""

    CRON = "cron"
    TRIGGER = "trigger"
    BACKFILL = "backfill"


class OccurrenceState(StrEnum):
    """What became of an occurrence."""

    WAITING = "waiting"
    STARTED = "started"
    """Its audit is queued or runs."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Its audit failed, or could not begin, or its policy failed where that counts: ``detail`` says which."""
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """The overlap policy, a pause or the end of the schedule left it out."""
    MISSED = "missed"
    """Nobody ran at the time, and it is not made up for."""


class Occurrence(Contract):
    """One time of a schedule; there is one per ``due_at``, however many schedulers run. ``starts_at``: with jitter."""

    schedule: Identifier
    due_at: datetime
    starts_at: datetime
    kind: OccurrenceKind
    state: OccurrenceState
    audit: Identifier | None = None
    detail: str = ""


class OccurrencePage(Contract):
    """A page of occurrences, latest first. ``next`` is an opaque cursor, absent on the last page."""

    items: list[Occurrence]
    next: str | None = None


class Upcoming(Contract):
    """A time to come: ``due_at`` in UTC, ``local`` the same instant in its zone, ``starts_at`` with jitter."""

    due_at: datetime
    local: datetime
    starts_at: datetime


class UpcomingList(Contract):
    """Times to come, soonest first."""

    zone: Zone
    items: list[Upcoming]


class Pause(Contract):
    """Body of ``:pause``."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""


class Backfill(Contract):
    """Body of ``:backfill``: times from ``from`` to ``to``, both included, whose audit never began or was cancelled."""

    since: Moment = Field(alias="from")
    until: Moment = Field(alias="to")
    overlap: Turn = Turn.QUEUE


class Backfilled(Contract):
    """What a backfill brought: so many occurrences wait now; the other times have had their audits, or wait."""

    schedule: Identifier
    waiting: int
    already: int
