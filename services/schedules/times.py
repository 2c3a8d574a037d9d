"""When a schedule is due: cron in a time zone, with the clock changes that come with one.

As Debian's cron (man 8 cron): a job at a time of day (no star in minute or hour) that a clock change leaves out runs as
soon as the change is over, and one whose time comes twice runs the first time. A job that runs every so often (a star
in minute or hour) follows the real time: at every minute that the clock on the wall shows such a time, also in an hour
that comes twice, and not in one that never comes.

Parsing, and the days that match, are cronsim's; so are the times of the first kind. Those of the second are read off
the zone minute by minute, so that they never depend on where the search began.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from services.errors import InvalidSchedule

MOST = 10_000
"""Occurrences that one look may bring: a scheduler that was away for years must not fill the memory."""

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
HORIZON = 9 * 366 * DAY
"""How far ahead a time is looked for: 29 February is eight years away across 2100."""


def check_times(cron: str, zone: str, now: datetime) -> datetime:
    """The first occurrence after ``now``.

    Raises:
        InvalidSchedule: no cron expression of five fields, an unknown time zone, or a time that never comes.
    """
    found = next_after(cron, zone, now)
    if found is None:
        raise InvalidSchedule(f"{cron!r} does not come within nine years.", "Name a day that exists.")
    return found


def next_after(cron: str, zone: str, instant: datetime) -> datetime | None:
    """The first occurrence after ``instant``, in UTC; ``None`` when none comes within nine years.

    Raises:
        InvalidSchedule: no cron expression of five fields, or an unknown time zone.
    """
    return next(after(cron, zone, instant), None)


def after(cron: str, zone: str, instant: datetime) -> Iterator[datetime]:
    """Occurrences later than ``instant``, oldest first, in UTC; it ends where none comes for nine years.

    Raises:
        InvalidSchedule: no cron expression of five fields, or an unknown time zone.
    """
    place, start = _zone(zone), instant.astimezone(UTC).replace(second=0, microsecond=0)
    simulation = _simulation(cron, start.astimezone(place))
    found = _at_times_of_day(simulation) if _is_time_of_day(cron) else _every_so_often(simulation, place, start)
    previous = instant.astimezone(UTC)
    for occurrence in found:
        if occurrence - previous > HORIZON:
            return
        if occurrence > previous:  # a time of day that came for the second time is no other occurrence
            yield occurrence
            previous = occurrence


def between(cron: str, zone: str, start: datetime, end: datetime, most: int = MOST) -> list[datetime]:
    """Occurrences after ``start`` up to and including ``end``, oldest first; the latest ``most`` if there are more.

    Raises:
        InvalidSchedule: no cron expression of five fields, or an unknown time zone.
    """
    found: list[datetime] = []
    for occurrence in takewhile(lambda one: one <= end, after(cron, zone, start)):
        found.append(occurrence)
        if len(found) > 2 * most:
            del found[:most]
    return found[-most:]


def local(zone: str, instant: datetime) -> datetime:
    """``instant`` as the clock on the wall shows it.

    Raises:
        InvalidSchedule: an unknown time zone.
    """
    return instant.astimezone(_zone(zone))


def with_jitter(schedule_id: str, due: datetime, seconds: int) -> datetime:
    """``due`` up to ``seconds`` later: spread over schedules, yet the same whichever scheduler asks."""
    drawn = hashlib.sha256(f"{schedule_id} {due.astimezone(UTC).isoformat()}".encode()).digest()
    share = int.from_bytes(drawn[:8], "big") / 2**64
    return due + timedelta(seconds=share * seconds)


def _at_times_of_day(simulation: CronSim) -> Iterator[datetime]:
    return (found.astimezone(UTC) for found in simulation)


def _every_so_often(simulation: CronSim, place: ZoneInfo, start: datetime) -> Iterator[datetime]:
    """Every real minute whose reading on the wall matches; whole days that cannot match are passed over."""
    minute, searched = start + MINUTE, start
    while minute - searched <= HORIZON + DAY:
        if not any(_matches_day(simulation, day) for day in _days_until_tomorrow(minute, place)):
            minute = minute.replace(hour=0, minute=0) + DAY
            continue
        reading = minute.astimezone(place)
        if _matches(simulation, reading):
            yield minute
            searched = minute
        minute += MINUTE


def _days_until_tomorrow(minute: datetime, place: ZoneInfo) -> set[date]:
    """Local dates that the rest of the UTC day of ``minute`` touches; clocks change by far less than half a day."""
    tomorrow = minute.replace(hour=0, minute=0) + DAY
    return {(minute + (tomorrow - minute) * share / 2).astimezone(place).date() for share in range(3)}


def _matches(simulation: CronSim, reading: datetime) -> bool:
    at_this_time = reading.minute in simulation.minutes and reading.hour in simulation.hours
    return at_this_time and _matches_day(simulation, reading.date())


def _matches_day(simulation: CronSim, day: date) -> bool:
    return day.month in simulation.months and simulation.match_day(day)


def _is_time_of_day(cron: str) -> bool:
    return not any(field.startswith("*") for field in cron.split()[:2])


def _simulation(cron: str, start: datetime) -> CronSim:
    fields = cron.split()
    if len(fields) != 5:
        detail = f"{cron!r} has {len(fields)} fields."
        raise InvalidSchedule(detail, "Give minute, hour, day of month, month, day of week.")
    try:
        return CronSim(cron, start)
    except CronSimError as error:
        raise InvalidSchedule(f"{cron!r} is no cron expression: {error}.", "See man 5 crontab.") from error


def _zone(zone: str) -> ZoneInfo:
    if zone not in _known_zones():  # also files of the machine's own beside the database, such as localtime
        raise InvalidSchedule(f"{zone!r} is no time zone.", "Give an IANA name, such as Europe/Berlin.")
    return ZoneInfo(zone)


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime"}
