"""A result against a baseline: no decided verdict may have turned over or been lost."""

from __future__ import annotations

from collections import defaultdict

from ..findings import FeatureSource, Finding, Verdict
from ..results import AuditResult
from .document import NoRegression, Outcome
from .telling import UNDECIDED, Told, absent, find, taps_of, word, worst

NO_EFFECT = frozenset({Verdict.IGNORED, Verdict.ENCODED_UNUSED})


def regressed(rule: NoRegression, baseline: AuditResult, result: AuditResult) -> Told:
    """What became of the baseline's decided verdicts; where none could be compared, nothing was shown."""
    unfit = _unfit(baseline, result)
    names = rule.features or [finding.feature for finding in baseline.findings if finding.tap == rule.tap]
    if not unfit and not names:
        unfit = f"the baseline {baseline.audit.id} has no finding at {rule.tap!r} ({taps_of(baseline)})"
    if unfit:
        return Outcome.INCONCLUSIVE, unfit, []
    told, left = _compared(list(dict.fromkeys(names)), rule, baseline, result)
    outcome = worst(one for one, _, _ in told)
    if outcome is Outcome.PASS:
        return (Outcome.PASS if told else Outcome.INCONCLUSIVE), _counted(len(told), left), []
    broken = [one for one in told if one[0] is outcome]
    findings = [finding for _, _, found in broken for finding in found]
    return outcome, "; ".join(why for _, why, _ in broken), findings


def _unfit(baseline: AuditResult, result: AuditResult) -> str:
    """Why the two cannot be compared at all."""
    if baseline.audit.id == result.audit.id:
        return f"the baseline is the audit {result.audit.id} itself"
    if baseline.dataset.canonical_digest != result.dataset.canonical_digest:
        names = f"{baseline.dataset.name} ({baseline.audit.id}), {result.dataset.name} ({result.audit.id})"
        return f"the baseline was audited on other references, which may answer otherwise: {names}"
    return ""


def _compared(
    names: list[str], rule: NoRegression, baseline: AuditResult, result: AuditResult
) -> tuple[list[Told], dict[str, list[str]]]:
    """What came of each feature, and the names of those that could not be compared, by the reason."""
    found = {one.name for of in (baseline, result) for one in of.features if one.source is FeatureSource.DISCOVERED}
    told, left = list[Told](), defaultdict[str, list[str]](list)
    for name in names:
        before = find(baseline, name, rule.tap)
        if before is None:
            told.append(absent(baseline, name, rule.tap))
        elif name in found:
            left["discovered by one audit, not the same thing in another"].append(name)
        elif reason := _incomparable(before, rule):
            left[reason].append(name)
        else:
            told.append(_turned(before, find(result, name, rule.tap), result))
    return told, left


def _incomparable(before: Finding, rule: NoRegression) -> str:
    """Why the baseline's verdict cannot turn over in the way that the rule asks about; empty where it can."""
    if before.verdict in UNDECIDED:
        return "not decided by the baseline"
    possible = rule.became == "either" or (rule.became == "used") == (before.verdict in NO_EFFECT)
    return "" if possible else f"{rule.became} before already"


def _turned(before: Finding, now: Finding | None, result: AuditResult) -> Told:
    """A decided verdict of the baseline must neither turn over nor be lost."""
    if now is None:
        return absent(result, before.feature, before.tap)
    words = f"{before.feature} was {word(before)} and is {word(now)}"
    if now.verdict in UNDECIDED:
        return Outcome.INCONCLUSIVE, words, [now]
    turned = (before.verdict in NO_EFFECT) != (now.verdict in NO_EFFECT)
    return (Outcome.FAIL if turned else Outcome.PASS), words, [now]


def _counted(compared: int, left: dict[str, list[str]]) -> str:
    features = "1 feature" if compared == 1 else f"{compared} features"
    first = f"{features} came out as before" if compared else "nothing could be compared"
    return "; ".join([first, *(f"{len(names)} {why}: {', '.join(names)}" for why, names in left.items())])
