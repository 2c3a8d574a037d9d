"""Acting on the whole input: a second witness to what an edit of the code shows (decision 0011).

Quarter turns of the picture may carry every value of an attribute (``turn``) to every other. They move other things
too, so that they never show that a feature is used, nor that it is not. But where the answers stay, an edit of the code
that changes the same values and seems to change answers is contradicted: it may have shown its own distortion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.evidence.thresholds import DEFAULT
from workers.graphs.packing import is_graph
from workers.stages.decoding import Studio
from workers.stages.edits import Checked, Images, Rows, Values
from workers.stages.features import AuditedFeature
from workers.symmetry.actions import act
from workers.symmetry.groups import Element, Group, fitting, group_for

ACTIONS = ("flips", "c4", "colours")
"""Groups whose elements only put pixels and channels elsewhere: nothing leaves the picture, nothing is resampled."""

LEARNT = 400
"""References on which it is learned what elements do to values, at most; edits are of others."""
FEWEST = 8
"""Of these that must show a value, else it is not known where it goes."""

Codes = NDArray[np.int64]


def action_key(feature: str, group: str) -> str:
    """Key of the feature's edit by acting on the whole input; no feature can be called so: names are printable."""
    return f"{feature}\t{group}"


@dataclass(frozen=True)
class Carrier:
    """Elements of ``group`` that permute the values of a categorical column, and carry each to every other.

    ``places (elements, categories)``: what each value becomes; -1 for values that do not occur.
    """

    group: str
    elements: tuple[Element, ...]
    places: Codes


class ActionEdit:
    """The whole input moved by an element that carries the feature's value to its target, confirmed by an oracle.

    ``before`` are the references themselves, and nothing is made again: the floor is the references too.
    """

    attempts = 1
    method = "exact action on the whole input"
    watched = False
    blind = False

    def __init__(
        self, feature: AuditedFeature, carrier: Carrier, studio: Studio, rows: Rows, rng: np.random.Generator
    ) -> None:  # fmt: skip
        self.feature, self.carrier, self.studio, self.rng = feature, carrier, studio, rng
        self.key = action_key(feature.name, carrier.group)
        self.rows = rows[feature.column.known[rows]]
        self.before = self.floor = studio.references.images[self.rows]
        self.current = feature.column.values[self.rows].astype(np.int64)
        self.shown = categories_read(studio, [feature], self.before)[feature.name]

    def to(self, chosen: Rows, targets: Values) -> Images:
        """``before[chosen]`` moved by one of the elements that carry each to its target."""
        images, picked = self.before[chosen].copy(), self._picked(chosen, targets)
        for k in np.unique(picked):
            images[picked == k] = act(self.carrier.elements[k], images[picked == k])
        return images

    def check(self, chosen: Rows, edited: Images, targets: Values) -> Checked:
        """By the oracle: it reads the target, and did not before."""
        read = categories_read(self.studio, [self.feature], edited)[self.feature.name]
        hit = (read == targets) & (self.shown[chosen] != targets)
        return Checked(hit, np.zeros(len(hit), dtype=bool), np.full(len(hit), np.nan))

    def _picked(self, chosen: Rows, targets: Values) -> Codes:
        """Number of an element that carries each there, any of those that do."""
        fits = self.carrier.places[:, self.current[chosen]] == targets
        return np.asarray((fits * self.rng.uniform(0.5, 1, fits.shape)).argmax(axis=0))


def action_edits(studio: Studio, rows: Rows, rng: np.random.Generator) -> Iterator[ActionEdit]:
    """By group that carries its every value to every other, an edit of each categorical column that oracles read.

    Of graphs there is none: what permutes their nodes changes nothing.
    """
    images = studio.references.images
    features = [one for one in studio.features if one.learned and one.column.kind == "categorical"]
    if not features or is_graph(images):
        return
    learnt, held_out = split(len(images), rows)
    for name in [each for each in ACTIONS if each in fitting(images.shape[1:])]:
        group = group_for(name, images.shape[1:], rng)
        read = [categories_read(studio, features, act(one, images[learnt])) for one in group.others]
        for feature in features:
            found = carrier_of(group, feature, learnt, [one[feature.name] for one in read])
            if found is not None:
                yield ActionEdit(feature, found, studio, held_out, rng)


def split(available: int, rows: Rows) -> tuple[Rows, Rows]:
    """What to learn from, other references than ``rows`` if there are enough, and the ``rows`` that are left."""
    outside = np.setdiff1d(np.arange(available), rows)
    spare = rows[: len(rows) // 2] if len(outside) < LEARNT else rows[:0]
    learnt = np.concatenate([outside, spare])[:LEARNT]
    return learnt, np.setdiff1d(rows, learnt)


def carrier_of(group: Group, feature: AuditedFeature, rows: Rows, read: Sequence[Codes]) -> Carrier | None:
    """What elements of ``group`` do to the feature of references ``rows``, by what is ``read`` of each moved one.

    ``None`` where they do not carry each value that occurs to every other: an effect of a value that they do not reach
    could not be contradicted.
    """
    occurring = np.unique(feature.column.values[feature.column.known]).astype(np.int64)
    found = [(element, places(feature, rows, codes)) for element, codes in zip(group.others, read, strict=True)]
    known = [(element, goes) for element, goes in found if goes is not None]
    reached = {(a, int(goes[a])) for _, goes in known for a in occurring}
    if len(occurring) < 2 or any((a, b) not in reached for a in occurring for b in occurring if a != b):
        return None
    return Carrier(group.name, tuple(element for element, _ in known), np.stack([goes for _, goes in known]))


def places(feature: AuditedFeature, rows: Rows, read: Codes) -> Codes | None:
    """What each value becomes, ``(categories,)``; ``None`` where too few of one agree, or two become one.

    An oracle that reads badly, or a value that the element scatters, agrees with nothing.
    """
    values = feature.column.values[rows]
    occurring = np.unique(feature.column.values[feature.column.known]).astype(np.int64)
    goes = np.full(int(feature.column.n_categories or 0), -1, dtype=np.int64)
    for value in occurring:
        seen = np.bincount(read[values == value], minlength=len(goes))
        if seen.sum() < FEWEST or seen.max() < DEFAULT.confirmation * seen.sum():
            return None
        goes[value] = seen.argmax()
    return goes if np.array_equal(np.sort(goes[occurring]), occurring) else None


def categories_read(studio: Studio, features: list[AuditedFeature], images: Images) -> dict[str, Codes]:
    """The class that the oracles read of each categorical feature, ``(n,)``."""
    encoded = studio.reader.encoded(images, features)
    return {name: np.asarray(values.argmax(axis=1)) for name, values in encoded.items()}
