"""Schedules, their times and what became of them, for terminals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..schedules import Occurrence, Schedule, Upcoming
from .session import table
from .terminal import plain, printable

UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def schedule_table(items: list[Schedule]) -> Table:
    """Schedules in columns."""
    made = table("Id", "State", "Next", "Times", "Zone", "Name")
    for item in items:
        state = "active" if item.paused_at is None else "paused"
        made.add_row(item.id, state, _next(item), plain(item.cron), plain(item.zone), plain(item.name))
    return made


def schedule_details(item: Schedule) -> RenderableType:
    """One schedule in lines."""
    made = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    for label, value in _facts(item):
        made.add_row(label, plain(value))
    return made


def upcoming_table(zone: str, items: list[Upcoming], relative: bool = True) -> RenderableType:
    """Next times on the wall and in UTC; where the offset is another than before, the clock has changed.

    ``relative``: with how far away they are.
    """
    made = table("Local", "UTC", *([""] if relative else []), "")
    before: timedelta | None = None
    for item in items:
        offset = item.local.utcoffset()
        changed = "clock change" if before is not None and offset != before else ""
        away = [until(item.due_at)] if relative else []
        made.add_row(f"{item.local:%a %Y-%m-%d %H:%M %z}", f"{item.due_at:%Y-%m-%d %H:%M}", *away, changed)
        before = offset
    heading = Text.assemble("Next times in ", (printable(zone), "bold"))
    return Group(heading, made if items else plain("none"))


def occurrence_table(items: list[Occurrence]) -> RenderableType:
    """What became of times."""
    if not items:
        return Padding(plain("Nothing was due yet."), (1, 0, 0, 0))
    made = table("Due (UTC)", "Why", "State", "Audit", "")
    for item in items:
        made.add_row(f"{item.due_at:%Y-%m-%d %H:%M}", item.kind, item.state, item.audit or "", plain(item.detail))
    return Padding(made, (1, 0, 0, 0))


def until(instant: datetime, now: datetime | None = None) -> str:
    """How far away, in the largest unit that fits: ``in 3 hours``."""
    left = int((instant - (now or datetime.now(UTC))).total_seconds())
    for unit, size in UNITS:
        if abs(left) >= size:
            many = abs(left) // size
            text = f"{many} {unit}{'' if many == 1 else 's'}"
            return f"in {text}" if left > 0 else f"{text} ago"
    return "now"


def _next(item: Schedule) -> str:
    return "" if item.next_at is None else until(item.next_at)


def _facts(item: Schedule) -> list[tuple[str, str]]:
    audited = item.classifier or f"the newest ready classifier named {item.classifier_name}"
    facts = [
        ("Schedule", f"{item.name} ({item.id}, revision {item.revision})"),
        ("Times", f"{item.cron}, {item.zone}"),
        ("Audits", f"{audited} on {item.dataset}, profile {item.config.profile}"),
        ("Overlap", item.overlap),
        ("Catch-up", f"{item.catch_up}, up to {timedelta(seconds=item.catch_up_window)}"),
        ("Failures", f"{item.failures} in a row; paused after {item.pause_after or 'none'}"),
    ]
    if item.policy is not None:
        facts.append(("Policy", item.policy if item.baseline is None else f"{item.policy}, baseline {item.baseline}"))
    if item.paused_at is not None:
        facts.append(("Paused", f"{item.paused_at:%Y-%m-%d %H:%M} UTC: {item.paused_because}"))
    return facts
