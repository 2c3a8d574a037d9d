"""What the symmetry screen told of a planted classifier, beside what its graph makes of each group (P8)."""

from __future__ import annotations

from schemas.certificate import ScreenPair
from schemas.results import AuditResult, Symmetry
from tests.builders.planted_plots import Claim, Plot


def screens(name: str, plot: Plot, result: AuditResult) -> list[ScreenPair]:
    """Every claim of the plot beside the screen's row."""
    rows = {(row.tap, row.group): row for row in result.symmetries}
    return [compared(name, claim, rows[claim.tap, claim.group]) for claim in plot.claims]


def compared(name: str, claim: Claim, row: Symmetry) -> ScreenPair:
    """One claim beside its row."""
    return ScreenPair(
        plant=name, tap=claim.tap, group=claim.group, truth=claim.truth, action=claim.action, told=row.state,
        told_action=row.action, error=row.error, right=_right(claim, row),
    )  # fmt: skip


def as_table(pairs: list[ScreenPair]) -> list[str]:
    """Screens for a terminal."""
    head = f"{'plant':10} {'tap':12} {'group':12} {'truth':28} {'told':32} error"
    return [head, *(_line(pair) for pair in pairs)]


def _right(claim: Claim, row: Symmetry) -> bool | None:
    """What is learned may be as small as it likes, but nothing makes it exact."""
    if claim.truth == "approximate":
        return None if row.state in ("approximate", "unclear", "broken") else False
    return row.state == claim.truth and claim.action in (None, row.action)


def _line(pair: ScreenPair) -> str:
    mark = "  <-- not right" if pair.right is False else ""
    truth, told = f"{pair.truth} {pair.action or ''}", f"{pair.told} {pair.told_action}"
    error = f"{pair.error.value:.2g} ({pair.error.low:.2g} to {pair.error.high:.2g})"
    return f"{pair.plant:10} {pair.tap:12} {pair.group.value:12} {truth:28} {told:32} {error}{mark}"
