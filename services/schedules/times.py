"""When a schedule is due: cron in a time zone, with the clock changes that come with one.

The arithmetic is cronsim's, which follows Debian's cron. Jobs at a time of day that a clock change leaves out run as
soon as it is over; times that occur twice run once. Jobs with a star in minute or hour (every so often) follow the real
time: they run in each of the two hours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from services.errors import InvalidSchedule

MOST = 10_000
"""Occurrences that one look may bring: a scheduler that was away for years must not fill the memory."""


def check_times(cron: str, zone: str, now: datetime) -> datetime:
    """The first occurrence after ``now``.

    Raises:
        InvalidSchedule: no cron expression of five fields, an unknown time zone, or a time that never comes.
    """
    try:
        return next(after(cron, zone, now))
    except StopIteration:
        raise InvalidSchedule(f"{cron!r} never comes", "Name a day that exists.") from None


def after(cron: str, zone: str, instant: datetime) -> Iterator[datetime]:
    """Occurrences later than ``instant``, oldest first, in UTC, without end.

    Raises:
        InvalidSchedule: no cron expression of five fields, or an unknown time zone.
    """
    previous = instant.astimezone(UTC)
    for local in _simulation(cron, zone, instant):
        found = local.astimezone(UTC)
        if found > previous:  # a time that a clock change repeats is one occurrence
            yield found
            previous = found


def between(cron: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """Occurrences after ``start`` up to and including ``end``, oldest first; the latest ones where there are too many.

    Raises:
        InvalidSchedule: no cron expression of five fields, or an unknown time zone.
    """
    found: list[datetime] = []
    for occurrence in takewhile(lambda one: one <= end, after(cron, zone, start)):
        found.append(occurrence)
        if len(found) > 2 * MOST:
            del found[:MOST]
    return found[-MOST:]


def with_jitter(schedule_id: str, due: datetime, seconds: int) -> datetime:
    """``due`` up to ``seconds`` later: spread over schedules, yet the same whichever scheduler asks."""
    drawn = hashlib.sha256(f"{schedule_id} {due.astimezone(UTC).isoformat()}".encode()).digest()
    share = int.from_bytes(drawn[:8], "big") / 2**64
    return due + timedelta(seconds=share * seconds)


def _simulation(cron: str, zone: str, instant: datetime) -> CronSim:
    if len(cron.split()) != 5:
        raise InvalidSchedule(
            f"{cron!r} has {len(cron.split())} fields", "Give minute, hour, day of month, month, day of week."
        )
    try:
        return CronSim(cron, instant.astimezone(ZoneInfo(zone)))
    except CronSimError as error:
        raise InvalidSchedule(f"{cron!r} is no cron expression: {error}", "See man 5 crontab.") from error
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidSchedule(f"{zone!r} is no time zone", "Give an IANA name, such as Europe/Berlin.") from error
