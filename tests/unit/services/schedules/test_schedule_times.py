"""Times of schedules: the documented lists across clock changes, and what holds for every expression and zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.errors import InvalidSchedule
from services.schedules.times import after, between, check_times, local, next_after, with_jitter

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata",
    "Pacific/Apia", "America/Nuuk", "Africa/Casablanca", "Pacific/Chatham",
)  # fmt: skip
"""Clock changes of an hour and of half an hour, at midnight, at night, at UTC midnight, in odd offsets, and none."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def readings(cron: str, zone: str, since: str, count: int) -> list[str]:
    """The next times as the clock on the wall shows them, with its offset."""
    return [local(zone, one).isoformat(timespec="minutes") for one in islice(after(cron, zone, at(since)), count)]


DOCUMENTED = [
    # 29 March 2026: 02:00 to 03:00 does not exist in Berlin. A time of day in it comes as soon as it is over, once.
    ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
    ("15,45 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z",
     ["2026-03-29T03:00+02:00", "2026-03-30T02:15+02:00", "2026-03-30T02:45+02:00"]),
    # One that is due at 03:00 anyway comes once.
    ("0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00Z", ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"]),
    # Every so often follows the real time: the hour that does not exist has no times.
    ("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00Z",
     ["2026-03-29T01:30+01:00", "2026-03-29T03:00+02:00", "2026-03-29T03:30+02:00"]),
    ("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", ["2026-03-30T02:00+02:00", "2026-03-30T02:30+02:00"]),
    # 25 October 2026: 02:00 to 03:00 comes twice. A time of day in it comes the first time.
    ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
    ("*/30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z",
     ["2026-10-25T02:00+02:00", "2026-10-25T02:30+02:00", "2026-10-25T02:00+01:00", "2026-10-25T02:30+01:00",
      "2026-10-26T02:00+01:00"]),
    ("0 * * * *", "Europe/Berlin", "2026-10-24T23:30Z",
     ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00"]),
    # Half an hour only, and midnights that do not exist.
    ("30 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00Z", ["2026-10-04T02:30+11:00", "2026-10-05T02:30+11:00"]),
    ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00Z", ["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"]),
    ("*/20 1,2 * * *", "Australia/Lord_Howe", "2026-04-04T14:35Z",
     ["2026-04-05T01:40+11:00", "2026-04-05T01:40+10:30", "2026-04-05T02:00+10:30", "2026-04-05T02:20+10:30"]),
    ("0 0 * * *", "Africa/Cairo", "2026-04-23T10:00Z", ["2026-04-24T01:00+03:00", "2026-04-25T00:00+03:00"]),
    # A whole day that an island left out.
    ("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00Z",
     ["2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00", "2011-12-31T12:00+14:00"]),
    # Leap days, also across 2100, which is no leap year.
    ("0 12 29 2 *", "Europe/Berlin", "2026-01-01T00:00Z", ["2028-02-29T12:00+01:00", "2032-02-29T12:00+01:00"]),
    ("0 12 29 2 *", "UTC", "2096-03-01T00:00Z", ["2104-02-29T12:00+00:00"]),
    ("0 12 L * *", "UTC", "2028-02-01T00:00Z", ["2028-02-29T12:00+00:00", "2028-03-31T12:00+00:00"]),
    # Day of month and day of week without a star: either of them (man 5 crontab).
    ("0 6 13 * FRI", "UTC", "2026-03-01T00:00Z",
     ["2026-03-06T06:00+00:00", "2026-03-13T06:00+00:00", "2026-03-20T06:00+00:00"]),
]  # fmt: skip


@pytest.mark.parametrize(("cron", "zone", "since", "expected"), DOCUMENTED)
def test_the_documented_times(cron: str, zone: str, since: str, expected: list[str]) -> None:
    assert readings(cron, zone, since, len(expected)) == expected


def test_another_zone_is_another_instant() -> None:
    """A schedule that moves from Berlin to New York keeps its time of day."""
    berlin, york = (
        next_after("0 9 * * *", zone, at("2026-07-01T20:00Z")) for zone in ("Europe/Berlin", "America/New_York")
    )
    assert (berlin, york) == (at("2026-07-02T07:00Z"), at("2026-07-02T13:00Z"))


@pytest.mark.parametrize(
    ("cron", "zone", "found"),
    [
        ("0 3 * *", "UTC", "has 4 fields"),
        ("0 0 3 * * *", "UTC", "has 6 fields"),
        ("61 3 * * *", "UTC", "Bad minute"),
        ("0 3 30 2 *", "UTC", "Bad day-of-month"),
        ("*/5 * * 2 MON#5", "UTC", "within nine years"),
        ("0 3 * 2 MON#5", "UTC", "within nine years"),
        ("0 3 * * *", "Europe/Atlantis", "no time zone"),
        ("0 3 * * *", "../../etc/passwd", "no time zone"),
        ("0 3 * * *", "\0", "no time zone"),
        ("0 3 * * *", "localtime", "no time zone"),
    ],
)
def test_times_that_make_no_sense_are_refused(cron: str, zone: str, found: str) -> None:
    with pytest.raises(InvalidSchedule, match=found):
        check_times(cron, zone, at("2026-03-01T00:00Z"))


def field(values: range) -> st.SearchStrategy[str]:
    """A star, a step, a number, a range or a list."""
    number = st.integers(values.start, values.stop - 1)
    return st.one_of(
        st.just("*"),
        st.integers(1, len(values)).map("*/{}".format),
        number.map(str),
        st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}"),
        st.lists(number, min_size=2, max_size=3).map(lambda many: ",".join(map(str, many))),
    )


CRONS = st.tuples(field(range(60)), field(range(24)), st.sampled_from(["*", "*/2", "1-28", "L"]), st.just("*"),
                  st.sampled_from(["*", "MON", "5-6"])).map(" ".join)  # fmt: skip
CHANGES = st.sampled_from([at(text) for text in (
    "2026-03-29T01:00Z", "2026-10-25T01:00Z", "2026-03-08T07:00Z", "2026-11-01T06:00Z", "2026-04-04T15:00Z",
    "2026-10-03T15:30Z", "2026-04-23T22:00Z", "2026-10-29T21:00Z", "2011-12-30T10:00Z", "2026-06-15T12:00Z",
)])  # fmt: skip
"""Clock changes of the zones above, and a day without one."""


@settings(max_examples=150, deadline=None)
@given(
    cron=CRONS,
    zone=st.sampled_from(ZONES),
    change=CHANGES,
    cut=st.integers(0, 24 * 3600 * 1_000_000).map(lambda micros: timedelta(microseconds=micros)),
)
@example("* 2 * * *", "Australia/Lord_Howe", at("2026-04-04T15:00Z"), timedelta(hours=12, seconds=-1))
@example("*/15 0 24 4 *", "Africa/Cairo", at("2026-04-23T22:00Z"), timedelta(hours=12, seconds=-1))
def test_wherever_a_look_ends_nothing_is_lost_or_found_twice(
    cron: str, zone: str, change: datetime, cut: timedelta
) -> None:
    """Schedulers look at odd moments; what they find must not depend on them."""
    start, end = change - timedelta(hours=12), change + timedelta(hours=12)
    whole = between(cron, zone, start, end)
    assert whole == between(cron, zone, start, start + cut) + between(cron, zone, start + cut, end)
    assert all(earlier < later for earlier, later in pairwise(whole))
    assert all(start < one <= end and (one.second, one.microsecond) == (0, 0) for one in whole)


@settings(max_examples=60, deadline=None)
@given(minute=field(range(60)), hour=st.sampled_from(["*", "*/2", "*/5"]), zone=st.sampled_from(ZONES), change=CHANGES)
def test_every_so_often_is_every_matching_minute_on_the_wall(
    minute: str, hour: str, zone: str, change: datetime
) -> None:
    """Counted by hand: each real minute of a day whose reading matches, however the clock jumps."""
    start = change - timedelta(hours=12)
    wanted = set(after_hours(hour))
    matching = {
        one.minute for one in between(f"{minute} * * * *", "UTC", at("2026-01-01T00:00Z"), at("2026-01-01T01:00Z"))
    }
    minutes = (start + timedelta(minutes=number) for number in range(1, 24 * 60 + 1))
    wall = [
        one for one in minutes if (seen := one.astimezone(ZoneInfo(zone))).hour in wanted and seen.minute in matching
    ]
    assert between(f"{minute} {hour} * * *", zone, start, start + timedelta(days=1)) == wall


def after_hours(hour: str) -> range:
    return range(0, 24, int(hour.partition("/")[2] or 1))


def test_a_long_absence_brings_the_latest_times() -> None:
    found = between("* * * * *", "UTC", at("2026-01-01T00:00Z"), at("2026-01-02T00:00Z"), most=10)
    assert found == [at("2026-01-02T00:00Z") - timedelta(minutes=number) for number in range(9, -1, -1)]


@given(st.text(st.characters(codec="ascii"), min_size=1, max_size=20), st.integers(0, 3600), CHANGES)
def test_jitter_is_the_same_for_the_same_occurrence_and_within_bounds(
    schedule: str, seconds: int, due: datetime
) -> None:
    starts = with_jitter(schedule, due, seconds)
    assert due <= starts <= due + timedelta(seconds=seconds)
    assert starts == with_jitter(schedule, due.astimezone(ZoneInfo("Asia/Tokyo")), seconds)


def test_jitter_spreads_schedules() -> None:
    due = at("2026-06-15T12:00Z")
    starts = sorted((with_jitter(f"sch_{number}", due, 3600) - due).total_seconds() for number in range(400))
    assert starts[100] == pytest.approx(900, abs=300)
    assert starts[300] == pytest.approx(2700, abs=300)
