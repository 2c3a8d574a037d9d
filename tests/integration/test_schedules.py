"""Schedules on a real database and a clock of the tests' own: each time is one audit, whatever happens."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from prometheus_client import generate_latest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from schemas.policies import Policy
from schemas.problems import ErrorCode
from schemas.projects import DEFAULT_PROJECT
from schemas.schedules import Backfill, Backfilled, CatchUp, Overlap, Schedule
from services.db.automation import OccurrenceRow, ScheduleRow
from services.db.engine import SessionFactory, scoped, transaction
from services.db.outbox import DeliveryRow, WebhookRow
from services.db.tables import AuditRow, ClassifierRow, JobRow
from services.db.trust import ProjectRow, TrailRow
from services.dispatch.scheduler import look_at_schedules
from services.errors import InvalidSchedule, failure
from services.observability import Metrics
from services.policies import service as policies
from services.schedules import asking, repository, service
from services.schedules.look import Looked, look
from services.settings import Settings
from tests.builders.rows import add_classifier, add_dataset
from tests.builders.schedules import Scheduled

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
BROKEN = failure(ErrorCode.TRAINING_DIVERGED, "it diverged").model_dump(mode="json")


def hours(*numbers: int) -> list[datetime]:
    return [NOON.replace(hour=number) for number in numbers]


@pytest.mark.parametrize(
    ("catch_up", "made_up", "missed"),
    [
        (CatchUp.NONE, [], hours(9, 10, 11)),
        (CatchUp.LATEST, hours(11), hours(9, 10)),
        (CatchUp.ALL, hours(9, 10, 11), []),
    ],
)
def test_three_hours_without_a_scheduler(
    factory: SessionFactory, catch_up: CatchUp, made_up: list[datetime], missed: list[datetime]
) -> None:
    schedule = Scheduled(factory, NOON - 3 * HOUR - MINUTE, catch_up=catch_up)
    looked = schedule.look(NOON - 10 * MINUTE)
    for minute in range(3):
        assert len([one for one in schedule.audits() if one.finished_at is None]) <= 1
        schedule.end()
        schedule.look(NOON - 9 * MINUTE + minute * MINUTE)
    assert looked.missed == len(missed)
    states = schedule.states()
    assert {due for due, state in states.items() if state == "missed"} == set(missed)
    assert [datetime.fromisoformat((one.origin or {})["due_at"]) for one in schedule.audits()] == made_up


@pytest.mark.parametrize(
    ("overlap", "meanwhile", "afterwards", "asked_to_stop"),
    [
        (Overlap.SKIP, "started skipped skipped", "succeeded skipped skipped", [False]),
        (Overlap.BUFFER_ONE, "started skipped waiting", "succeeded skipped started", [False, False]),
        (Overlap.CANCEL_PREVIOUS, "cancelled cancelled started", "cancelled cancelled succeeded", [True, True, False]),
        (Overlap.ALLOW, "started started started", "succeeded succeeded succeeded", [False, False, False]),
    ],
)
def test_the_audit_before_still_runs(
    factory: SessionFactory, overlap: Overlap, meanwhile: str, afterwards: str, asked_to_stop: list[bool]
) -> None:
    schedule = Scheduled(factory, NOON - SECOND, overlap=overlap)
    for number in range(3):
        schedule.look(NOON + number * HOUR + SECOND)
    schedule.look(NOON + 2 * HOUR + 2 * SECOND)
    assert " ".join(schedule.states().values()) == meanwhile
    schedule.end()
    schedule.look(NOON + 2 * HOUR + 3 * SECOND)
    assert " ".join(schedule.states().values()) == afterwards
    assert [audit.cancel_requested for audit in schedule.audits()] == asked_to_stop
    with transaction(factory) as session:
        trail = list(session.scalars(select(TrailRow).where(TrailRow.principal == schedule.id).order_by(TrailRow.id)))
    assert {row.project_id for row in trail} == {DEFAULT_PROJECT}
    begun = [row.subject for row in trail if row.action == "audits.create"]
    assert begun == [audit.id for audit in schedule.audits()]
    stopped = [row.subject for row in trail if row.action == "audits.cancel"]
    assert stopped == [audit.id for audit in schedule.audits() if audit.cancel_requested]


def test_a_look_finds_what_another_scheduler_looks_at_locked(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON - SECOND)
    with scoped(factory, DEFAULT_PROJECT) as session:
        assert look(session, schedule.id, NOON + SECOND).decided == 1
        assert schedule.look(NOON + SECOND).decided == 0
    assert schedule.look(NOON + 2 * SECOND).decided == 0
    assert len(schedule.audits()) == 1


def test_four_schedulers_start_fifty_occurrences_once_each(factory: SessionFactory) -> None:
    schedules = [
        Scheduled(factory, NOON - 10 * HOUR - MINUTE, overlap="allow", catch_up="all", name=f"n{number}")
        for number in range(5)
    ]
    together, now = threading.Barrier(4), NOON - MINUTE

    def scheduler(_: int) -> int:
        decided = 0
        together.wait(10.0)
        for _ in range(8):
            with transaction(factory) as session:
                found = repository.to_look_at(session)
            for schedule, project in found:
                with scoped(factory, project) as session:
                    decided += look(session, schedule, now).decided
        return decided

    with ThreadPoolExecutor(4) as pool:
        decided = list(pool.map(scheduler, range(4)))
    begun = Counter(
        ((one.origin or {})["schedule"], (one.origin or {})["due_at"]) for s in schedules for one in s.audits()
    )
    assert len(begun) == 50
    assert set(begun.values()) == {1}
    assert sum(decided) == 50


def test_a_scheduler_that_dies_before_it_commits_has_done_nothing(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON - SECOND)

    def look_and_die() -> None:
        with scoped(factory, DEFAULT_PROJECT) as session:
            assert look(session, schedule.id, NOON + SECOND).decided == 1
            process = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with transaction(factory) as other:
                other.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})

    with pytest.raises(DBAPIError):
        look_and_die()
    assert (schedule.states(), schedule.audits()) == ({}, [])
    schedule.look(NOON + 2 * SECOND)
    schedule.look(NOON + 3 * SECOND)
    assert schedule.states() == {NOON: "started"}
    assert len(schedule.audits()) == 1


def test_a_clock_that_is_set_back_starts_nothing_again(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON - SECOND, overlap="allow")
    for now in (NOON + SECOND, NOON - 2 * HOUR, NOON + SECOND, NOON + HOUR - SECOND, NOON + HOUR + SECOND):
        schedule.look(now)
    assert schedule.states() == {NOON: "started", NOON + HOUR: "started"}
    assert schedule.row.next_at == NOON + 2 * HOUR


def test_a_clock_that_jumps_ahead_and_back_loses_and_repeats_nothing(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON - SECOND, overlap="allow", catch_up="all")
    for now in (NOON + SECOND, NOON + 5 * HOUR + SECOND, NOON + HOUR + SECOND, NOON + 6 * HOUR + SECOND):
        schedule.look(now)
    assert schedule.states() == dict.fromkeys([NOON + number * HOUR for number in range(7)], "started")
    assert len(schedule.audits()) == 7


def test_failures_in_a_row_pause_the_schedule_and_are_told(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON - SECOND, pause_after=2, overlap="buffer_one")
    with scoped(factory, DEFAULT_PROJECT) as session:
        told = {"url": "https://example.test/", "events": ["schedule.paused"], "sealed_secret": "x"}
        session.add(WebhookRow(id=f"whk_{'0' * 24}", name="told", **told))
    ends = [("failed", BROKEN), ("succeeded", None), ("failed", BROKEN), ("cancelled", None), ("failed", BROKEN)]
    for number, (state, problem) in enumerate(ends):
        assert schedule.row.paused_at is None
        schedule.look(NOON + number * HOUR + SECOND)
        schedule.end(state, problem=problem)
        schedule.look(NOON + number * HOUR + MINUTE)
    row = schedule.row
    assert (row.failures, row.next_at, row.revision) == (2, None, 2)
    assert row.paused_because == "2 failures in a row; the last: its audit failed: it diverged"
    schedule.look(NOON + 9 * HOUR)
    assert list(schedule.states().values()) == [state for state, _ in ends]
    with scoped(factory, DEFAULT_PROJECT) as session:
        payload = session.execute(select(DeliveryRow.payload)).scalar_one()
    assert (payload["schedule"], payload["because"]) == (schedule.id, row.paused_because)


@pytest.mark.parametrize(("counts", "states", "failures"), [(True, ["failed"], 1), (False, ["succeeded"], 0)])
def test_a_failed_gate_is_a_failure_where_it_counts(
    factory: SessionFactory, counts: bool, states: list[str], failures: int
) -> None:
    schedule = Scheduled(factory, NOON - SECOND, failed_gates_count=counts)
    schedule.look(NOON + SECOND)
    schedule.end(gate="fail")
    schedule.look(NOON + MINUTE)
    assert (list(schedule.states().values()), schedule.row.failures) == (states, failures)


def test_what_a_schedule_lacks_is_said_and_counts(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON - SECOND, classifier_name="fraud", pause_after=2)
    for number in range(4):
        schedule.look(NOON + number * HOUR + SECOND)
    assert schedule.states() == {NOON: "failed", NOON + HOUR: "failed"}
    assert [one.detail for one in schedule.occurrences()] == ["No classifier named 'fraud' is ready."] * 2
    assert (schedule.audits(), schedule.row.failures) == ([], 2)
    assert schedule.row.paused_at is not None


def test_a_quota_is_said_and_the_next_time_may_be_within_it(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON - SECOND)
    with transaction(factory) as session:
        session.execute(update(ProjectRow).values(max_audits_in_flight=0))
    schedule.look(NOON + SECOND)
    with transaction(factory) as session:
        session.execute(update(ProjectRow).values(max_audits_in_flight=None))
    schedule.look(NOON + HOUR + SECOND)
    assert list(schedule.states().values()) == ["failed", "started"]
    assert "at most 0 audits" in schedule.occurrences()[0].detail


def test_the_newest_ready_classifier_of_a_name_and_the_audit_before_it(factory: SessionFactory) -> None:
    with scoped(factory, DEFAULT_PROJECT) as session:
        rule = {"no_regression_against": "the one before"}
        document = Policy.model_validate({"version": 1, "name": "release", "rules": [rule]})
        policy = policies.create(session, document).id
        expected = [add_classifier(session, "fraud")]
        add_classifier(session, "other")
    schedule = Scheduled(factory, NOON - SECOND, classifier_name="fraud", policy=policy, baseline="previous")
    for number, state in enumerate(("succeeded", "failed", "succeeded")):
        schedule.look(NOON + number * HOUR + SECOND)
        schedule.end(state, problem=BROKEN if state == "failed" else None)
        with scoped(factory, DEFAULT_PROJECT) as session:
            expected.append(add_classifier(session, "fraud"))
            add_classifier(session, "fraud", state="rejected")
            add_classifier(session, "fraud", state="pending")
    audits = schedule.audits()
    assert [one.classifier_id for one in audits] == expected[:3]
    assert {one.policy_id for one in audits} == {policy}
    assert [one.baseline_id for one in audits] == [None, audits[0].id, audits[0].id]
    assert audits[0].name == "nightly, 2026-06-15 12:00 UTC"


def gated(factory: SessionFactory) -> str:
    rule = {"no_regression_against": "the one before"}
    with scoped(factory, DEFAULT_PROJECT) as session:
        return policies.create(session, Policy.model_validate({"version": 1, "name": "release", "rules": [rule]})).id


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        (["inconclusive", "pass", "fail", "fail", "pass"], [None, 0, 1, 1, 1, 4]),
        (["inconclusive", "inconclusive", "fail"], [None, 0, 0, 0]),
        (["fail", "inconclusive", "pass"], [None, None, 1, 2]),
        ([None, None, "fail", "inconclusive"], [None, 0, 1, 1, 1]),
        ([None, "pass", None], [None, 0, 1, 1]),
    ],
)
def test_a_failed_policy_is_not_the_next_ones_baseline(
    factory: SessionFactory, gates: list[str | None], expected: list[int | None]
) -> None:
    """Else a regression fails once, and is the baseline from then on."""
    schedule = Scheduled(factory, NOON - SECOND, policy=gated(factory), baseline="previous")
    for number, gate in enumerate([*gates, None]):
        schedule.look(NOON + number * HOUR + SECOND)
        schedule.end(gate=gate)
    audits = schedule.audits()
    ids = [one.id for one in audits]
    assert [one.baseline_id and ids.index(one.baseline_id) for one in audits] == expected


def test_the_audit_before_is_one_on_the_same_references(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON - SECOND, policy=gated(factory), baseline="previous")
    schedule.look(NOON + SECOND)
    schedule.end(gate="pass")
    with scoped(factory, DEFAULT_PROJECT) as session:
        row = session.get_one(ScheduleRow, schedule.id)
        row.body = {**row.body, "dataset": add_dataset(session, canonical_digest="cd" * 32)}
    for hour in (1, 2):
        schedule.look(NOON + hour * HOUR + SECOND)
        schedule.end(gate="pass")
    audits = schedule.audits()
    assert [one.baseline_id for one in audits] == [None, None, audits[1].id]


def test_a_classifier_that_is_gone_from_a_schedule_is_no_endless_fault(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON - SECOND, pause_after=1)
    with transaction(factory) as session:
        session.execute(update(ClassifierRow).values(state="rejected", problem=BROKEN))
    schedule.look(NOON + SECOND)
    assert "was refused" in (schedule.row.paused_because or "")


def test_a_schedule_that_cannot_be_read_is_put_aside(factory: SessionFactory) -> None:
    schedule, sound = Scheduled(factory, NOON - SECOND), Scheduled(factory, NOON - SECOND, zone="Asia/Tokyo")
    with transaction(factory) as session:
        known = {**schedule.row.body, "overlap": "of_a_later_version"}
        session.execute(update(ScheduleRow).where(ScheduleRow.id == schedule.id).values(body=known))
    schedule.look(NOON + SECOND)
    sound.look(NOON + SECOND)
    assert "cannot read the schedule" in (schedule.row.paused_because or "")
    assert sound.states() == {NOON: "started"}


def test_jitter_begins_later_and_only_once(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON - SECOND, jitter=3000)
    schedule.look(NOON + SECOND)
    (waits,) = schedule.occurrences()
    assert (waits.state, NOON < waits.starts_at < NOON + HOUR) == ("waiting", True)
    schedule.look(waits.starts_at - SECOND)
    assert schedule.audits() == []
    looked = schedule.look(waits.starts_at + SECOND)
    assert (schedule.states(), looked.lags) == ({NOON: "started"}, [1.0])


def test_nothing_is_due_before_the_start_or_after_the_end(factory: SessionFactory) -> None:
    later = datetime(2126, 6, 15, 12, tzinfo=UTC)
    schedule = Scheduled(factory, later - 5 * HOUR, starts_at=later, ends_at=later + HOUR, overlap="allow")
    assert schedule.row.next_at == later
    for minute in range(-120, 240, 10):
        schedule.look(later + minute * MINUTE + SECOND)
    assert schedule.states() == {later: "started", later + HOUR: "started"}
    assert schedule.row.next_at is None


def test_schedules_that_have_nothing_to_do_are_left_alone(factory: SessionFactory) -> None:
    """The database's clock decides: one is due, one has an audit that ended, one is far from its time."""
    now = datetime.now(UTC)
    due, over, idle = (Scheduled(factory, now, cron="0 0 1 1 *") for _ in range(3))
    with transaction(factory) as session:
        session.execute(update(ScheduleRow).where(ScheduleRow.id == due.id).values(next_at=now - SECOND))
    with scoped(factory, DEFAULT_PROJECT) as session:
        asking.trigger(session, over.id)
    over.end()
    with transaction(factory) as session:
        found = {schedule for schedule, _ in repository.to_look_at(session)}
    assert found == {due.id, over.id}
    assert idle.row.next_at is not None


