"""What becomes of occurrences: the exact sets of each catch-up and overlap policy, and whole days played through."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.schedules import CatchUp, OccurrenceState, Overlap, Turn
from services.schedules.decide import Decision, Waiting, caught_up, overlapping
from services.schedules.times import between

NOW = datetime(2026, 6, 15, 12, 0, 30, tzinfo=UTC)
HOURS = [NOW.replace(second=0) - timedelta(hours=number) for number in (3, 2, 1)]
DAY = timedelta(days=1)


def kept(decisions: list[Decision]) -> dict[datetime, Turn | None]:
    return {one.due_at: one.turn for one in decisions if one.state is OccurrenceState.WAITING}


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        (CatchUp.NONE, {}),
        (CatchUp.LATEST, {HOURS[2]: None}),
        (CatchUp.ALL, dict.fromkeys(HOURS, Turn.QUEUE)),
    ],
)
def test_three_hours_without_a_scheduler(catch_up: CatchUp, expected: dict[datetime, Turn | None]) -> None:
    decisions = caught_up(HOURS, NOW, catch_up, DAY)
    assert kept(decisions) == expected
    assert [one.due_at for one in decisions] == HOURS
    assert all(one.detail == "no scheduler ran at the time" for one in decisions if one.due_at not in expected)


def test_what_is_due_now_needs_no_catching_up() -> None:
    due = [*HOURS, NOW.replace(second=0)]
    assert kept(caught_up(due, NOW, CatchUp.NONE, DAY)) == {due[3]: None}
    assert kept(caught_up(due, NOW, CatchUp.LATEST, DAY)) == {due[3]: None}
    assert kept(caught_up(due, NOW, CatchUp.ALL, DAY)) == {**dict.fromkeys(HOURS, Turn.QUEUE), due[3]: None}


def test_what_is_older_than_the_window_is_missed() -> None:
    decisions = caught_up(HOURS, NOW, CatchUp.ALL, timedelta(hours=2, minutes=1))
    assert kept(decisions) == dict.fromkeys(HOURS[1:], Turn.QUEUE)
    assert "older than the schedule catches up" in decisions[0].detail


A, B, C = HOURS
SKIPPED, STARTED = OccurrenceState.SKIPPED, OccurrenceState.STARTED


@pytest.mark.parametrize(
    ("overlap", "running", "expected"),
    [
        (Overlap.SKIP, 0, {A: STARTED}),
        (Overlap.SKIP, 1, {A: SKIPPED, B: SKIPPED}),
        (Overlap.BUFFER_ONE, 0, {A: SKIPPED, B: STARTED}),
        (Overlap.BUFFER_ONE, 1, {A: SKIPPED}),
        (Overlap.CANCEL_PREVIOUS, 0, {A: SKIPPED, B: STARTED}),
        (Overlap.CANCEL_PREVIOUS, 1, {A: SKIPPED, B: STARTED}),
        (Overlap.ALLOW, 1, {A: STARTED, B: STARTED}),
    ],
)
def test_the_previous_audit_may_still_run(
    overlap: Overlap, running: int, expected: dict[datetime, OccurrenceState]
) -> None:
    decisions = overlapping([Waiting(A), Waiting(B)], running, overlap)
    assert {one.due_at: one.state for one in decisions} == expected
    assert any(one.cancels for one in decisions) == (overlap is Overlap.CANCEL_PREVIOUS and running == 1)


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.BUFFER_ONE, Overlap.CANCEL_PREVIOUS])
def test_the_queue_waits_for_its_turn_and_is_never_left_out(overlap: Overlap) -> None:
    queue = [Waiting(A, Turn.QUEUE), Waiting(B, Turn.QUEUE)]
    assert overlapping(queue, 1, overlap) == []
    assert overlapping(queue, 0, overlap) == [Decision(A, STARTED)]


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (Overlap.SKIP, {C: SKIPPED, A: STARTED}),
        (Overlap.BUFFER_ONE, {A: STARTED}),
        (Overlap.CANCEL_PREVIOUS, {C: STARTED}),
        (Overlap.ALLOW, {A: STARTED, C: STARTED}),
    ],
)
def test_a_regular_one_finds_the_schedule_busy_while_the_queue_stands(
    overlap: Overlap, expected: dict[datetime, OccurrenceState]
) -> None:
    decisions = overlapping([Waiting(A, Turn.QUEUE), Waiting(C)], 0, overlap)
    assert {one.due_at: one.state for one in decisions} == expected


def test_what_may_overlap_starts_whatever_runs() -> None:
    decisions = overlapping([Waiting(A, Turn.ALLOW), Waiting(B)], 1, Overlap.SKIP)
    assert {one.due_at: one.state for one in decisions} == {A: STARTED, B: SKIPPED}


@dataclass
class Played:
    """A schedule without a database: looks at given moments, audits that take so many minutes."""

    cron: str
    overlap: Overlap
    catch_up: CatchUp
    minutes: int
    looked_at: datetime
    waiting: dict[datetime, Turn | None] = field(default_factory=dict)
    states: dict[datetime, OccurrenceState] = field(default_factory=dict)
    begun: dict[datetime, datetime] = field(default_factory=dict)
    most_at_once: int = 0

    def look(self, now: datetime) -> None:
        for one in caught_up(between(self.cron, "UTC", self.looked_at, now), now, self.catch_up, DAY):
            assert one.due_at not in self.states, "an occurrence was found twice"
            self.states[one.due_at] = one.state
            if one.state is OccurrenceState.WAITING:
                self.waiting[one.due_at] = one.turn
        self.looked_at = max(self.looked_at, now)
        while decisions := self.decide(now):
            for one in decisions:
                self.carry_out(one, now)

    def decide(self, now: datetime) -> list[Decision]:
        waiting = [Waiting(due, self.waiting[due]) for due in sorted(self.waiting)]
        return overlapping(waiting, self.running(now), self.overlap)

    def carry_out(self, one: Decision, now: datetime) -> None:
        del self.waiting[one.due_at]
        self.states[one.due_at] = one.state
        if one.cancels:
            self.begun = {due: now - DAY if self.runs(due, now) else begun for due, begun in self.begun.items()}
        if one.state is STARTED:
            assert one.due_at not in self.begun, "an occurrence was started twice"
            self.begun[one.due_at] = now
            self.most_at_once = max(self.most_at_once, self.running(now))

    def runs(self, due: datetime, now: datetime) -> bool:
        return now - self.begun[due] < timedelta(minutes=self.minutes)

    def running(self, now: datetime) -> int:
        return sum(self.runs(due, now) for due in self.begun)


MOMENTS = st.lists(st.integers(-90, 180), min_size=1, max_size=30)
"""Minutes from one look to the next; a clock that is set back goes the other way."""


@settings(max_examples=200, deadline=None)
@given(
    MOMENTS, st.sampled_from(list(Overlap)), st.sampled_from(list(CatchUp)), st.integers(1, 150),
    st.sampled_from(["0 * * * *", "*/30 * * * *", "15 3,9 * * *"]),
)  # fmt: skip
def test_whenever_schedulers_look_and_whatever_the_clock_does(
    moments: list[int], overlap: Overlap, catch_up: CatchUp, minutes: int, cron: str
) -> None:
    start = NOW.replace(second=0) - timedelta(seconds=1)
    played, now, latest = Played(cron, overlap, catch_up, minutes, start), start, start
    for step in moments:
        now += timedelta(minutes=step)
        latest = max(latest, now)
        played.look(now)
    assert sorted(played.states) == between(cron, "UTC", start, latest)
    if overlap is not Overlap.ALLOW:
        assert played.most_at_once <= 1
    if catch_up is CatchUp.ALL:
        assert OccurrenceState.MISSED not in played.states.values()


def test_all_is_made_up_for_one_after_the_other_though_overlaps_are_skipped() -> None:
    """Down from 9 to 12; audits take 15 minutes: the three late ones run, and the one at 13."""
    played = Played("0 * * * *", Overlap.SKIP, CatchUp.ALL, 15, NOW.replace(hour=8, minute=30))
    for minute in range(120):
        played.look(NOW + timedelta(minutes=minute))
    ran = {due.hour: begun for due, begun in played.begun.items()}
    assert sorted(ran) == [9, 10, 11, 13]
    assert played.most_at_once == 1
    assert [ran[hour] - NOW for hour in (9, 10, 11)] == [timedelta(minutes=one) for one in (0, 15, 30)]
    assert played.states[NOW.replace(second=0)] is SKIPPED  # 12:00 was due while they were made up for
