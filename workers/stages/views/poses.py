"""References in their own pose and in another, as a viewed tap holds them: raw, and without the pose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workers.classifier.selection import Tap
from workers.classifier.session import ClassifierSession, Outputs
from workers.evidence.poses import pose_of
from workers.stages.classifying import load_taps, open_classifier, probabilities_of
from workers.stages.posefree import PoseFree, open_posefree, views_of
from workers.stages.references import References, load_references, random_rows
from workers.stages.stage import StageContext
from workers.symmetry.actions import act
from workers.symmetry.groups import Element, group_for
from workers.symmetry.tap_actions import covers

Floats = NDArray[np.float32]
Images = NDArray[np.uint8]
Rows = NDArray[np.int64]

MOST = 300
"""References that are compared: every one with every other."""


@dataclass(frozen=True)
class Shown:
    """Some images and what the classifier made of them."""

    images: Images
    outputs: Outputs
    probabilities: Floats


@dataclass(frozen=True)
class Poses:
    """One viewed tap, and ``m`` references in their own pose and moved by a random element each.

    ``kinds (m,)``: what a map colours them by and neighbours should share, the label where there are labels, else the
    answer to the reference as it is; ``names`` by kind.
    """

    tap: Tap
    free: PoseFree
    own: Shown
    moved: Shown
    kinds: Rows
    names: list[str]
    labelled: bool

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def pose(self) -> str:
        """What the view divides out, in words."""
        return pose_of(self.free.view.group.value)

    @cached_property
    def raw(self) -> tuple[Floats, Floats]:
        """The tap's values as they are, own and moved, flat: ``(m, units)``."""
        own, moved = (values.reshape(len(self), -1) for values in self.values)
        return own, moved

    @cached_property
    def seen(self) -> tuple[Floats, Floats]:
        """The invariant view of both, ``(m, width)``.

        Matches and averages are of different kinds, so each unit has deviation 1 over the references.
        """
        own, moved = (self.without_pose(values) for values in self.values)
        return own, moved

    @property
    def values(self) -> tuple[Floats, Floats]:
        """The tap's values themselves, own and moved, ``(m, *shape)``."""
        return self.own.outputs.taps[self.tap.name], self.moved.outputs.taps[self.tap.name]

    def without_pose(self, values: Floats) -> Floats:
        """Any values ``(n, *shape)`` as :attr:`seen` has them, ``(n, width)``."""
        return alike(self.free.project(values), self._own_view)

    @cached_property
    def _own_view(self) -> Floats:
        return self.free.project(self.values[0])


def alike(values: Floats, own: Floats) -> Floats:
    """``values (n, d)`` with each unit centred and scaled as ``own (m, d)`` needs it; units constant there are 0."""
    mean, deviation = own.mean(axis=0), own.std(axis=0)
    tiny = 1e-6 * max(float(np.abs(own).max(initial=0.0)), 1e-30)
    scale = np.where(deviation > tiny, 1 / np.maximum(deviation, tiny), 0).astype(np.float32)
    return np.asarray((values - mean) * scale, dtype=np.float32)


def open_poses(context: StageContext) -> list[Poses]:
    """Every viewed tap, in the order of the graph, with the same references for all.

    Raises:
        StageError: the classifier cannot be opened.
    """
    references = load_references(context)
    views = views_of(context)
    taps = [tap for tap in load_taps(context) if tap.name in views]
    session = open_classifier(context, taps)
    rows = random_rows(len(references), min(MOST, context.budget.references), context.rng("rows"))
    own = _shown(session, references.images[rows])
    kinds, names = _kinds(context, references, rows, own)
    labelled = references.labels is not None
    made: dict[tuple[Element, ...], Shown] = {}
    found = []
    for tap in taps:
        free = open_posefree(context, tap.name, references.images.shape[1:])
        elements = _elements(context, free, own.images.shape[1:])
        if elements not in made:
            made[elements] = _shown(session, _posed(elements, own.images, context.rng("poses", free.view.group.value)))
        found.append(Poses(tap, free, own, made[elements], kinds, names, labelled))
    return found


def _shown(session: ClassifierSession, images: Images) -> Shown:
    outputs = session.run(images)
    return Shown(images, outputs, probabilities_of(session, outputs.logits))


def _elements(context: StageContext, free: PoseFree, size: tuple[int, ...]) -> tuple[Element, ...]:
    """Every element but the identity; of shifts those by whole cells of the map, if there are such."""
    height, width, channels = size
    group = free.view.group.value
    others = group_for(group, (height, width, channels), context.rng("elements", group)).others
    return tuple(one for one in others if covers(one, free.view.action, free.orbit.shape, (height, width))) or others


def _posed(elements: tuple[Element, ...], images: Images, rng: np.random.Generator) -> Images:
    """Each image moved by a random element."""
    chosen = rng.integers(len(elements), size=len(images))
    posed = images.copy()
    for i, element in enumerate(elements):
        if (rows := np.flatnonzero(chosen == i)).size:
            posed[rows] = act(element, images[rows])
    return posed


def _kinds(context: StageContext, references: References, rows: Rows, own: Shown) -> tuple[Rows, list[str]]:
    labelled = references.labels is not None
    found = references.labels[rows] if references.labels is not None else own.probabilities.argmax(axis=1)
    given = context.config["classes" if labelled else "outputs"]
    count = max(int(found.max(initial=0)) + 1, len(given or ()))
    names = [given[i] if given and i < len(given) else str(i) for i in range(count)]
    return found.astype(np.int64), names
