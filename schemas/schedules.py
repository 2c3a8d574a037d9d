"""Schedules: audits that begin by themselves, at the times of a cron expression in somebody's own time zone."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from .audits import AuditConfig
from .scalars import Contract, Identifier, Name

Cron = Annotated[str, StringConstraints(strip_whitespace=True, min_length=9, max_length=200)]
"""Five fields: minute, hour, day of month, month, day of week (Debian's cron). Checked by the service."""

Zone = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""A name of the IANA time zone database, such as ``Europe/Berlin``."""


class Overlap(StrEnum):
    """What happens when an occurrence is due while an audit of the schedule before it still runs."""

    SKIP = "skip"
    """It is left out."""
    BUFFER_ONE = "buffer_one"
    """It waits; of several that wait only the latest is kept."""
    CANCEL_PREVIOUS = "cancel_previous"
    """The one that runs is cancelled."""
    ALLOW = "allow"
    """Both run."""


class CatchUp(StrEnum):
    """What happens to occurrences that fell due while no scheduler ran."""

    NONE = "none"
    """They are missed."""
    LATEST = "latest"
    """The latest is made up for."""
    ALL = "all"
    """Every one is made up for, oldest first."""


class ScheduleCreate(Contract):
    """Body of ``POST /v1/schedules``.

    Exactly one of ``classifier`` (a fixed one) and ``classifier_name`` (its newest accepted version when the time
    comes). ``jitter``: up to so many seconds later, the same for the same occurrence. ``catch_up_window``: occurrences
    older than so many seconds are missed whatever ``catch_up`` says. ``pause_after``: so many failed audits in a row
    pause the schedule; 0 never.
    """

    name: Name
    cron: Cron
    zone: Zone = "UTC"
    dataset: Identifier
    classifier: Identifier | None = None
    classifier_name: Name | None = None
    config: AuditConfig = AuditConfig()
    overlap: Overlap = Overlap.SKIP
    catch_up: CatchUp = CatchUp.LATEST
    catch_up_window: int = Field(default=24 * 3600, ge=60, le=366 * 24 * 3600)
    jitter: int = Field(default=0, ge=0, le=3600)
    pause_after: int = Field(default=5, ge=0, le=1000)


class OccurrenceKind(StrEnum):
    """Why an occurrence exists."""

    CRON = "cron"
    TRIGGER = "trigger"
    BACKFILL = "backfill"


class OccurrenceState(StrEnum):
    """What became of an occurrence."""

    WAITING = "waiting"
    STARTED = "started"
    SKIPPED = "skipped"
    MISSED = "missed"


class Occurrence(Contract):
    """One time of a schedule; there is one per ``due_at``, however many schedulers run."""

    schedule: Identifier
    due_at: datetime
    kind: OccurrenceKind
    state: OccurrenceState
    audit: Identifier | None = None
    detail: str = ""
