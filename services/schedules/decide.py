"""What becomes of the occurrences that are due: pure, on a clock that the caller reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.schedules import CatchUp, OccurrenceState, Overlap

LATE = timedelta(seconds=60)
"""An occurrence that is found this late or later was missed by a scheduler that was away: catching up decides."""


@dataclass(frozen=True)
class Decision:
    """One occurrence and its fate; ``cancels``: the audits that still run make room for it."""

    due_at: datetime
    state: OccurrenceState
    detail: str = ""
    cancels: bool = False


def caught_up(due: Sequence[datetime], now: datetime, catch_up: CatchUp, window: timedelta) -> list[Decision]:
    """Which of the times ``due`` (oldest first, none later than ``now``) still count: ``waiting`` or ``missed``."""
    timely = [one for one in due if now - one < LATE]
    late = [one for one in due if now - one >= LATE]
    recent = [one for one in late if now - one <= window]
    wanted = {CatchUp.NONE: [], CatchUp.LATEST: recent[-1:] if not timely else [], CatchUp.ALL: recent}[catch_up]
    kept = {*timely, *wanted}
    missed = OccurrenceState.MISSED
    fates = {one: Decision(one, missed, _why(one, now, window)) for one in due if one not in kept}
    return [fates.get(one, Decision(one, OccurrenceState.WAITING)) for one in due]


def _why(due: datetime, now: datetime, window: timedelta) -> str:
    if now - due > window:
        return "no scheduler ran at the time, and it is older than the schedule catches up"
    return "no scheduler ran at the time"


def overlapping(waiting: Sequence[datetime], running: int, overlap: Overlap) -> list[Decision]:
    """What becomes of occurrences that wait (oldest first) while ``running`` audits of the schedule go on.

    At most one is started per look, except by ``allow``: the next look sees it running. Those that go on waiting have
    no decision.
    """
    if not waiting:
        return []
    if overlap is Overlap.ALLOW:
        return [Decision(one, OccurrenceState.STARTED) for one in waiting]
    *older, latest = waiting
    if overlap is Overlap.SKIP:
        return _skipping(list(waiting), running)
    if overlap is Overlap.BUFFER_ONE:
        return _buffering(older, latest, running)
    newer = [Decision(one, OccurrenceState.SKIPPED, "a later one took its place") for one in older]
    return [*newer, Decision(latest, OccurrenceState.STARTED, cancels=running > 0)]


def _skipping(waiting: list[datetime], running: int) -> list[Decision]:
    if running:
        return [Decision(one, OccurrenceState.SKIPPED, "the audit before it still ran") for one in waiting]
    return [Decision(waiting[0], OccurrenceState.STARTED)]  # what was caught up runs one after the other


def _buffering(older: list[datetime], latest: datetime, running: int) -> list[Decision]:
    replaced = [Decision(one, OccurrenceState.SKIPPED, "a later one took its place") for one in older]
    return replaced if running else [*replaced, Decision(latest, OccurrenceState.STARTED)]
