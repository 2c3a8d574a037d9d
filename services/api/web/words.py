"""Words and shapes of states, ages and times: never colour alone, and never a state that the page does not explain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from schemas.audits import AuditState, StageState
from schemas.policies import Outcome
from schemas.schedules import OccurrenceState
from services.reports.formatting import SPACE, date, duration


@dataclass(frozen=True)
class Word:
    """How a state is shown: a word, the symbol before it, and the tone of both."""

    text: str
    shape: str
    tone: str


STATES: dict[str, Word] = {
    AuditState.QUEUED: Word("waiting", "waiting", "calm"),
    AuditState.RUNNING: Word("running", "running", "busy"),
    AuditState.SUCCEEDED: Word("done", "yes", "good"),
    AuditState.FAILED: Word("failed", "no", "wrong"),
    AuditState.CANCELLED: Word("cancelled", "stopped", "calm"),
}
GATES: dict[str, Word] = {
    Outcome.PASS: Word("gate passed", "yes", "good"),
    Outcome.FAIL: Word("gate failed", "no", "wrong"),
    Outcome.INCONCLUSIVE: Word("gate inconclusive", "undetermined", "calm"),
}
RULES: dict[str, Word] = {
    Outcome.PASS: Word("passed", "yes", "good"),
    Outcome.FAIL: Word("failed", "no", "wrong"),
    Outcome.INCONCLUSIVE: Word("inconclusive", "undetermined", "calm"),
}
STAGE_STATES: dict[str, Word] = {
    StageState.WAITING: Word("waiting", "waiting", "calm"),
    StageState.RUNNING: Word("running", "running", "busy"),
    StageState.DONE: Word("done", "yes", "good"),
    StageState.REUSED: Word("done before", "again", "good"),
    StageState.FAILED: Word("failed", "no", "wrong"),
}
OCCURRENCES: dict[str, Word] = {
    OccurrenceState.WAITING: Word("waiting", "waiting", "calm"),
    OccurrenceState.STARTED: Word("running", "running", "busy"),
    OccurrenceState.SUCCEEDED: Word("done", "yes", "good"),
    OccurrenceState.FAILED: Word("failed", "no", "wrong"),
    OccurrenceState.CANCELLED: Word("cancelled", "stopped", "calm"),
    OccurrenceState.SKIPPED: Word("left out", "stopped", "calm"),
    OccurrenceState.MISSED: Word("missed", "untrusted", "wrong"),
}
MESSAGES: dict[str, str] = {
    "signed-in": "You are signed in.",
    "signed-out": "You are signed out.",
    "cancelled": "The audit was told to stop.",
    "revoked": "The key is revoked. It stopped working at once, and so did its sessions.",
    "paused": "The schedule is paused. Nothing starts by itself until you resume it.",
    "resumed": "The schedule is resumed.",
    "triggered": "An occurrence is due now. Its audit starts within seconds.",
    "started": "The audit is queued.",
    "compared": "The comparison is queued.",
}
"""What a page says after something was done; the address names the message, and never holds its text."""


def age(then: datetime, now: datetime | None = None) -> str:
    """``just now``, ``5 min ago``, ``in 3 h``, ``2 days ago``; the day itself from two weeks on."""
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    distance = _distance(abs(seconds))
    if distance is None:
        return f"{then.astimezone(UTC):%Y-%m-%d}"
    if not distance:
        return "just now" if seconds >= 0 else "in a moment"
    return f"{distance} ago" if seconds >= 0 else f"in {distance}"


def _distance(seconds: float) -> str | None:
    """In the largest unit that is not too coarse; empty below a minute, ``None`` beyond two weeks."""
    if seconds < 60:
        return ""
    if seconds < 3600:
        return f"{int(seconds // 60)}{SPACE}min"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)}{SPACE}h"
    return f"{int(seconds // 86400)} days" if seconds < 14 * 86400 else None


def moment(then: datetime) -> Markup:
    """A ``<time>`` that says how long ago, and exactly when to those who ask."""
    exact = then.astimezone(UTC).isoformat(timespec="seconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, date(then), age(then))


def span(began: datetime | None, ended: datetime | None) -> str:
    """How long something took, or has taken until now."""
    if began is None:
        return "not begun"
    return duration(((ended or datetime.now(UTC)) - began).total_seconds())
