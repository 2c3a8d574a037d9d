"""What every edit of the code starts from, and what can be read of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.evidence.strata import find_strata
from workers.stages.decoding import Studio
from workers.stages.editor import conditioning
from workers.stages.edits import FAR, Images, Rows, Values, encoded_spread
from workers.stages.features import AuditedFeature

COLLATERAL = 0.5 * FAR
"""Spreads by which the reading of another attribute must move to count as moved: half of the least edit."""
READABLE = 0.5
"""Share of a column that its reading of unedited decoded pictures must explain for it to be a witness."""


@dataclass(frozen=True)
class Unedited:
    """What every edit of the code starts from: the references ``rows (n,)`` as the autoencoder draws them.

    So the autoencoder's own loss is on both sides of a comparison.
    """

    studio: Studio
    rows: Rows

    @cached_property
    def columns(self) -> list[AuditedFeature]:
        """What the editor is told: attribute columns, the label, and what is measured of graphs."""
        return conditioning(self.studio.features)

    @cached_property
    def true(self) -> dict[str, Values]:
        """The columns' own values, ``(n,)`` each."""
        return {one.name: one.column.values[self.rows] for one in self.columns}

    def told(self, chosen: Rows) -> dict[str, Values]:
        """Those of some images."""
        return {name: values[chosen] for name, values in self.true.items()}

    @cached_property
    def limits(self) -> dict[str, float]:
        """How far a column's reading must be from that before to count as moved; without those that nobody can read.

        An oracle that cannot read a column from decoded pictures guesses, and would see it move in every other one.
        """
        return {one.name: COLLATERAL * encoded_spread(one) for one in self.columns if self._readable(one)}

    def reading(self, feature: AuditedFeature) -> NDArray[np.float64]:
        """What the pictures show of any feature, encoded, ``(n, width)``."""
        known = self.read.get(feature.name)
        return self.studio.reader.encoded(self.images, [feature])[feature.name] if known is None else known

    def tied(self, feature: AuditedFeature) -> set[str]:
        """The other columns that explain ``feature`` over the references, or that it explains: an edit may drag them.

        Columns alone: a statistic of an image is a consequence of what is in the picture.
        """
        others = [one.column for one in self.columns if one.name != feature.name]
        allowed = {one.name: [feature.name] for one in others} | {feature.name: [one.name for one in others]}
        found = find_strata([feature.column, *others], np.random.default_rng(0), allowed)  # which rows form a fold
        return {tie.name for one in found.values() for tie in one.ties} | found.keys() - {feature.name}

    def _readable(self, column: AuditedFeature) -> bool:
        truth, read = column.encoding.encode(column.column.values[self.rows]), self.read[column.name]
        known = np.isfinite(truth).all(axis=1) & np.isfinite(read).all(axis=1)
        if not known.any():
            return False
        missed = np.square(read - truth)[known].sum()
        return bool(missed < (1 - READABLE) * np.square(truth[known] - truth[known].mean(axis=0)).sum())

    @cached_property
    def codes(self) -> Tensor:
        """``(n, d)``."""
        return self.studio.means[torch.from_numpy(self.rows)]

    @cached_property
    def images(self) -> Images:
        """``(n, h, w, c)``."""
        return self.studio.decode(self.codes)

    @cached_property
    def read(self) -> dict[str, NDArray[np.float64]]:
        """Encoded readings of every column, ``(n, width)`` each."""
        return self.studio.reader.encoded(self.images, self.columns)

    def shown(self, feature: AuditedFeature) -> Values:
        """What the pictures show of ``feature`` where a formula measures it; else its own values, ``(n, ...)``."""
        return self.exact.get(feature.name, feature.column.values[self.rows])

    @cached_property
    def exact(self) -> dict[str, Values]:
        """Values ``(n,)`` of the columns that a formula measures, in their own unit."""
        return measured(self.columns, self.images)


def measured(features: list[AuditedFeature], images: Images) -> dict[str, Values]:
    """Values ``(n,)`` of those features that a formula measures, in their own unit."""
    return {one.name: one.statistic.measure(images) for one in features if one.statistic is not None}
