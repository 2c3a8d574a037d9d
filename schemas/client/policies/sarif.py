"""The outcome of a policy as SARIF 2.1.0: code scanning shows each violated rule at its line of the policy file."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from ... import __version__
from ...policies import Outcome, PolicyReport, RuleOutcome

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {Outcome.FAIL: "error", Outcome.INCONCLUSIVE: "warning", Outcome.PASS: "none"}
KINDS = {Outcome.FAIL: "fail", Outcome.INCONCLUSIVE: "review", Outcome.PASS: "pass"}
IDS = {
    "MustIgnore": ("SCOT001", "A feature that must be ignored is not"),
    "MustNotIgnore": ("SCOT002", "A feature that must be used is not"),
    "MaxFlipRate": ("SCOT003", "Too many answers change with a feature"),
    "NoRegression": ("SCOT004", "A verdict turned over since the baseline"),
}


def sarif(report: PolicyReport, policy: PurePath) -> dict[str, Any]:
    """A SARIF log with one result per rule. ``policy``: the file, relative to the root of the repository."""
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver()},
                "results": [_result(report, rule, policy) for rule in report.rules],
                "columnKind": "utf16CodeUnits",
                "properties": {"audit": report.audit, "outcome": report.outcome.value},
            }
        ],
    }


def _driver() -> dict[str, Any]:
    rules = [{"id": number, "shortDescription": {"text": text}} for number, text in IDS.values()]
    return {"name": "scotoma", "semanticVersion": __version__, "rules": rules}


def _result(report: PolicyReport, rule: RuleOutcome, policy: PurePath) -> dict[str, Any]:
    number, _ = IDS[type(rule.rule).__name__]
    location = {
        "artifactLocation": {"uri": policy.as_posix(), "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": rule.line or 1},
    }
    return {
        "ruleId": number,
        "kind": KINDS[rule.outcome],
        "level": LEVELS[rule.outcome],
        "message": {"text": f"{report.classifier} {rule.sentence}: {rule.outcome.value}. {rule.why}"},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"rule/v1": rule.fingerprint},
    }
