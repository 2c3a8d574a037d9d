"""What the symmetry screen and the invariant views could not see, in words for the reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.audits import SymmetryGroup
from schemas.results import Symmetry
from workers.classifier.selection import LOGITS
from workers.evidence.poses import pose_of
from workers.stages.estimates import Measurements, TapMeasurements
from workers.stages.findings import misaligned


def group_limits(rows: Sequence[Symmetry]) -> list[str]:
    """Which groups were tried, which of them the user declared, and that of all others nothing is known."""
    tested = {row.group for row in rows}
    if not tested:
        return ["No symmetry was tested: whether codes of one thing in many poses are misaligned, nobody knows."]
    declared = {row.group for row in rows if row.declared}
    screened = _named("Screened for symmetry", tested - declared)
    told = _named("Declared to be a symmetry, and tested", declared)
    graphs = SymmetryGroup.NODES in tested  # groups of the other kind of input have nothing to act on
    left = [_words(group) for group in SymmetryGroup if group not in tested and not graphs and group != "nodes"]
    others = f"Not tested: {'; '.join([*left, 'any group outside this list'])}."
    return [" ".join([*screened, *told, others]), *_approximate(rows)]


def numbering_limits(rows: Sequence[Symmetry], *, graphs: bool) -> list[str]:
    """Of graphs that the screen did not renumber: that edits of codes cannot see what the numbering does."""
    tested = any((row.tap, row.group) == (LOGITS, SymmetryGroup.NODES) for row in rows)
    if tested or not graphs:
        return []
    return [
        "Whether the answer depends on the numbering of the nodes was not tested. Codes do not hold the numbering: if"
        " it does, what they show to have no effect may have one."
    ]


def _named(said: str, groups: Iterable[SymmetryGroup]) -> list[str]:
    listed = "; ".join(_words(group) for group in SymmetryGroup if group in set(groups))
    return [f"{said}: {listed}."] if listed else []


def _words(group: SymmetryGroup) -> str:
    return f"{group.value} ({pose_of(group.value)})"


def _approximate(rows: Sequence[Symmetry]) -> list[str]:
    """Taps that follow a group roughly, as by training alone: papers.md 3(c), G6."""
    taps = dict.fromkeys(row.tap for row in rows if row.state == "approximate" and row.action != "identity")
    if not taps:
        return []
    return [
        f"Symmetric only by training, or as far as resampling lets one tell, and not exactly: {', '.join(taps)}. There"
        " one thing in many poses has many codes, so distances, neighbours and pair scores of raw codes mislead; the"
        " invariant view helps, and leaves a little of the pose."
    ]


def posefree_limits(found: Measurements) -> list[str]:
    """What each invariant view may have lost, and what the raw values hid."""
    viewed = {name: tap for name, tap in found.taps.items() if tap.posefree is not None}
    return [sentence for name, tap in viewed.items() for sentence in (*_lossy(name, tap), *_hidden(name, tap))]


def _lossy(name: str, tap: TapMeasurements) -> list[str]:
    view = None if tap.posefree is None else tap.posefree.view
    if view is None or view.lossless:
        return []
    return [
        f"The invariant view of {name} (without {pose_of(view.group.value)}) drops more than the pose: what it does not"
        f" show, {name} may hold all the same."
    ]


def _hidden(name: str, tap: TapMeasurements) -> list[str]:
    if tap.posefree is None:
        return []
    raw, without = tap.raw.predictive, tap.posefree.by.predictive
    told = [
        f"{feature} ({raw[feature].value:.2f}, without its pose {without[feature].value:.2f})"
        for feature in raw if misaligned(tap, feature)
    ]  # fmt: skip
    return [f"Misaligned raw codes of {name} hide from the probe: {', '.join(told)}."] if told else []
