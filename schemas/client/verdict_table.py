"""The verdicts of an audit as a table for terminals. It fits 80 columns and reads without colour, too."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..results import AuditResult, Estimate, Finding, Verdict
from .policy_table import policy_table
from .terminal import plain, printable

LOOK: dict[Verdict, tuple[str, str]] = {
    Verdict.IGNORED: ("○", "cyan"),
    Verdict.USED: ("●", "bold yellow"),
    Verdict.ENCODED_UNUSED: ("◐", "blue"),
    Verdict.UNDETERMINED: ("?", "bright_black"),
    Verdict.UNTRUSTED: ("!", "bold red"),
}
"""Sign and colour of each verdict: the sign alone tells them apart."""

POSE = "↻"
"""Sign of what is encoded as pose alone and unused."""

ORDER = list(LOOK)
NAME_WIDTH = 20
LOGITS = "logits"


def verdict_table(result: AuditResult, tap: str = LOGITS) -> RenderableType:
    """What the classifier ignores and uses at ``tap``, feature by feature, with figures and reasons.

    Args:
        result: the audit's answer.
        tap: where to look; the default is the decision itself.
    """
    gates = [policy_table(report) for report in result.policies]
    parts: list[RenderableType] = [*gates, _heading(result, tap), _table(result, tap)]
    if len(result.taps) > 1:
        parts.append(tap_map(result))
    parts.append(_footnote(result))
    return Group(*parts)


def tap_map(result: AuditResult) -> RenderableType:
    """Every feature at every tap as one sign, early layers left, the decision right."""
    taps = sorted(result.taps, key=lambda tap: tap.depth)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(width=NAME_WIDTH, no_wrap=True)
    for _ in taps:
        table.add_column(justify="center", width=1)
    table.add_column(style="bright_black")
    for row, feature in enumerate(result.features):
        signs = [_sign(result, feature.name, tap.name) for tap in taps]
        caption = "early layers → decision" if row == 0 else ""
        table.add_row(plain(feature.name), *signs, caption)
    return Padding(table, (0, 0, 1, 1))


def _heading(result: AuditResult, tap: str) -> RenderableType:
    where = "its decision" if tap == LOGITS else f"the layer {printable(tap)}"
    lines = Text.assemble(
        (printable(result.classifier.name), "bold"),
        f" on {printable(result.dataset.name)}: what {where} ignores and uses",
        overflow="fold",
    )
    return Padding(lines, (1, 1, 0, 1))


def _table(result: AuditResult, tap: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=True, padding=(0, 1))
    table.add_column("Feature", max_width=NAME_WIDTH, overflow="fold")
    table.add_column("Verdict", no_wrap=True)
    table.add_column("Kept", justify="right", no_wrap=True)
    table.add_column("Flips", justify="right", no_wrap=True)
    table.add_column("Why", ratio=1, overflow="fold")
    findings = [finding for finding in result.findings if finding.tap == tap]
    for finding in sorted(findings, key=lambda finding: (ORDER.index(finding.verdict), finding.feature)):
        table.add_row(*_cells(finding))
    return table


def _cells(finding: Finding) -> tuple[Text, Text, str, str, Text]:
    sign, style = _look(finding)
    known = [one for one in (finding.retention.generative, finding.retention.predictive) if one is not None]
    kept = max(known, key=lambda estimate: estimate.value, default=None)
    return (
        plain(finding.feature, "bold"),
        Text(f"{sign} {finding.verdict.replace('_', ' ')}{', as pose' if finding.pose_only else ''}", style=style),
        percent(kept),
        percent(finding.effect.flip_rate),
        plain(_why(finding), "bright_black"),
    )


def _look(finding: Finding) -> tuple[str, str]:
    """Sign and colour: those of the verdict, and a sign of its own for what is there as pose alone."""
    sign, style = LOOK[finding.verdict]
    return (POSE if finding.pose_only else sign), style


def _why(finding: Finding) -> str:
    """The first reason without its figures, which have columns of their own; the report has them all."""
    return finding.reasons[0].split(": ", 1)[0].rstrip(".") if finding.reasons else ""


def percent(estimate: Estimate | None) -> str:
    """An estimate with one figure that matters: ``61 %``, ``0.3 %``; a dash when it was not made."""
    if estimate is None:
        return "–"
    share = 100 * max(0.0, estimate.value)
    return f"{share:.0f} %" if share >= 10 or share == 0 else f"{share:.1f} %"


def _sign(result: AuditResult, feature: str, tap: str) -> Text:
    try:
        sign, style = _look(result.finding(feature, tap))
    except KeyError:
        sign, style = "·", "bright_black"
    return Text(sign, style=style)


def _footnote(result: AuditResult) -> RenderableType:
    failed = [gate for gate in result.gates if not gate.passed]
    lines = Text(style="bright_black", overflow="fold")
    lines.append("Kept: share of the feature that is left here. Flips: answers that change when only it changes.")
    if any(finding.pose_only for finding in result.findings):
        lines.append(f" {POSE}: there as pose only, gone once the pose is divided out.")
    if failed:
        names = ", ".join(printable(gate.name) for gate in failed)
        lines.append(f"\n{len(failed)} of {len(result.gates)} gates failed: {names}.", style="bold red")
    elif result.gates:
        lines.append(f"\nAll {len(result.gates)} gates passed.")
    return Padding(lines, (0, 1, 1, 1))
