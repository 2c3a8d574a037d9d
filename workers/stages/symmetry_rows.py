"""One tap and one group of the symmetry screen: which actions are tried, and the row of the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from schemas.audits import SymmetryGroup
from schemas.classifiers import ClassifierFacts
from schemas.results import Symmetry
from workers.classifier.selection import LOGITS, Tap
from workers.stages.faithfulness import estimate
from workers.symmetry.equivariance import Reading
from workers.symmetry.groups import Group
from workers.symmetry.tap_actions import IDENTITY, MARGIN, NODES, SPATIAL, Shape, field_order, kind_of, map_axes
from workers.symmetry.thresholds import DEFAULT
from workers.symmetry.trials import Key, Trial

Action = Literal["identity", "spatial", "regular", "regular_interleaved", "nodes"]

CONSTANT = "The tap is the same for every input, so there is nothing to compare: this is no symmetry."
STILL = (
    "Not tested: these references hardly change ({names}: by less than {share:.0%} of the distance between two of "
    "them), so nothing is known of inputs that do."
)
CHANGED = "{share:.1%} of the answers change beyond resampling ({level:.0%} CI {low:.1%} to {high:.1%})."
WORST = "Largest for '{name}': {error:.2g}."
CROPPED = (
    "Only shifts by whole cells of the map can be compared ({count} of {total}), and the outer {margin:.0%} of the map "
    "on each side is left out: padding does not move with the picture."
)
DISC = "Compared inside the circle that stays in the picture; the floor counts the map's own resampling too."
ZOOMED = "Compared where both maps show the same; the floor counts the map's own resampling too."
AVERAGED = (
    "The map is too large to be screened whole, and averaged it does not shift by whole cells: only invariance was "
    "tested."
)
RESIZED = "The classifier resizes its inputs, so the map does not shift by whole cells: only invariance was tested."
FIELDS = (
    "Channels in fields of {order}, {how}, numbered {way} the turns. Chosen on other images than it was measured on."
)
SIDE, STRIDED = "side by side", "strided"


@dataclass(frozen=True)
class Question:
    """A tap and a group. ``read``: shape of the tap's values as they were screened; ``size`` of the inputs."""

    tap: Tap
    group: Group
    read: Shape
    facts: ClassifierFacts
    size: tuple[int, ...]

    @property
    def unknown(self) -> str | None:
        """Why no shift of this map is known, in words, though it is one; ``None`` where it is, or for other groups."""
        if self.group.name != "translations" or map_axes(self.read, (self.size[0], self.size[1])) is None:
            return None
        if not shifts_survive(self.tap.shape, self.read):
            return AVERAGED
        return None if _resized_evenly(self.facts, self.size) else RESIZED

    def candidates(self, found: Mapping[Key, list[Trial]]) -> list[Trial]:
        """The trials that count: at the output, where classes have no order, and where no action is known, one."""
        trials = found[self.tap.name, self.group.name]
        alone = self.tap.name == LOGITS or self.unknown is not None
        return [trial for trial in trials if trial.action == IDENTITY] if alone else trials


def shifts_survive(before: Shape, after: Shape) -> bool:
    """Whether a map still shifts by whole cells after pooling: its cells are blocks of a power of two."""
    if len(before) != 3 or len(after) != 3 or before == after:
        return True
    return all(_power_of_two(long, short) for long, short in zip(before, after, strict=True))


def row(asked: Question, reading: Reading, declared: bool) -> Symmetry:
    """The row of the result; where the known action could not be tried, a large error shows nothing."""
    blind = asked.unknown if reading.state == "broken" else None
    return Symmetry(
        tap=asked.tap.name,
        group=SymmetryGroup(asked.group.name),
        action=cast(Action, kind_of(reading.action)),
        error=estimate(reading.error),
        invariance=estimate(reading.invariance),
        floor=None if reading.floor is None else estimate(reading.floor),
        state="unclear" if blind else reading.state,
        elements=reading.elements,
        declared=declared,
        notes=[*([blind] if blind else []), *_notes(asked.group, reading)],
    )


def _notes(group: Group, reading: Reading) -> list[str]:
    if reading.constant:
        return [CONSTANT]
    name, error = reading.worst
    said = name and reading.state != "exact" and reading.elements > 1
    worst = [WORST.format(name=name, error=error)] if said else []
    return [*_still(reading), *_changed(reading), *_how(group, reading), *worst]


def _still(reading: Reading) -> list[str]:
    """Of moves that change hardly anything."""
    return [STILL.format(names=", ".join(reading.still), share=DEFAULT.still)] if reading.still else []


def _changed(reading: Reading) -> list[str]:
    """How many answers change, where any was seen to."""
    found = reading.changed
    if found is None or found.value == 0:
        return []
    return [CHANGED.format(share=found.value, level=found.level, low=found.low, high=found.high)]


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


def _resized_evenly(facts: ClassifierFacts, size: tuple[int, ...]) -> bool:
    """Whether the classifier sees inputs ``(h, w, c)`` as they are, or enlarged or shrunk by a power of two."""
    axes = (2, 3) if facts.layout == "nchw" else (1, 2)
    seen = [facts.input_shape[axis] or side for axis, side in zip(axes, size[:2], strict=True)]
    return all(_power_of_two(max(a, b), min(a, b)) for a, b in zip(seen, size[:2], strict=True))


def _power_of_two(long: int, short: int) -> bool:
    return long % short == 0 and (long // short).bit_count() == 1
