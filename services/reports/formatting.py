"""Numbers and names for people: percent with sensible digits, intervals with an en dash, names that cannot hurt."""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime

from schemas.results import Estimate

MISSING = "not measured"
SPACE = "\u202f"  # narrow no-break space: a number and its unit stay on one line
NO_BREAK = "\u00a0"
MINUS = "\u2212"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
DIRECTION_OVERRIDES = frozenset({"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"})


def percent(share: float | None) -> str:
    """``share`` as percent: one decimal below 10 % and above 99 %, so that 0.3 % is not 0 % and 99.8 % is not 100 %."""
    return MISSING if share is None or not math.isfinite(share) else f"{_percent_digits(share)}{SPACE}%"


def _percent_digits(share: float) -> str:
    points = abs(100 * share)
    if 0 < points < 0.05:
        return "0" if share < 0 else f"<{SPACE}0.1"
    near_edge = 0.05 <= points < 9.95 or 99 < points < 99.95
    text = f"{points:.1f}" if near_edge else f"{points:.0f}"
    return f"{MINUS}{text}" if share < 0 else text


def in_hundred(share: float) -> str:
    """How many of a hundred: the digits of :func:`percent` alone."""
    return _percent_digits(share) if math.isfinite(share) else "–"


def points(estimate: Estimate | None) -> str:
    """A difference of shares in percentage points, with its sign: ``+61``."""
    if estimate is None or not math.isfinite(estimate.value):
        return MISSING
    digits = _percent_digits(estimate.value)
    return f"+{digits}" if digits[0].isdigit() and digits != "0" else digits


def points_interval(estimate: Estimate) -> str:
    """``57–65``; with ``to`` where a minus sign would stand beside the dash."""
    return percent_interval(estimate).removesuffix(f"{SPACE}%")


def percent_interval(estimate: Estimate) -> str:
    """``0.1–0.7 %``; with ``to`` instead of the dash where a minus sign would stand beside it."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return "interval not measured"
    low, high = _percent_digits(estimate.low), _percent_digits(estimate.high)
    return f"{low}{_between(low, high)}{high}{SPACE}%"


def _between(low: str, high: str) -> str:
    return "–" if low[0].isdigit() and high[0].isdigit() else " to "


def joint_interval(estimate: Estimate) -> str | None:
    """The joint bounds in percent: ``0–1.4 %``; ``None`` where the estimate has none."""
    if estimate.joint_low is None or estimate.joint_high is None:
        return None
    bounds = {"low": estimate.joint_low, "high": estimate.joint_high}
    return percent_interval(estimate.model_copy(update=bounds))


def joint_points(estimate: Estimate) -> str | None:
    """The joint bounds of a difference in percentage points."""
    bounds = joint_interval(estimate)
    return None if bounds is None else bounds.removesuffix(f"{SPACE}%")


def confidence(estimate: Estimate) -> str:
    """``95 % CI 0.1–0.7 %``."""
    return f"{percent(estimate.level)}{NO_BREAK}CI {percent_interval(estimate)}"


def number(value: float | None) -> str:
    """Three significant digits, whole numbers from 1,000 on; very small and very large ones as ``2 × 10⁻⁵``."""
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) < 1e6 and (value == int(value) or abs(value) >= 999.5):
        return f"{round(value):,}".replace("-", MINUS)
    digits, _, exponent = f"{value:.3g}".partition("e")
    power = f"{SPACE}×{SPACE}10{str(int(exponent)).translate(RAISED)}" if exponent else ""
    return digits.replace("-", MINUS) + power


def hundredths(value: float | None) -> str:
    """A score between -1 and 1: ``0.12``; what rounds to nothing is ``0.00`` without a sign."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{round(value, 2) + 0.0:.2f}".replace("-", MINUS)


def number_interval(estimate: Estimate) -> str:
    """``3.1–3.8``."""
    low, high = number(estimate.low), number(estimate.high)
    return f"{low}{_between(low, high)}{high}"


def times(value: float) -> str:
    """A ratio: ``1.2 ×``."""
    return f"{number(float(f'{value:.2g}'))}{SPACE}×" if math.isfinite(value) else "–"


def count(value: int) -> str:
    """``5,000``."""
    return f"{value:,}"


def plural(amount: int, noun: str) -> str:
    """``1 gate``, ``2 gates``."""
    return f"{count(amount)} {noun}{'' if amount == 1 else 's'}"


def size(octets: int) -> str:
    """Bytes in decimal units."""
    value, units = float(octets), ["bytes", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g}{SPACE}{units[0]}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f}{SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest}{SPACE}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{SPACE}h {minutes}{SPACE}min" if hours else f"{minutes}{SPACE}min {rest}{SPACE}s"


def date(moment: datetime) -> str:
    """``22 November 2026, 01:44 UTC``. A moment without a zone is taken as UTC."""
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"


def clean(text: str) -> str:
    """``text`` without what can garble the page around it: control characters and direction overrides show as a box."""
    return "".join("\ufffd" if _unsafe(c) else c for c in text)


def _unsafe(character: str) -> bool:
    category = unicodedata.category(character)
    return category in {"Cc", "Cs", "Zl", "Zp"} or unicodedata.bidirectional(character) in DIRECTION_OVERRIDES


def shorten(text: str, limit: int = 48) -> str:
    """At most ``limit`` characters; the middle gives way, since tensor and file names differ at their ends."""
    text = clean(text)
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 2
    return f"{text[: limit - 1 - tail]}…{text[-tail:]}"


def clip(text: str, limit: int = 800) -> str:
    """At most ``limit`` characters of running text."""
    text = clean(text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
