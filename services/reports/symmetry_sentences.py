"""What a group does to the model, in one sentence about the answer and one about the taps before it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from schemas.audits import SymmetryGroup
from schemas.results import Symmetry

from .formatting import confidence, percent
from .sentences import OUTPUT, listed, name
from .symmetry_words import GROUPS, State

NAMED = 4  # taps that a sentence names before it counts the rest

ANSWERS: dict[State, Markup] = {
    "exact": Markup("the answer stays the same, exactly."),
    "approximate": Markup("the answer’s scores stay nearly the same, as by training: they move {}."),
    "broken": Markup("the answer’s scores change: they move {}."),
    "unclear": Markup("it is not clear whether the answer stays the same: its scores move {}."),
}
MOVES = Markup("the answer’s scores change places: they move {}.")
DISTANCE = Markup("{} of the way to those of another input ({})")

INSIDE: dict[tuple[str, State], Markup] = {
    ("stays", "exact"): Markup("{taps} {stays} the same, exactly"),
    ("stays", "approximate"): Markup("{taps} {stays} nearly the same, as by training"),
    ("follows", "exact"): Markup("{taps} {follows}, exactly"),
    ("follows", "approximate"): Markup("{taps} {follows} nearly, as by training"),
    ("", "broken"): Markup("{taps} neither {stays} nor {follows}"),
    ("", "unclear"): Markup("what happens at {taps} is not clear"),
}


def group_sentence(group: SymmetryGroup, found: Sequence[Symmetry]) -> Markup:
    """What the report says of ``found``, the rows of one group by depth."""
    answer = [_answer(one) for one in found if one.tap == OUTPUT]
    inside = _inside(group, [one for one in found if one.tap != OUTPUT])
    said = answer[0] if answer else Markup("the answer was not tested.")
    return Markup("<strong>{}</strong>, ").format(GROUPS[group].done) + said + inside


def _answer(found: Symmetry) -> Markup:
    moved = found.invariance
    told = DISTANCE.format(percent(max(moved.value, 0.0)), confidence(moved))
    return (ANSWERS[found.state] if found.action == "identity" else MOVES).format(told)


def _inside(group: SymmetryGroup, found: Sequence[Symmetry]) -> Markup:
    """Taps that share what can be said of them, together, in the order of depth."""
    kinds: dict[tuple[str, State], list[str]] = {}
    for one in found:
        kinds.setdefault((_kind(one), one.state), []).append(one.tap)
    clauses = [INSIDE[kind].format(taps=_listed(taps), **_verbs(group, len(taps))) for kind, taps in kinds.items()]
    return Markup(" Inside, {}.").format(Markup("; ").join(clauses)) if clauses else Markup()


def _verbs(group: SymmetryGroup, taps: int) -> dict[str, str]:
    word = GROUPS[group]
    return {"stays": "stays", "follows": word.follows} if taps == 1 else {"stays": "stay", "follows": word.follow}


def _kind(found: Symmetry) -> str:
    if found.state in ("broken", "unclear"):
        return ""
    return "stays" if found.action == "identity" else "follows"


def _listed(taps: Sequence[str]) -> Markup:
    shown = [name(tap, 32) for tap in taps[:NAMED]]
    if len(taps) > NAMED:
        shown.append(Markup("{} more").format(len(taps) - NAMED))
    return listed(shown)
