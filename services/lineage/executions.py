"""What an audit checked, as test executions of OpenLineage: its gates and controls, the rules of its policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.policies import Outcome, PolicyReport, RuleOutcome
from schemas.results import AuditResult, Finding, Verdict

Execution = dict[str, Any]

STATUS = {Outcome.PASS: "pass", Outcome.FAIL: "fail", Outcome.INCONCLUSIVE: "skip"}
"""What could not be decided was not tested: it passes nothing."""
UNDECIDED = frozenset({Verdict.UNDETERMINED, Verdict.UNTRUSTED})
OUTPUT = "logits"


def executions(result: AuditResult) -> list[Execution]:
    """One test per rule of a policy and per gate and control; where there is no policy, one per finding at the answer.

    A finding without a policy is neither good nor bad: what is tested is whether the audit could decide.
    """
    made = [*_checks(result)]
    for report in result.policies:
        made += [_rule(report, rule) for rule in report.rules]
    if not result.policies:
        made += [_finding(finding) for finding in result.findings if finding.tap == OUTPUT]
    return made


def _rule(report: PolicyReport, rule: RuleOutcome) -> Execution:
    return {
        "name": f"{report.policy}: {rule.sentence}",
        "status": STATUS[rule.outcome],
        "severity": "error",
        "type": "policy",
        "expected": rule.sentence,
        "actual": rule.why,
        "params": {"outcome": rule.outcome, "fingerprint": rule.fingerprint},
    }


def _finding(finding: Finding) -> Execution:
    return {
        "name": f"{finding.feature} at {finding.tap}: decided",
        "status": "skip" if finding.verdict in UNDECIDED else "pass",
        "severity": "warn",
        "type": "finding",
        "description": "Whether the audit could decide what the classifier makes of the feature.",
        "actual": str(finding.verdict),
    }


def _checks(result: AuditResult) -> Iterator[Execution]:
    for gate in result.gates:
        expected = "" if gate.threshold is None else f"threshold {gate.threshold:g}"
        yield _check("gate", gate.name, gate.passed, expected, gate.value, gate.detail)
    for control in result.controls:
        yield _check("control", control.name, control.passed, control.expected, control.value, control.detail)


def _check(kind: str, name: str, passed: bool, expected: str, value: float | None, detail: str) -> Execution:
    made = {"name": f"{kind}: {name}", "status": "pass" if passed else "fail", "severity": "warn", "type": kind}
    told = {"expected": expected, "actual": "" if value is None else f"{value:g}", "description": detail}
    return made | {key: text for key, text in told.items() if text}
