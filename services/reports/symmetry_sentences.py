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
    "exact": Markup("the answer stays the same, exactly{but}."),
    "approximate": Markup("the answer’s scores stay roughly the same{by}: they move {far}."),
    "broken": Markup("the answer’s scores change: they move {far}."),
    "unclear": Markup("it is not clear whether the answer stays the same: its scores move {far}."),
}
MOVES = Markup("the answer’s scores change places: they move {far}.")
DISTANCE = Markup("{} of the way to those of another input ({})")

INSIDE: dict[tuple[str, State], Markup] = {
    ("stays", "exact"): Markup("{taps} {stays} the same, exactly{but}"),
    ("stays", "approximate"): Markup("{taps} {stays} roughly the same{by}"),
    ("follows", "exact"): Markup("{taps} {follows}, exactly{but}"),
    ("follows", "approximate"): Markup("{taps} {follows} roughly{by}"),
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
    far = DISTANCE.format(percent(max(moved.value, 0.0)), confidence(moved))
    return (ANSWERS[found.state] if found.action == "identity" else MOVES).format(far=far, **_cause([found]))


def _inside(group: SymmetryGroup, found: Sequence[Symmetry]) -> Markup:
    """Taps that share what can be said of them, together, in the order of depth."""
    kinds: dict[tuple[str, State], list[str]] = {}
    for one in found:
        kinds.setdefault((_kind(one), one.state), []).append(one.tap)
    clauses = [
        INSIDE[kind].format(taps=_listed(taps), **_verbs(group, len(taps)), **_cause(found))
        for kind, taps in kinds.items()
    ]
    return Markup(" Inside, {}.").format(Markup("; ").join(clauses)) if clauses else Markup()


def _verbs(group: SymmetryGroup, taps: int) -> dict[str, str]:
    word = GROUPS[group]
    return {"stays": "stays", "follows": word.follows} if taps == 1 else {"stays": "stay", "follows": word.follow}


def _cause(found: Sequence[Symmetry]) -> dict[str, str]:
    """What an error may come from: where poses fall between pixels, resampling cannot be told from training."""
    resampled = any(one.floor is not None for one in found)
    return {"but": " but for resampling", "by": ""} if resampled else {"but": "", "by": ", as by training"}


def _kind(found: Symmetry) -> str:
    if found.state in ("broken", "unclear"):
        return ""
    return "stays" if found.action == "identity" else "follows"


def _listed(taps: Sequence[str]) -> Markup:
    shown = [name(tap, 32) for tap in taps[:NAMED]]
    if len(taps) > NAMED:
        shown.append(Markup("{} more").format(len(taps) - NAMED))
    return listed(shown)
