"""What becomes of the occurrences that are due: pure, on a clock that the caller reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.schedules import CatchUp, OccurrenceState, Overlap, Turn

LATE = timedelta(seconds=60)
"""An occurrence that is found this late or later was missed by a scheduler that was away: catching up decides."""


@dataclass(frozen=True)
class Decision:
    """One occurrence and its fate; ``cancels``: the audits that still run make room for it."""

    due_at: datetime
    state: OccurrenceState
    detail: str = ""
    cancels: bool = False
    turn: Turn | None = None


@dataclass(frozen=True)
class Waiting:
    """An occurrence that could start now. ``turn``: how it meets others, where not as the schedule says."""

    due_at: datetime
    turn: Turn | None = None


def caught_up(due: Sequence[datetime], now: datetime, catch_up: CatchUp, window: timedelta) -> list[Decision]:
    """Which of the times ``due`` (oldest first, none later than ``now``) still count: ``waiting`` or ``missed``.

    Of ``all`` those that are late stand in a queue: an overlap policy is about audits that meet, and must not swallow
    what is made up for.
    """
    late = [one for one in due if now - one >= LATE]
    recent = [one for one in late if now - one <= window]
    wanted = {CatchUp.NONE: [], CatchUp.LATEST: recent[-1:] if len(late) == len(due) else [], CatchUp.ALL: recent}
    made_up, turn = set(wanted[catch_up]), Turn.QUEUE if catch_up is CatchUp.ALL else None
    timely = [_waits(one) for one in due[len(late) :]]
    return [*(_waits(one, turn) if one in made_up else _missed(one, now, window) for one in late), *timely]


def _missed(due: datetime, now: datetime, window: timedelta) -> Decision:
    why = "no scheduler ran at the time"
    if now - due > window:
        why += ", and it is older than the schedule catches up"
    return Decision(due, OccurrenceState.MISSED, why)


def _waits(due: datetime, turn: Turn | None = None) -> Decision:
    return Decision(due, OccurrenceState.WAITING, turn=turn)


def overlapping(waiting: Sequence[Waiting], running: int, overlap: Overlap) -> list[Decision]:
    """What becomes of occurrences that wait (oldest first) while ``running`` audits of the schedule go on.

    Besides those that may overlap, at most one is started per look: the next look sees it running. The queue goes on
    when nothing runs; as long as it stands, regular occurrences find the schedule busy. Those that go on waiting have
    no decision.
    """
    at_once, queue, regular = _sorted_by_turn(waiting, overlap)
    decided = [*map(_started, at_once), *_regular(regular, running > 0 or bool(queue), running > 0, overlap)]
    starts = any(decision.state is OccurrenceState.STARTED for decision in decided)
    if queue and not running and not starts:
        decided.append(_started(queue[0]))
    return decided


def _sorted_by_turn(
    waiting: Iterable[Waiting], overlap: Overlap
) -> tuple[list[datetime], list[datetime], list[datetime]]:
    """Those that start at once, those that stand in the queue, and those that the overlap policy is about."""
    at_once: list[datetime] = []
    queue: list[datetime] = []
    regular: list[datetime] = []
    for one in waiting:
        if overlap is Overlap.ALLOW or one.turn is Turn.ALLOW:
            at_once.append(one.due_at)
        else:
            (regular if one.turn is None else queue).append(one.due_at)
    return at_once, queue, regular


def _regular(regular: list[datetime], busy: bool, running: bool, overlap: Overlap) -> list[Decision]:
    if not regular:
        return []
    *older, latest = regular
    if overlap is Overlap.SKIP:
        return [_skipped(one, "the audit before it still ran") for one in regular] if busy else [_started(regular[0])]
    replaced = [_skipped(one, "a later one took its place") for one in older]
    if overlap is Overlap.CANCEL_PREVIOUS:
        return [*replaced, Decision(latest, OccurrenceState.STARTED, cancels=running)]
    return replaced if busy else [*replaced, _started(latest)]


def _started(due: datetime) -> Decision:
    return Decision(due, OccurrenceState.STARTED)


def _skipped(due: datetime, why: str) -> Decision:
    return Decision(due, OccurrenceState.SKIPPED, why)
