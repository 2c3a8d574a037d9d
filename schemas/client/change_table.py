"""What changed between two audits, as a table for terminals. It fits 80 columns and reads without colour, too."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..comparisons import Change, ComparisonResult, Difference, FeatureChange
from .terminal import plain, printable
from .verdict_table import LOGITS, NAME_WIDTH, percent

LOOK: dict[Change, tuple[str, str]] = {
    Change.BECAME_USED: ("▲", "bold yellow"),
    Change.BECAME_IGNORED: ("▽", "bold cyan"),
    Change.MORE: ("↑", "yellow"),
    Change.LESS: ("↓", "cyan"),
    Change.UNDECIDED: ("?", "bright_black"),
    Change.SAME: ("=", "green"),
}
"""Sign and colour of each change: the sign alone tells them apart."""

WORDS = {
    Change.BECAME_USED: "became used",
    Change.BECAME_IGNORED: "became ignored",
    Change.MORE: "matters more",
    Change.LESS: "matters less",
    Change.UNDECIDED: "not decided",
    Change.SAME: "no change",
}
ORDER = list(LOOK)


def change_table(result: ComparisonResult) -> RenderableType:
    """What became of each feature at the decision, with the paired difference and its interval."""
    changes = at_the_decision(result)
    parts: list[RenderableType] = [_heading(result), _table(changes)]
    undecided = [one for one in changes if one.change is Change.UNDECIDED]
    if undecided:
        parts.append(_open(undecided))
    return Group(*parts, _footnote(result))


def at_the_decision(result: ComparisonResult) -> list[FeatureChange]:
    """The changes at the answer, the most telling first."""
    changes = [one for one in result.changes if one.tap == LOGITS]
    return sorted(changes, key=lambda one: (ORDER.index(one.change), one.feature))


def _heading(result: ComparisonResult) -> RenderableType:
    before, after = (printable(side.classifier.name) for side in (result.before, result.after))
    names = Text.assemble((before, "bold"), " to ", (after, "bold"), f" on {printable(result.dataset.name)}: ")
    return Padding(names.append("what its decision ignores and uses"), (1, 1, 0, 1))


def _table(changes: list[FeatureChange]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=True, padding=(0, 1))
    table.add_column("Feature", max_width=NAME_WIDTH, overflow="fold")
    table.add_column("What became of it", no_wrap=True)
    table.add_column("Flips", justify="right", no_wrap=True)
    table.add_column("More in 100", justify="right", no_wrap=True)
    table.add_column("Interval", no_wrap=True)
    for one in changes:
        sign, style = LOOK[one.change]
        change = Text(f"{sign} {WORDS[one.change]}", style=style)
        table.add_row(plain(one.feature, "bold"), change, _ends(one.flip_rate), *_difference(one.flip_rate))
    return table


def _ends(effect: Difference | None) -> str:
    return "–" if effect is None else f"{percent(effect.before)} → {percent(effect.after)}"


def _difference(effect: Difference | None) -> tuple[str, str]:
    if effect is None:
        return "–", ""
    found = effect.difference
    return _points(found.value), f"{_points(found.low)} to {_points(found.high)}"


def _points(share: float) -> str:
    """``+61``, ``−0.4``: percentage points, with one decimal where it matters."""
    points = 100 * share
    text = f"{points:+.0f}" if abs(points) >= 9.95 else f"{points:+.1f}"
    return text.replace("-", "\N{MINUS SIGN}")


def _open(undecided: list[FeatureChange]) -> RenderableType:
    lines = Text(style="bright_black", overflow="fold")
    for one in undecided:
        why = one.reasons[0] if one.reasons else "Neither a change nor its absence is shown."
        lines.append(f"? {printable(one.feature)}: {printable(why)}\n")
    lines.rstrip()
    return Padding(lines, (0, 1, 1, 1))


def _footnote(result: ComparisonResult) -> RenderableType:
    said = [
        "Flips: answers that change when only the feature changes, before → after. More in 100: the difference, "
        "paired over the same inputs, with its interval. What became of it rests on joint bounds, which are wider."
    ]
    if result.agreement:
        said.append(f"Same answer from both: {percent(result.agreement)}.")
    if result.accuracy:
        said.append(f"Accuracy: {_accuracy(result.accuracy)}.")
    for side, names in (("before", result.only_before), ("after", result.only_after)):
        if names:
            said.append(f"Only in the audit {side}: {', '.join(map(printable, names))}.")
    return Padding(Text("\n".join(said), style="bright_black", overflow="fold"), (0, 1, 1, 1))


def _accuracy(found: Difference) -> str:
    difference = found.difference
    bounds = f"{_points(difference.low)} to {_points(difference.high)}"
    return f"{found.before.value:.1%} → {found.after.value:.1%}, {_points(difference.value)} points ({bounds})"
