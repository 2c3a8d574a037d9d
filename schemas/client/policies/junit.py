"""The outcome of a policy as JUnit XML: one test case per rule, so that every CI shows it."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

from ...policies import Outcome, PolicyReport, RuleOutcome
from ...results import Estimate, Finding

UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold at all, escaped or not."""


def junit(report: PolicyReport) -> bytes:
    """JUnit XML, UTF-8. A violated rule is a failure; an inconclusive one is an error: neither passes silently."""
    suite = Xml.Element(
        "testsuite", name=_text(f"scotoma policy {report.policy}"), tests=str(len(report.rules)),
        failures=str(report.count(Outcome.FAIL)), errors=str(report.count(Outcome.INCONCLUSIVE)), skipped="0",
    )  # fmt: skip
    about = {"audit": report.audit, "classifier": report.classifier, "classifier.sha256": report.classifier_digest,
             "dataset": report.dataset}  # fmt: skip
    _properties(suite, about)
    for rule in report.rules:
        _case(suite, report, rule)
    root = Xml.Element("testsuites")
    root.append(suite)
    Xml.indent(root)
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True))


def _case(suite: Xml.Element, report: PolicyReport, rule: RuleOutcome) -> None:
    case = Xml.SubElement(suite, "testcase", classname=_text(report.policy), name=_text(rule.sentence))
    _properties(case, _numbers(rule.findings))
    if rule.outcome is not Outcome.PASS:
        tag = "failure" if rule.outcome is Outcome.FAIL else "error"
        Xml.SubElement(case, tag, type=rule.outcome.value, message=_text(rule.why)).text = _text(rule.why)


def _numbers(findings: list[Finding]) -> dict[str, str]:
    told = {}
    for finding in findings:
        place = f"{finding.feature} at {finding.tap}"
        told[f"{place}: verdict"] = finding.verdict.value
        told[f"{place}: flip rate"] = _number(finding.effect.flip_rate)
        told[f"{place}: retention"] = _number(finding.retention.predictive)
    return {name: value for name, value in told.items() if value}


def _number(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{estimate.value:.6g} [{estimate.low:.6g}, {estimate.high:.6g}]"


def _properties(parent: Xml.Element, values: dict[str, str]) -> None:
    if values:
        inside = Xml.SubElement(parent, "properties")
        for name, value in values.items():
            Xml.SubElement(inside, "property", name=_text(name), value=_text(value))


def _text(text: str) -> str:
    return UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
