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

MOVED = 0.5
CLOSE = 0.35
"""A code edit is confirmed when its reading ends within half the intended way of the target, or 0.35 spreads of it."""

Images = NDArray[np.uint8]
Rows = NDArray[np.int64]
Values = NDArray[np.float64]


class Edit(Protocol):
    """One way to change one feature of the images ``before (n, h, w, c)`` of the references ``rows (n,)``.

    ``floor``: the same images through the same machinery with the feature left alone. ``attempts``: how often a target
    is drawn for an image that cannot show it.
    """

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

    def __init__(self, statistic: Statistic, studio: Studio, rows: Rows, rng: np.random.Generator) -> None:
        self.statistic = statistic
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

    ``before`` is the autoencoder's picture, so that the autoencoder's own loss is on both sides; ``floor`` is another
    draw of its posterior.
    """

    method = "conditional INN edit"
    attempts = 1

    def __init__(
        self, feature: AuditedFeature, editor: ConditionalINN, studio: Studio, rows: Rows, floor: Images
    ) -> None:
        self.feature, self.editor, self.studio, self.rows, self.floor = feature, editor, studio, rows, floor
        self.columns = conditioning(studio.features)
        self.codes = studio.means[torch.from_numpy(rows)]
        self.before = studio.decode(self.codes)
        self.read = self._reading(self.before)
        self.spread = float(np.sqrt(self.read.var(axis=0).sum()))

    def to(self, chosen: Rows, targets: Values) -> Images:
        """``before[chosen]`` with the attribute at ``targets`` and all other columns as they were."""
        rows = self.rows[chosen]
        true = {column.name: column.column.values[rows] for column in self.columns}
        before, after = (condition(self.columns, values) for values in (true, {**true, self.feature.name: targets}))
        return self.studio.decode(edit_codes(self.editor, self.codes[torch.from_numpy(chosen)], before, after))

    def confirms(self, chosen: Rows, edited: Images, targets: Values) -> NDArray[np.bool_]:
        """By the oracle, which was trained on real labelled images."""
        goal = self.feature.encoding.encode(targets)
        missed = np.linalg.norm(self._reading(edited) - goal, axis=1)
        intended = np.linalg.norm(self.read[chosen] - goal, axis=1)
        return np.asarray(missed <= np.maximum(MOVED * intended, CLOSE * self.spread))

    def _reading(self, images: Images) -> NDArray[np.float64]:
        return self.studio.reader.encoded(images)[self.feature.name]
