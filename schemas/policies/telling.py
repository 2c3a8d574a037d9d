"""What a check says of a rule, and how it finds and words the findings that it rests on."""

from __future__ import annotations

from collections.abc import Iterable

from ..findings import Finding, Verdict
from ..results import AuditResult
from .document import Outcome

Told = tuple[Outcome, str, list[Finding]]
"""What came of a rule, why, and the findings that show it."""

UNDECIDED = frozenset({Verdict.UNDETERMINED, Verdict.UNTRUSTED})


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """A violation before what could not be decided; that before what passed."""
    found = set(outcomes)
    return next((one for one in (Outcome.FAIL, Outcome.INCONCLUSIVE) if one in found), Outcome.PASS)


def find(result: AuditResult, feature: str, tap: str) -> Finding | None:
    """The finding on ``feature`` at ``tap``, where there is one."""
    try:
        return result.finding(feature, tap)
    except KeyError:
        return None


def absent(result: AuditResult, feature: str, tap: str) -> Told:
    """``result`` has no such finding: a misspelt name decides nothing."""
    features = sorted({finding.feature for finding in result.findings})
    known = f"features: {', '.join(features)}" if feature not in features else taps_of(result)
    return Outcome.INCONCLUSIVE, f"audit {result.audit.id} has no finding on {feature!r} at {tap!r} ({known})", []


def taps_of(result: AuditResult) -> str:
    """The names that a rule's ``tap`` can have."""
    return f"taps: {', '.join(one.name for one in result.taps)}"


def said(finding: Finding) -> str:
    """The verdict with its first reason."""
    reason = f": {finding.reasons[0]}" if finding.reasons else ""
    return f"{finding.feature} is {word(finding)} at {finding.tap}{reason}"


def word(finding: Finding) -> str:
    """The verdict in words."""
    return finding.verdict.value.replace("_", " ")
