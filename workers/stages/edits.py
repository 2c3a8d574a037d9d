"""Ways to change one feature of an image and nothing else: an exact transform, or an edit of the code."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from workers.evidence.statistics import Statistic, draw_targets
from workers.flows.inn import ConditionalINN
from workers.stages.decoding import Studio
from workers.stages.editor import condition, conditioning, edit_codes
from workers.stages.features import AuditedFeature

FAR = 0.7
"""A target lies at least this many spreads from the current value: an edit that changes nothing shows nothing."""
MOVED = 0.5
"""A code edit is confirmed when its reading ends within this share of the intended way from the target."""
TRIES = 32

Images = NDArray[np.uint8]
Rows = NDArray[np.int64]
Values = NDArray[np.float64]


class Edit(Protocol):
    """One way to change one feature of the images ``before (n, h, w, c)`` of the references ``rows (n,)``.

    ``floor``: the same images through the same machinery with the feature left alone. ``attempts``: how often a target
    is drawn for an image that cannot show it.
    """

    feature: AuditedFeature
    method: str
    attempts: int
    rows: Rows
    before: Images
    floor: Images

    def to(self, chosen: Rows, targets: Values) -> Images:
        """``before[chosen]`` with the feature at ``targets``."""
        ...

    def confirms(self, chosen: Rows, edited: Images, targets: Values) -> NDArray[np.bool_]:
        """Which of them now show their target, read independently of the classifier."""
        ...


class TransformEdit:
    """The exact image transform of a measured statistic, confirmed by measuring again."""

    method = "exact image transform"
    attempts = 4

    def __init__(
        self, feature: AuditedFeature, statistic: Statistic, studio: Studio, rows: Rows, rng: np.random.Generator
    ) -> None:
        self.feature, self.statistic = feature, statistic
        self.reference = statistic.measure(studio.references.images)
        exists = np.isfinite(self.reference[rows])
        self.rows = rows[exists]
        self.before = studio.references.images[self.rows]
        self.current = self.reference[self.rows]
        self.floor = statistic.floor(self.before, self.current, draw_targets(self.current, 1, rng)[:, 0])

    def to(self, chosen: Rows, targets: Values) -> Images:
        """``before[chosen]`` transformed."""
        return np.asarray(self.statistic.edit(self.before[chosen], self.current[chosen], targets))

    def confirms(self, chosen: Rows, edited: Images, targets: Values) -> NDArray[np.bool_]:  # noqa: ARG002
        """By measuring ``edited``."""
        return self.statistic.confirms(edited, targets, self.reference)


class CodeEdit:
    """One attribute changed in the code, the others kept (decision 0003), confirmed by an oracle.

    ``before`` is the autoencoder's picture, so that the autoencoder's own loss is on both sides; ``floor`` is the edit
    to the value that is there already.
    """

    method = "conditional INN edit"
    attempts = 1

    def __init__(self, feature: AuditedFeature, editor: ConditionalINN, studio: Studio, rows: Rows) -> None:
        self.feature, self.editor, self.studio, self.rows = feature, editor, studio, rows
        self.columns = conditioning(studio.features)
        self.codes = studio.means[torch.from_numpy(rows)]
        self.before = studio.decode(self.codes)
        self.floor = self.to(np.arange(len(rows)), feature.column.values[rows])

    def to(self, chosen: Rows, targets: Values) -> Images:
        """``before[chosen]`` with the attribute at ``targets`` and all other columns as they were."""
        rows = self.rows[chosen]
        true = {column.name: column.column.values[rows] for column in self.columns}
        before, after = (condition(self.columns, values) for values in (true, {**true, self.feature.name: targets}))
        return self.studio.decode(edit_codes(self.editor, self.codes[torch.from_numpy(chosen)], before, after))

    def confirms(self, chosen: Rows, edited: Images, targets: Values) -> NDArray[np.bool_]:
        """By the oracle, which was trained on real labelled images."""
        goal = self.feature.encoding.encode(targets)
        now = self.feature.encoding.encode(self.feature.column.values[self.rows[chosen]])
        read = self.studio.reader.encoded(edited)[self.feature.name]
        return np.asarray(np.linalg.norm(read - goal, axis=1) <= MOVED * np.linalg.norm(now - goal, axis=1))


def other_values(feature: AuditedFeature, current: Values, rng: np.random.Generator) -> Values:
    """The feature drawn anew from its reference distribution, given that it changes noticeably: ``(n,) -> (n,)``.

    Classes: any other one, as often as it occurs. Numbers and angles: at least ``FAR`` spreads away. NaN where the
    references hold no such value.
    """
    reference = feature.column.values[feature.column.known]
    if feature.column.kind == "categorical":
        return _other_classes(reference, current, rng)
    spread = np.sqrt(feature.encoding.encode(reference).var(axis=0).sum())
    now, drawn = feature.encoding.encode(current), np.full(len(current), np.nan)
    for _ in range(TRIES):
        left = np.flatnonzero(np.isnan(drawn))
        if not len(left):
            break
        offered = rng.choice(reference, len(left))
        far = np.linalg.norm(feature.encoding.encode(offered) - now[left], axis=1) >= FAR * spread
        drawn[left[far]] = offered[far]
    return drawn


def _other_classes(reference: Values, current: Values, rng: np.random.Generator) -> Values:
    drawn = np.full(len(current), np.nan)
    for category in np.unique(current):
        others, here = reference[reference != category], current == category
        if len(others):
            drawn[here] = rng.choice(others, int(here.sum()))
    return drawn
