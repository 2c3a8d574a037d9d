"""One tap and one group of the symmetry screen: which actions are tried, and the row of the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from schemas.audits import SymmetryGroup
from schemas.classifiers import ClassifierFacts
from schemas.results import Symmetry
from workers.classifier.selection import LOGITS, Tap
from workers.stages.faithfulness import estimate
from workers.symmetry.equivariance import Reading
from workers.symmetry.groups import Group
from workers.symmetry.tap_actions import IDENTITY, MARGIN, NODES, OF_C8, SPATIAL, field_order
from workers.symmetry.trials import Key, Trial

Action = Literal["identity", "spatial", "regular", "regular_interleaved", "nodes"]

CONSTANT = "The tap is the same for every input, so there is nothing to compare: this is no symmetry."
WORST = "Largest for '{name}': {error:.2g}."
CROPPED = (
    "Only shifts by whole cells of the map can be compared ({count} of {total}), and the outer {margin:.0%} of the map "
    "on each side is left out: padding does not move with the picture."
)
DISC = "Compared inside the circle that stays in the picture; the floor counts the map's own resampling too."
ZOOMED = "Compared where both maps show the same; the floor counts the map's own resampling too."
FIELDS = (
    "Channels in fields of {order}, {how}, numbered {way} the turns. Chosen on other images than it was measured on."
)
SIDE, STRIDED = "side by side", "strided"


def candidates(
    tap: Tap, group: Group, found: Mapping[Key, list[Trial]], facts: ClassifierFacts, size: tuple[int, ...]
) -> list[Trial]:
    """The trials that count: at the output, where classes have no order, the identity alone.

    Nor are shifts of maps known of a classifier that first resizes its input by another factor than a power of two.
    """
    trials = found[tap.name, group.name]
    if tap.name == LOGITS or (group.name == "translations" and not _shifts_known(facts, size)):
        return [trial for trial in trials if trial.action == IDENTITY]
    return trials


def row(tap: Tap, group: Group, reading: Reading, declared: bool) -> Symmetry:
    """The row of the result."""
    return Symmetry(
        tap=tap.name,
        group=SymmetryGroup(group.name),
        action=cast(Action, reading.action.removesuffix(OF_C8).removesuffix("_reversed")),
        error=estimate(reading.error),
        invariance=estimate(reading.invariance),
        floor=None if reading.floor is None else estimate(reading.floor),
        state=reading.state,
        elements=reading.elements,
        declared=declared,
        notes=_notes(group, reading),
    )


def _notes(group: Group, reading: Reading) -> list[str]:
    if reading.constant:
        return [CONSTANT]
    name, error = reading.worst
    worst = [WORST.format(name=name, error=error)] if reading.state != "exact" and reading.elements > 1 else []
    return [*_how(group, reading), *worst]


def _how(group: Group, reading: Reading) -> list[str]:
    """Cautions on how the action was compared."""
    if reading.action in (IDENTITY, NODES):
        return []
    found = []
    if group.name == "translations":
        found.append(CROPPED.format(count=reading.elements, total=len(group.others), margin=MARGIN))
    elif group.name == "scale":
        found.append(ZOOMED)
    elif reading.floor is not None:
        found.append(DISC)
    if reading.action != SPATIAL:
        how = STRIDED if "interleaved" in reading.action else SIDE
        way = "against" if "reversed" in reading.action else "with"
        found.append(FIELDS.format(order=field_order(group, reading.action), how=how, way=way))
    return found


def _shifts_known(facts: ClassifierFacts, size: tuple[int, ...]) -> bool:
    axes = (2, 3) if facts.layout == "nchw" else (1, 2)
    for axis, side in zip(axes, size[:2], strict=True):
        large, small = sorted((facts.input_shape[axis] or side, side), reverse=True)
        if large % small or (large // small).bit_count() != 1:
            return False
    return True
