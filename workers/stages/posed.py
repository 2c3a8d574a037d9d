"""Which features the group of a view changes, read from the references themselves and from these moved by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workers.evidence.bootstrap import Interval, ratio_interval
from workers.evidence.foreground import border_median
from workers.evidence.posed import changed
from workers.evidence.thresholds import DEFAULT
from workers.oracles import load
from workers.stages.features import CODED, AuditedFeature, Reader
from workers.stages.intervals import Statistician
from workers.stages.oracles import NOTHING
from workers.stages.stage import StageContext
from workers.symmetry.actions import act
from workers.symmetry.groups import group_for

PICTURES = 400
"""References that are moved, at most."""
SHIFTS = 8
"""Shifts of each reference, drawn evenly among those that cut nothing."""
ROOM = 0.2
"""Share of the side that a reference must have room to be shifted by, else it shows nothing of translations."""
BACKGROUND = 8
"""Grey levels that background may differ from the median of the border."""
UNPOSED = "nodes"
"""The group whose poses no feature is: whatever is measured or told of a graph is so in every order of its nodes."""

Images = NDArray[np.uint8]
Whole = NDArray[np.int64]
Posed = Callable[[str, list[str]], dict[str, Interval]]
"""By group and names of features, how far the group changes each (:func:`workers.evidence.posed.changed`)."""


@dataclass
class Mover:
    """Answers :data:`Posed` by formula or oracle, each feature and group once.

    Not of what is only read from codes: an encoder that was never shown a moved picture is no witness. Nor of graphs.
    """

    context: StageContext
    images: Images
    features: list[AuditedFeature]
    by: Statistician
    read: dict[tuple[str, str], Interval | None] = field(default_factory=dict)

    def __call__(self, group: str, names: list[str]) -> dict[str, Interval]:
        """With joint bounds; without features of which it cannot be told."""
        if group == UNPOSED:
            return {}
        asked = [f for f in self.features if f.name in names and f.source not in CODED]
        new = [f for f in asked if (group, f.name) not in self.read]
        if new:
            self.read |= {(group, name): one for name, one in self._measured(group, new).items()}
        found = {f.name: self.read[group, f.name] for f in asked}
        return {name: one for name, one in found.items() if one is not None}

    def _measured(self, group: str, features: list[AuditedFeature]) -> dict[str, Interval | None]:
        rng = self.context.rng("posed", group)
        images = self.images[np.sort(rng.permutation(len(self.images))[:PICTURES])]
        images = images[movable(images)] if group == "translations" else images
        if len(images) < DEFAULT.fewest_images:
            return {one.name: None for one in features}
        stored = self.context.blob("oracles")
        reader = Reader(features, None if stored == NOTHING else load(stored).model)
        before = reader.encoded(images)
        after = [reader.encoded(each) for each in in_poses(group, images, rng)]
        return {one.name: self._share(before[one.name], [each[one.name] for each in after]) for one in features}

    def _share(self, before: NDArray[np.float64], after: list[NDArray[np.float64]]) -> Interval | None:
        shares = changed(before, np.stack(after))
        if shares is None:
            return None
        return ratio_interval(shares, self.by.weights(len(shares.part)), joint=self.by.joint)


def in_poses(group: str, images: Images, rng: np.random.Generator) -> list[Images]:
    """``images (n, h, w, c)`` moved by every element of ``group``, the identity too: an even draw has it as well.

    By the exact elements alone where there are any: what resampling does to a reading is no change of the feature.
    """
    if group == "translations":
        return [_shifted(images, rng) for _ in range(SHIFTS)]
    elements = group_for(group, images.shape[1:], rng).elements
    exact = [one for one in elements if one.exact]
    return [act(one, images) for one in (exact if len(exact) > 1 else elements)]


def movable(images: Images) -> NDArray[np.bool_]:
    """Which of ``images`` have room to be shifted in both directions without anything but background leaving them."""
    low, high = _room(images)
    return np.asarray(((high - low) >= ROOM * np.array(images.shape[1:3])).all(axis=1))


def _room(images: Images) -> tuple[Whole, Whole]:
    """Lowest and highest shift ``(n, 2)``, down and right, of which only background goes round."""
    pictures = images.astype(np.float32)
    content = np.abs(pictures - border_median(pictures)[:, None, None]).max(axis=3) > BACKGROUND
    lines = [content.any(axis=2), content.any(axis=1)]
    before = np.stack([each.argmax(axis=1) for each in lines], axis=1)
    behind = np.stack([each[:, ::-1].argmax(axis=1) for each in lines], axis=1)
    return -before, behind


def _shifted(images: Images, rng: np.random.Generator) -> Images:
    """Each by an evenly drawn shift of its own of which only background goes round."""
    n, height, width = images.shape[:3]
    low, high = _room(images)
    down, right = rng.integers(low, high + 1).T
    rows, columns = (np.arange(height) - down[:, None]) % height, (np.arange(width) - right[:, None]) % width
    return np.asarray(images[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]])
