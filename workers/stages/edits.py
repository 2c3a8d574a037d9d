"""Ways to change one feature of an image and nothing else: what every edit offers, and the exact transforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workers.evidence.statistics import Statistic, draw_targets
from workers.evidence.thresholds import DEFAULT
from workers.stages.decoding import Studio
from workers.stages.features import AuditedFeature

FAR = DEFAULT.far
"""A target lies at least this many spreads from the current value: an edit that changes nothing shows nothing."""
TRIES = 32

FACTOR_EDIT = "\tfactor"
"""After a feature's name: the key of its second edit. No feature can be called so: names are printable."""

Images = NDArray[np.uint8]
Rows = NDArray[np.int64]
Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Checked:
    """Of edited images, read independently of the classifier, ``(n,)`` each.

    ``hit``: it shows its target, and did not before. ``moved``: another attribute column moved with it (M7's
    collateral). ``way``: share of the way to the target that it went, 1 at the target; NaN where nobody looked.
    """

    hit: Mask
    moved: Mask
    way: Values


class Edit(Protocol):
    """One way to change one feature of the images ``before (n, h, w, c)`` of the references ``rows (n,)``.

    ``key`` names it among all edits; ``floor``: the same images through the same machinery with the feature left alone;
    ``attempts``: how often a target is drawn for an image that cannot show it. ``watched``: whether anybody looks at
    what else moves. ``blind``: whether nobody can for a column that the references tie to the feature, so that no edit
    is known to be clean.
    """

    feature: AuditedFeature
    key: str
    method: str
    attempts: int
    watched: bool
    blind: bool
    rows: Rows
    before: Images
    floor: Images

    def to(self, chosen: Rows, targets: Values) -> Images:
        """``before[chosen]`` with the feature at ``targets``."""
        ...

    def check(self, chosen: Rows, edited: Images, targets: Values) -> Checked:
        """What the ``edited`` versions of ``before[chosen]`` now show."""
        ...


class TransformEdit:
    """The exact image transform of a measured statistic, or the rewiring of a graph, confirmed by measuring again.

    What moves with it (other statistics) follows by physics, so nobody looks for collateral.
    """

    attempts = 4
    method = f"exact image transform, up to {attempts} targets tried per image"
    watched = False
    blind = False

    def __init__(
        self, feature: AuditedFeature, statistic: Statistic, studio: Studio, rows: Rows, rng: np.random.Generator
    ) -> None:
        if statistic.edit is None or statistic.floor is None:
            raise ValueError(f"no formula changes {statistic.name} and nothing else")
        self.feature, self.key, self.statistic, self.transform = feature, feature.name, statistic, statistic.edit
        self.reference = _measured(feature, statistic, studio)
        exists = np.isfinite(self.reference[rows])
        self.rows = rows[exists]
        self.before = studio.references.images[self.rows]
        self.current = self.reference[self.rows]
        self.floor = statistic.floor(self.before, self.current, draw_targets(self.current, 1, rng)[:, 0])

    def to(self, chosen: Rows, targets: Values) -> Images:
        """``before[chosen]`` transformed."""
        return np.asarray(self.transform(self.before[chosen], self.current[chosen], targets))

    def check(self, chosen: Rows, edited: Images, targets: Values) -> Checked:  # noqa: ARG002
        """By measuring ``edited``."""
        hit = self.statistic.confirms(edited, targets, self.reference)
        return Checked(hit, np.zeros(len(hit), dtype=bool), np.full(len(hit), np.nan))


def other_values(feature: AuditedFeature, current: Values, rng: np.random.Generator) -> Values:
    """The feature drawn anew from its reference distribution, given that it changes noticeably: ``(n, ...)`` as given.

    Classes: any other one, as often as it occurs. Numbers, angles, vectors: at least ``FAR`` spreads away. NaN where
    the references hold no such value.
    """
    reference = feature.column.values[feature.column.known]
    if feature.column.kind == "categorical":
        return _other_classes(reference, current, rng)
    spread = encoded_spread(feature)
    now, drawn = feature.encoding.encode(current), np.full(current.shape, np.nan)
    left = np.arange(len(current))
    for _ in range(TRIES):
        if not len(left):
            break
        offered = rng.choice(reference, len(left))
        far = np.linalg.norm(feature.encoding.encode(offered) - now[left], axis=1) >= FAR * spread
        drawn[left[far]] = offered[far]
        left = left[~far]
    return drawn


def encoded_spread(feature: AuditedFeature) -> float:
    """Root of the total variance of the feature's encoding over the references."""
    known = feature.column.values[feature.column.known]
    return float(np.sqrt(feature.encoding.encode(known).var(axis=0).sum()))


def _other_classes(reference: Values, current: Values, rng: np.random.Generator) -> Values:
    drawn = np.full(len(current), np.nan)
    for category in np.unique(current):
        others, here = reference[reference != category], current == category
        if len(others):
            drawn[here] = rng.choice(others, int(here.sum()))
    return drawn


def _measured(feature: AuditedFeature, statistic: Statistic, studio: Studio) -> Values:
    known = feature.measured
    return statistic.measure(studio.references.images) if known is None else known
