"""Checks a policy against the result of an audit. Pure: the same policy and results, the same answer.

What the audit could not decide is inconclusive, also where the rule names a feature or a tap that the audit does not
have, or where nothing could be compared: a misspelt name must not turn a gate green.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch

from ..findings import Finding, Verdict
from ..results import AuditResult
from .document import (
    LOGITS,
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
from .limits import flips_at_most, keeps_at_most
from .regression import regressed
from .telling import UNDECIDED, Told, absent, find, said, worst

Baselines = Mapping[str, AuditResult]


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
        outcome=worst(rule.outcome for rule in rules),
        audit=result.audit.id,
        classifier=result.classifier.name,
        classifier_digest=result.classifier.digest,
        dataset=result.dataset.name,
        rules=rules,
    )


def _outcome(rule: Rule, result: AuditResult, baselines: Baselines, line: int | None) -> RuleOutcome:
    outcome, why, findings = _judge(rule, result, baselines)
    return RuleOutcome(rule=rule, sentence=rule.sentence, outcome=outcome, why=why, findings=findings, line=line)


@singledispatch
def _judge(rule: Rule, result: AuditResult, baselines: Baselines) -> Told:
    raise TypeError(f"no check of {type(rule).__name__} against {result.audit.id} and {len(baselines)} baselines")


@_judge.register
def _(rule: MustIgnore, result: AuditResult, baselines: Baselines) -> Told:
    del baselines
    finding = find(result, rule.must_ignore, rule.tap)
    if finding is None:
        return absent(result, rule.must_ignore, rule.tap)
    outcome, why = _ignored(finding, rule.encoded == "passes")
    if outcome is Outcome.PASS and rule.retention is not None:
        outcome, why = keeps_at_most(finding, rule.retention)
    return outcome, why, [finding]


@_judge.register
def _(rule: MustNotIgnore, result: AuditResult, baselines: Baselines) -> Told:
    del baselines
    finding = find(result, rule.must_not_ignore, rule.tap)
    if finding is None:
        return absent(result, rule.must_not_ignore, rule.tap)
    if finding.verdict is Verdict.USED:
        return Outcome.PASS, said(finding), [finding]
    outcome = Outcome.INCONCLUSIVE if finding.verdict in UNDECIDED else Outcome.FAIL
    return outcome, said(finding), [finding]


@_judge.register
def _(rule: MaxFlipRate, result: AuditResult, baselines: Baselines) -> Told:
    del baselines
    finding = find(result, rule.feature, LOGITS)
    if finding is None:
        return absent(result, rule.feature, LOGITS)
    outcome, why = flips_at_most(finding, rule.max_flip_rate)
    return outcome, why, [finding]


@_judge.register
def _(rule: NoRegression, result: AuditResult, baselines: Baselines) -> Told:
    baseline = baselines.get(rule.no_regression_against)
    if baseline is None:
        return Outcome.INCONCLUSIVE, f"no result was given for the baseline {rule.no_regression_against!r}", []
    return regressed(rule, baseline, result)


def _ignored(finding: Finding, encoded_passes: bool) -> tuple[Outcome, str]:
    if finding.verdict in UNDECIDED:
        return Outcome.INCONCLUSIVE, said(finding)
    passes = finding.verdict is Verdict.IGNORED or (encoded_passes and finding.verdict is Verdict.ENCODED_UNUSED)
    return (Outcome.PASS if passes else Outcome.FAIL), said(finding)
