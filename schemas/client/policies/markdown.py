"""The outcome of a policy in Markdown: a job summary for a pull request, and a fragment of a model card."""

from __future__ import annotations

import re

from ...policies import Outcome, PolicyReport
from ...results import AuditResult, Estimate, Verdict

SIGNS = {Outcome.PASS: "✅", Outcome.FAIL: "❌", Outcome.INCONCLUSIVE: "❔"}
SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~&@-])")
WORDS = {
    Verdict.IGNORED: "Ignored",
    Verdict.ENCODED_UNUSED: "Encoded, yet no answer changes with it",
    Verdict.USED: "Used",
    Verdict.UNDETERMINED: "Undetermined",
    Verdict.UNTRUSTED: "Untrusted: the evidence may not be believed",
}


def job_summary(report: PolicyReport) -> str:
    """A table of the rules, worst first."""
    order = [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS]
    rows = [
        f"| {SIGNS[rule.outcome]} {rule.outcome.value} | {escaped(rule.sentence)} | {escaped(rule.why)} |"
        for rule in sorted(report.rules, key=lambda rule: order.index(rule.outcome))
    ]
    counts = ", ".join(f"{report.count(outcome)} {outcome.value}" for outcome in order if report.count(outcome))
    return "\n".join([
        f"## {SIGNS[report.outcome]} Policy {escaped(report.policy)}: {report.outcome.value}", "",
        f"{escaped(report.classifier)} on {escaped(report.dataset)}, audit `{report.audit}`: {counts}.", "",
        "| | Rule | Finding |", "|---|---|---|", *rows, "",
    ])  # fmt: skip


def model_card(result: AuditResult, report: PolicyReport | None = None) -> str:
    """The section "What the model ignores" of a model card: verdicts at the decision, and what they do not say."""
    rows = [
        f"| {escaped(one.feature)} | {WORDS[one.verdict]} | {_shown(one.retention.predictive)} |"
        f" {_shown(one.effect.flip_rate)} |"
        for one in sorted(result.findings, key=lambda one: (list(WORDS).index(one.verdict), one.feature))
        if one.tap == "logits"
    ]
    checked = [] if report is None else [f"Policy {escaped(report.policy)}: **{report.outcome.value}**.", ""]
    return "\n".join([
        "## What the model ignores", "",
        f"Audited with Scotoma {result.audit.versions.get('scotoma', '')} on {escaped(result.dataset.name)}"
        f" ({result.dataset.images:,} references), {result.audit.finished_at:%Y-%m-%d}, audit `{result.audit.id}`.",
        f"Model SHA-256 `{result.classifier.digest}`.", "", *checked,
        "| Feature | Verdict | Kept at the decision | Answers that change with it |", "|---|---|---|---|", *rows, "",
        "### Limits", "", *(f"- {escaped(limit)}" for limit in result.limits), "",
    ])  # fmt: skip


def escaped(text: str) -> str:
    """``text`` of a stranger as Markdown that shows it and means nothing else; on one line."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _shown(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"
