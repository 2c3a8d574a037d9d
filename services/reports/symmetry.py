"""How symmetric the model is: the screen joined by tap and group, the pose-free views, and their galleries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from schemas.audits import SymmetryGroup
from schemas.results import AuditResult, Estimate, Gallery, InvariantView, Symmetry, Tap

from .formatting import number, number_interval, percent
from .galleries import GalleryView, symmetry_galleries
from .inputs import IMAGES, InputWords
from .sentences import OUTPUT
from .symmetry_sentences import group_sentence
from .symmetry_words import FIELDS, GROUPS, STATES, GroupWord

ORDER: Final = ("exact", "approximate", "unclear", "broken")
"""In which groups are told, by what they do to the answer."""


@dataclass(frozen=True)
class SymmetryCell:
    """One tap under one group: what it does there in a few words, and ``said`` with all its numbers."""

    found: Symmetry
    action: str
    said: str

    @property
    def bar(self) -> tuple[float, float, float]:
        """Value, low and high end of the error, in percent of the distance between two inputs, cut to 100."""
        error = self.found.error
        return _place(error.value), _place(error.low), _place(error.high)

    @property
    def word(self) -> str:
        """The state in a word."""
        return STATES[self.found.state].word


@dataclass(frozen=True)
class SymmetryRow:
    """One tap with its cells in the order of the groups."""

    tap: str
    label: str
    cells: list[SymmetryCell | None]


@dataclass(frozen=True)
class SymmetryView:
    """Everything that the section shows."""

    groups: list[tuple[GroupWord, bool]]
    """Columns, and whether each was declared."""
    sentences: list[Markup]
    broken: list[str]
    """Declared groups that do not hold at the answer."""
    rows: list[SymmetryRow]
    found: list[Symmetry]
    views: list[InvariantView]
    galleries: list[GalleryView]

    @property
    def opened(self) -> GalleryView | None:
        """The gallery that is shown unfolded: the first with maps."""
        return next((one for one in self.galleries if one.large), None)


def symmetry_view(
    result: AuditResult, taps: Sequence[Tap], galleries: Sequence[Gallery], words: InputWords
) -> SymmetryView | None:
    """What the report says of symmetry; ``None`` where no group was tested."""
    shown = symmetry_galleries(galleries)
    if not (result.symmetries or result.invariant_views or shown):
        return None
    order = {_row_of(tap): at for at, tap in enumerate(taps)}
    found = sorted(result.symmetries, key=lambda one: (order.get(one.tap, -1), list(GROUPS).index(one.group)))
    groups = [group for group in GROUPS if any(one.group is group for one in found)]
    return SymmetryView(
        groups=[(GROUPS[group], any(one.declared for one in found if one.group is group)) for group in groups],
        sentences=[group_sentence(group, rows) for group, rows in _by_answer(groups, found)],
        broken=[GROUPS[one.group].title for one in found if one.declared and one.tap == OUTPUT and _fails(one)],
        rows=[_row(tap, label, groups, found, words) for tap, label in _labels(taps, found)],
        found=found,
        views=sorted(result.invariant_views, key=lambda view: order.get(view.tap, -1)),
        galleries=shown,
    )


def _by_answer(
    groups: Sequence[SymmetryGroup], found: Sequence[Symmetry]
) -> list[tuple[SymmetryGroup, list[Symmetry]]]:
    """Groups with their rows: what holds at the answer comes first."""
    rows = {group: [one for one in found if one.group is group] for group in groups}
    answers = {one.group: ORDER.index(one.state) for one in found if one.tap == OUTPUT}
    return sorted(rows.items(), key=lambda pair: answers.get(pair[0], len(ORDER)))


def action_words(action: str, words: InputWords = IMAGES) -> str:
    """What a known action does to a tap, in words."""
    return FIELDS.get(action, action).format(picture=words.picture)


def error_words(error: Estimate) -> str:
    """``0.12 (95 % CI 0.10–0.14)``."""
    return f"{number(error.value)} ({percent(error.level)} CI {number_interval(error)})"


def _row_of(tap: Tap) -> str:
    return OUTPUT if tap.kind == "logits" else tap.name


def _labels(taps: Sequence[Tap], found: Sequence[Symmetry]) -> Iterable[tuple[str, str]]:
    """Taps of the screen by depth, each with what stands under its name."""
    tested = {one.tap for one in found}
    known = {_row_of(tap): "the answer" if tap.kind == "logits" else f"depth {percent(tap.depth)}" for tap in taps}
    yield from ((tap, label) for tap, label in known.items() if tap in tested)
    yield from ((tap, "") for tap in dict.fromkeys(one.tap for one in found) if tap not in known)


def _row(
    tap: str, label: str, groups: Sequence[SymmetryGroup], found: Sequence[Symmetry], words: InputWords
) -> SymmetryRow:
    at = {one.group: one for one in found if one.tap == tap}
    return SymmetryRow(tap, label, [_cell(at[group], words) if group in at else None for group in groups])


def _cell(found: Symmetry, words: InputWords) -> SymmetryCell:
    group = GROUPS[found.group]
    action = "stays" if found.action == "identity" else group.follows
    floor = "" if found.floor is None else f"; resampling alone does {error_words(found.floor)}"
    still = "" if found.action == "identity" else f"; as if nothing moved: {error_words(found.invariance)}"
    said = f"{action_words(found.action, words)}: error {error_words(found.error)}{still}{floor}"
    return SymmetryCell(found, action if found.state in ("exact", "approximate") else "", said)


def _fails(found: Symmetry) -> bool:
    return found.state == "broken" or found.action != "identity"


def _place(share: float) -> float:
    return round(100 * min(max(share, 0.0), 1.0), 1) if share == share else 0.0
