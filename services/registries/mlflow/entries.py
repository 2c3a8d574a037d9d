"""What an audit comes to in MLflow's words: metrics, parameters and tags. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, count

from schemas.results import AuditResult, Estimate, Finding
from services.reports.sentences import headline_retention

OUTPUT = "logits"
LONGEST_KEY, LONGEST_VALUE = 250, 5000
"""Characters that every version of MLflow 2 and 3 takes."""


def metrics(result: AuditResult) -> dict[str, float]:
    """Per feature, at the answer: share of answers that it flips and share of it that is retained, each with its
    interval; and how often each verdict was drawn, there too.
    """
    found = [finding for finding in result.findings if finding.tap == OUTPUT]
    values = {f"audit/verdicts/{verdict}": float(n) for verdict, n in Counter(one.verdict for one in found).items()}
    values["audit/gates_failed"] = float(sum(not gate.passed for gate in result.gates))
    values["audit/controls_failed"] = float(sum(not control.passed for control in result.controls))
    for name, finding in zip(_names(found), found, strict=True):
        values.update(_measured("flip_rate", name, finding.effect.flip_rate if finding.effect.alone else None))
        values.update(_measured("retention", name, headline_retention(finding.retention)))
    return {key: value for key, value in values.items() if math.isfinite(value)}


def params(result: AuditResult) -> dict[str, str]:
    """What makes the numbers comparable with others."""
    told = {
        "audit.dataset": result.dataset.name,
        "audit.dataset_digest": result.dataset.digest,
        "audit.model_digest": result.classifier.digest,
        "audit.profile": result.audit.profile,
        "audit.seed": str(result.audit.seed),
        "audit.policy": ", ".join(policy.policy for policy in result.policies),
    }
    return {key: value[:LONGEST_VALUE] for key, value in told.items() if value}


def verdict(result: AuditResult, gate: str | None) -> str:
    """What came of the policy; without one, how often each verdict was drawn at the answer: ``2 ignored, 1 used``."""
    counts = Counter(finding.verdict for finding in result.findings if finding.tap == OUTPUT)
    return gate or ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items())) or "no finding"


def _measured(what: str, name: str, estimate: Estimate | None) -> dict[str, float]:
    if estimate is None:
        return {}
    ends = {"": estimate.value, "_low": estimate.low, "_high": estimate.high}
    return {f"audit/{what}{end}/{name}": value for end, value in ends.items()}


def _names(findings: list[Finding]) -> Iterator[str]:
    """Names of the findings' features as MLflow takes them in a key, all different."""
    taken: set[str] = set()
    for finding in findings:
        told = re.sub(r"[^A-Za-z0-9_\- ]", "_", finding.feature)[: LONGEST_KEY - 40].strip() or "_"
        name = next(name for name in chain([told], (f"{told}_{n}" for n in count(2))) if name not in taken)
        taken.add(name)
        yield name
