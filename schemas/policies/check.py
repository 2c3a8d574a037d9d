"""Checks a policy against the result of an audit. Pure: the same policy and results, the same answer.

What the audit could not decide is inconclusive, also where the rule names a feature or a tap that the audit does not
have: a misspelt name must not turn a gate green.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch

from ..findings import Estimate, Finding, Verdict
from ..results import AuditResult
from .document import (
    MaxFlipRate,
    MustIgnore,
    MustNotIgnore,
    NoRegression,
    Outcome,
    Policy,
    PolicyReport,
    Rule,
    RuleOutcome,
)

Baselines = Mapping[str, AuditResult]
Told = tuple[Outcome, str, list[Finding]]

UNDECIDED = frozenset({Verdict.UNDETERMINED, Verdict.UNTRUSTED})
NO_EFFECT = frozenset({Verdict.IGNORED, Verdict.ENCODED_UNUSED})


def check(
    policy: Policy, result: AuditResult, baselines: Baselines | None = None, lines: Sequence[int] | None = None
) -> PolicyReport:
    """What becomes of every rule of ``policy``.

    Args:
        policy: the document.
        result: the audit.
        baselines: earlier results by the names that rules give them.
        lines: of the rules in the policy file, from 1.
    """
    places = list(lines) if lines is not None else [None] * len(policy.rules)
    rules = [_outcome(rule, result, baselines or {}, line) for rule, line in zip(policy.rules, places, strict=True)]
    return PolicyReport(
        policy=policy.name,
        outcome=_worst([rule.outcome for rule in rules]),
        audit=result.audit.id,
        classifier=result.classifier.name,
        classifier_digest=result.classifier.digest,
        dataset=result.dataset.name,
        rules=rules,
    )


def _worst(outcomes: Sequence[Outcome]) -> Outcome:
    for outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE):
        if outcome in outcomes:
            return outcome
    return Outcome.PASS


def _outcome(rule: Rule, result: AuditResult, baselines: Baselines, line: int | None) -> RuleOutcome:
    outcome, why, findings = _judge(rule, result, baselines)
    return RuleOutcome(rule=rule, sentence=rule.sentence, outcome=outcome, why=why, findings=findings, line=line)


@singledispatch
def _judge(rule: Rule, result: AuditResult, baselines: Baselines) -> Told:
    raise TypeError(f"no check of {type(rule).__name__} against {result.audit.id} and {len(baselines)} baselines")


@_judge.register
def _(rule: MustIgnore, result: AuditResult, baselines: Baselines) -> Told:
    del baselines
    finding = _find(result, rule.must_ignore, rule.tap)
    if finding is None:
        return _absent(result, rule.must_ignore, rule.tap)
    outcome, why = _ignored(finding, rule.encoded == "passes")
    if outcome is Outcome.PASS and rule.retention is not None:
        outcome, why = _kept(finding, rule.retention)
    return outcome, why, [finding]


@_judge.register
def _(rule: MustNotIgnore, result: AuditResult, baselines: Baselines) -> Told:
    del baselines
    finding = _find(result, rule.must_not_ignore, rule.tap)
    if finding is None:
        return _absent(result, rule.must_not_ignore, rule.tap)
    if finding.verdict is Verdict.USED:
        return Outcome.PASS, _said(finding), [finding]
    outcome = Outcome.INCONCLUSIVE if finding.verdict in UNDECIDED else Outcome.FAIL
    return outcome, _said(finding), [finding]


@_judge.register
def _(rule: MaxFlipRate, result: AuditResult, baselines: Baselines) -> Told:
    del baselines
    finding = _find(result, rule.feature, "logits")
    if finding is None:
        return _absent(result, rule.feature, "logits")
    if finding.verdict is Verdict.UNTRUSTED:
        return Outcome.INCONCLUSIVE, _said(finding), [finding]
    rates = [effect.flip_rate for effect in (finding.effect, *finding.other_effects) if effect.flip_rate is not None]
    if not rates:
        return Outcome.INCONCLUSIVE, f"nobody could change {rule.feature} alone: there is no flip rate", [finding]
    outcome, why = _below(rates, rule.max_flip_rate, "flip rate")
    return outcome, why, [finding]


@_judge.register
def _(rule: NoRegression, result: AuditResult, baselines: Baselines) -> Told:
    baseline = baselines.get(rule.no_regression_against)
    if baseline is None:
        return Outcome.INCONCLUSIVE, f"no result was given for the baseline {rule.no_regression_against!r}", []
    names = rule.features or [finding.feature for finding in baseline.findings if finding.tap == rule.tap]
    told = [_regression(name, rule, baseline, result) for name in dict.fromkeys(names)]
    worst = _worst([outcome for outcome, _, _ in told])
    whys = [why for outcome, why, _ in told if outcome is worst and why]
    findings = [finding for outcome, _, found in told if outcome is worst is not Outcome.PASS for finding in found]
    return worst, "; ".join(whys) or f"{len(told)} features came out as before", findings


def _regression(name: str, rule: NoRegression, baseline: AuditResult, result: AuditResult) -> Told:
    """A decided verdict of the baseline must neither turn over nor be lost."""
    before, now = _find(baseline, name, rule.tap), _find(result, name, rule.tap)
    if before is None:
        return _absent(baseline, name, rule.tap)
    if not _can_regress(before, rule):
        return Outcome.PASS, "", []
    if now is None:
        return _absent(result, name, rule.tap)
    said = f"{name} was {_word(before)} and is {_word(now)}"
    if now.verdict in UNDECIDED:
        return Outcome.INCONCLUSIVE, said, [now]
    turned = (before.verdict in NO_EFFECT) != (now.verdict in NO_EFFECT)
    return (Outcome.FAIL, said, [now]) if turned else (Outcome.PASS, "", [now])


def _can_regress(before: Finding, rule: NoRegression) -> bool:
    """Whether the baseline decided, and the other way round would count."""
    if before.verdict in UNDECIDED:
        return False
    return rule.became == "either" or (rule.became == "used") == (before.verdict in NO_EFFECT)


def _ignored(finding: Finding, encoded_passes: bool) -> tuple[Outcome, str]:
    if finding.verdict in UNDECIDED:
        return Outcome.INCONCLUSIVE, _said(finding)
    passes = finding.verdict is Verdict.IGNORED or (encoded_passes and finding.verdict is Verdict.ENCODED_UNUSED)
    return (Outcome.PASS if passes else Outcome.FAIL), _said(finding)


def _kept(finding: Finding, most: float) -> tuple[Outcome, str]:
    known = [one for one in (finding.retention.generative, finding.retention.predictive) if one is not None]
    if not known:
        return Outcome.INCONCLUSIVE, f"how much of {finding.feature} is kept was not measured"
    return _below(known, most, "retention")


def _below(estimates: Sequence[Estimate], most: float, what: str) -> tuple[Outcome, str]:
    """Whether every estimate is shown to be at most ``most``, by the bounds that hold over the whole audit."""
    highest = max(estimates, key=_high)
    words = f"{what} {highest.value:.3g} ({_low(highest):.3g} to {_high(highest):.3g}), limit {most:.3g}"
    if all(_high(one) <= most for one in estimates):
        return Outcome.PASS, words
    return (Outcome.FAIL if any(_low(one) > most for one in estimates) else Outcome.INCONCLUSIVE), words


def _low(estimate: Estimate) -> float:
    return estimate.low if estimate.joint_low is None else estimate.joint_low


def _high(estimate: Estimate) -> float:
    return estimate.high if estimate.joint_high is None else estimate.joint_high


def _find(result: AuditResult, feature: str, tap: str) -> Finding | None:
    try:
        return result.finding(feature, tap)
    except KeyError:
        return None


def _absent(result: AuditResult, feature: str, tap: str) -> Told:
    features = sorted({finding.feature for finding in result.findings})
    taps = [one.name for one in result.taps]
    known = f"features: {', '.join(features)}" if feature not in features else f"taps: {', '.join(taps)}"
    return Outcome.INCONCLUSIVE, f"audit {result.audit.id} has no finding on {feature!r} at {tap!r} ({known})", []


def _said(finding: Finding) -> str:
    reason = f": {finding.reasons[0]}" if finding.reasons else ""
    return f"{finding.feature} is {_word(finding)} at {finding.tap}{reason}"


def _word(finding: Finding) -> str:
    return finding.verdict.value.replace("_", " ")