def test_the_loop_looks_at_all_and_counts_whatever_fails(
    factory: SessionFactory, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At one, a time was missed and one is due; the look at the other breaks."""
    due, broken = (Scheduled(factory, NOON - 61 * SECOND, cron="* * * * *", catch_up="none") for _ in range(2))
    bench = SimpleNamespace(factory=factory, metrics=Metrics(), settings=settings)
    monkeypatch.setattr("services.schedules.repository.clock", lambda session: NOON + 10 * SECOND)

    def fails(session: Session, schedule: str, now: datetime) -> Looked:
        if schedule == broken.id:
            raise RuntimeError("a fault")
        return look(session, schedule, now)

    monkeypatch.setattr("services.dispatch.scheduler.look", fails)
    with capture_logs() as logs:
        assert look_at_schedules(bench)  # type: ignore[arg-type]
        assert not look_at_schedules(bench)  # type: ignore[arg-type]
    assert {line["schedule"] for line in logs if line["event"] == "schedule.failed"} == {broken.id}
    assert due.states() == {NOON - MINUTE: "missed", NOON: "started"}
    counted = generate_latest(bench.metrics.registry)
    assert b"audit_schedule_missed_total 1.0" in counted
    assert b"audit_schedule_lag_seconds_sum 10.0" in counted


def allow(factory: SessionFactory, audits: int | None) -> None:
    with transaction(factory) as session:
        session.execute(update(ProjectRow).values(max_audits_in_flight=audits))


def asked(since: datetime, until: datetime) -> Backfill:
    return Backfill.model_validate({"from": since, "to": until})


def backfill(schedule: Scheduled, since: datetime, until: datetime) -> Backfilled:
    """Asked for at the time of the last look."""
    with scoped(schedule.factory, DEFAULT_PROJECT) as session:
        answer = asking.backfill(session, schedule.id, asked(since, until))
        now = session.get_one(ScheduleRow, schedule.id).looked_at
        session.execute(update(OccurrenceRow).where(OccurrenceRow.state == "waiting").values(starts_at=now))
    return answer


def test_a_full_quota_holds_the_queue_back(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON)
    backfill(schedule, NOON - 9 * HOUR, NOON)
    allow(factory, 0)
    for second in range(12):
        schedule.look(NOON + second * SECOND)
    assert Counter(schedule.states().values()) == {"waiting": 10}
    assert schedule.row.paused_at is None
    assert "at most 0 audits" in schedule.occurrences()[0].detail
    allow(factory, None)
    schedule.look(NOON + MINUTE)
    assert [one.state for one in schedule.occurrences()[:2]] == ["started", "waiting"]


def test_what_failed_without_an_audit_can_be_asked_for_again(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON - SECOND, pause_after=0)
    allow(factory, 0)
    schedule.look(NOON)
    assert schedule.states() == {NOON: "failed"}
    allow(factory, None)
    assert backfill(schedule, NOON, NOON).waiting == 1
    schedule.look(NOON)
    assert schedule.states() == {NOON: "started"}
    schedule.end("failed", problem=BROKEN)
    schedule.look(NOON)
    assert backfill(schedule, NOON, NOON).already == 1


def test_cancel_previous_within_a_quota_of_one(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON - SECOND, overlap=Overlap.CANCEL_PREVIOUS)
    allow(factory, 1)
    schedule.look(NOON)
    with scoped(factory, DEFAULT_PROJECT) as session:  # it runs: it can be asked to stop, and does so a moment later
        session.execute(update(JobRow).where(JobRow.state == "queued").values(state="running"))
        session.execute(update(AuditRow).values(state="running"))
    schedule.look(NOON + HOUR)
    assert [one.state for one in schedule.occurrences()] == ["started", "started"]
    assert [one.cancel_requested for one in schedule.audits()] == [True, False]


def test_cancel_previous_leaves_alone_what_was_asked_for(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON - SECOND, overlap=Overlap.CANCEL_PREVIOUS)
    backfill(schedule, NOON - HOUR, NOON - HOUR)
    schedule.look(NOON - SECOND)
    schedule.end("cancelled")
    schedule.look(NOON - SECOND)
    assert backfill(schedule, NOON - HOUR, NOON - HOUR).waiting == 1
    schedule.look(NOON - SECOND)
    with scoped(factory, DEFAULT_PROJECT) as session:
        triggered = asking.trigger(session, schedule.id).due_at
    for hour in (0, 1, 1):
        schedule.look(NOON + hour * HOUR)
    expected = {NOON - HOUR: "started", NOON: "cancelled", NOON + HOUR: "started", triggered: "started"}
    assert schedule.states() == expected


def test_an_earlier_time_that_comes_later_cancels_no_later_one(factory: SessionFactory) -> None:
    """Jitter from before there was a limit to it."""
    schedule = Scheduled(factory, NOON - SECOND, overlap=Overlap.CANCEL_PREVIOUS)
    schedule.look(NOON)
    with scoped(factory, DEFAULT_PROJECT) as session:
        session.add(OccurrenceRow(schedule_id=schedule.id, due_at=NOON - MINUTE, starts_at=NOON, kind="cron",
                                  state="waiting"))  # fmt: skip
    schedule.look(NOON + MINUTE)
    assert not any(one.cancel_requested for one in schedule.audits())


@pytest.mark.parametrize(("cron", "jitter", "fits"), [
    ("*/10 * * * *", 600, False), ("*/10 * * * *", 599, True), ("0,5 3 * * *", 300, False), ("0 3 29 2 *", 3600, True),
])  # fmt: skip
def test_jitter_keeps_times_in_order(factory: SessionFactory, cron: str, jitter: int, fits: bool) -> None:
    with nullcontext() if fits else pytest.raises(InvalidSchedule, match="apart"):
        Scheduled(factory, NOON, cron=cron, jitter=jitter)


@pytest.mark.parametrize(("change", "pauses"), [
    ({"word_of_the_next_release": 1}, False),
    ({"config": {"word_of_the_next_release": 1}}, False),
    ({"overlap": "as_the_next_release_has_it"}, True),
    ({"cron": None, "dataset": 3}, True),
])  # fmt: skip
def test_a_schedule_of_another_release_breaks_no_page(
    factory: SessionFactory, change: dict[str, object], pauses: bool
) -> None:
    schedule, other = Scheduled(factory, NOON - SECOND), Scheduled(factory, NOON, name="fine")
    with scoped(factory, DEFAULT_PROJECT) as session:
        row = session.get_one(ScheduleRow, schedule.id)
        row.body = {**row.body, **change}
    for _ in range(2):
        with scoped(factory, DEFAULT_PROJECT) as session:
            page, _following = service.page(session, None, 10)
        found = {one.id: one for one in page}
        assert Schedule.model_validate_json(found[schedule.id].model_dump_json()) == found[schedule.id]
        assert (found[schedule.id].paused_at is not None) == pauses
        assert ("cannot read" in (found[schedule.id].paused_because or "")) == pauses
        assert found[other.id].paused_at is None
        schedule.look(NOON)
    assert schedule.states() == ({} if pauses else {NOON: "started"})


def test_an_unreadable_schedule_is_not_looked_at_again_and_again(factory: SessionFactory) -> None:
    """Its audit ended, and one time waits: both are settled by one look."""
    schedule = Scheduled(factory, NOON - SECOND)
    schedule.look(NOON)
    backfill(schedule, NOON - HOUR, NOON - HOUR)
    with scoped(factory, DEFAULT_PROJECT) as session:
        row = session.get_one(ScheduleRow, schedule.id)
        row.body, row.paused_at = {**row.body, "zone": 3}, NOON
    schedule.end()
    schedule.look(NOON)
    assert schedule.states() == {NOON - HOUR: "skipped", NOON: "succeeded"}
    with transaction(factory) as session:
        assert schedule.id not in [found for found, _ in repository.to_look_at(session)]
    with scoped(factory, DEFAULT_PROJECT) as session, pytest.raises(InvalidSchedule, match="cannot read"):
        asking.trigger(session, schedule.id)


def test_a_long_queue_costs_a_look_no_more_than_its_head(factory: SessionFactory) -> None:
    schedule = Scheduled(factory, NOON)
    backfill(schedule, NOON - 30 * HOUR, NOON)
    with scoped(factory, DEFAULT_PROJECT) as session:
        assert [one.due_at for one in repository.waiting(session, schedule.id, NOON, False)] == [NOON - 30 * HOUR]
        assert len(repository.waiting(session, schedule.id, NOON, True)) == 31
