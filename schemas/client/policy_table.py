"""What came of a policy, for terminals; it reads without colour, too."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..policies import Outcome, PolicyReport
from .session import INCONCLUSIVE, OK, POLICY_VIOLATED
from .terminal import plain, printable

CODES = {Outcome.PASS: OK, Outcome.FAIL: POLICY_VIOLATED, Outcome.INCONCLUSIVE: INCONCLUSIVE}
LOOK = {Outcome.PASS: ("✓", "green"), Outcome.FAIL: ("✗", "bold red"), Outcome.INCONCLUSIVE: ("?", "yellow")}


def policy_table(report: PolicyReport) -> RenderableType:
    """The rules with their outcomes."""
    rows = Table(box=None, show_header=False, padding=(0, 1))
    rows.add_column(width=1)
    rows.add_column(ratio=2, overflow="fold")
    rows.add_column(ratio=3, overflow="fold")
    for rule in report.rules:
        sign, style = LOOK[rule.outcome]
        rows.add_row(Text(sign, style=style), plain(rule.sentence, "bold"), plain(rule.why, "bright_black"))
    sign, style = LOOK[report.outcome]
    heading = Text.assemble(
        ("Policy ", ""), (printable(report.policy), "bold"), ": ", (f"{sign} {report.outcome.value}", style)
    )
    return Padding(Group(heading, rows), (0, 1, 1, 1))
