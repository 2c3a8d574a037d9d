"""Edits of the code: by the conditional INN (decision 0003), or by replacing the factor of a concept (papers.md 2)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.flows.inn import ConditionalINN
from workers.stages.decoding import Studio
from workers.stages.editor import condition, conditioning, edit_codes
from workers.stages.edits import FAR, Checked, Images, Mask, Rows, Values, encoded_spread
from workers.stages.factors import Factor
from workers.stages.features import AuditedFeature

MOVED = 0.5
"""An edit hits when its reading ends within this share of the intended way from the target."""
COLLATERAL = 0.5 * FAR
"""Spreads by which the reading of another attribute must move to count as moved: half of the least edit."""
HOLDS = 2
"""Rounds in which what an edit turned by accident is turned back: each leaves about a sixth of the drift."""


class CodeEdit:
    """An edited code, decoded, and read by encoding or by oracles that were trained on real labelled images.

    ``before`` is the autoencoder's picture, so that the autoencoder's own loss is on both sides.
    """

    attempts = 1

    def __init__(self, feature: AuditedFeature, studio: Studio, rows: Rows) -> None:
        self.feature, self.studio, self.rows = feature, studio, rows
        self.codes = studio.means[torch.from_numpy(rows)]
        self.before = studio.decode(self.codes)
        self.others = [one for one in conditioning(studio.features) if one.name != feature.name]
        self.still = studio.reader.encoded(self.before, self.others)
        self.limits = {one.name: COLLATERAL * encoded_spread(one) for one in self.others}

    def check(self, chosen: Rows, edited: Images, targets: Values) -> Checked:
        """By the oracles, or by encoding the picture again."""
        read = self.studio.reader.encoded(edited, [self.feature, *self.others])
        goal = self.feature.encoding.encode(targets)
        now = self.feature.encoding.encode(self.feature.column.values[self.rows[chosen]])
        missed = np.linalg.norm(read[self.feature.name] - goal, axis=1)
        return Checked(missed <= MOVED * np.linalg.norm(now - goal, axis=1), self._moved(chosen, read))

    def _moved(self, chosen: Rows, read: dict[str, NDArray[np.float64]]) -> Mask:
        """Whether any other attribute reads differently than in the picture before; a reading that is lost counts."""
        moved = np.zeros(len(chosen), dtype=bool)
        for name, limit in self.limits.items():
            still = self.still[name][chosen]
            change = np.linalg.norm(read[name] - still, axis=1)
            moved |= ~(change <= limit) & np.isfinite(still).all(axis=1)
        return moved


class ConditionalEdit(CodeEdit):
    """One attribute changed by the editor INN, the other columns kept.

    What the editor turns besides is turned back as far as it can be measured exactly: columns that are a measured
    statistic. ``floor`` is the edit to the value that is there already.
    """

    method = "conditional INN edit"

    def __init__(self, feature: AuditedFeature, editor: ConditionalINN, studio: Studio, rows: Rows) -> None:
        super().__init__(feature, studio, rows)
        self.key, self.editor = feature.name, editor
        self.columns = conditioning(studio.features)
        self.held = [one for one in self.others if one.statistic is not None]
        self.exact = measured(self.held, self.before)
        self.floor = self.to(np.arange(len(rows)), feature.column.values[rows])

    def to(self, chosen: Rows, targets: Values) -> Images:
        """``before[chosen]`` with the attribute at ``targets`` and all other columns as they were."""
        rows = self.rows[chosen]
        true = {column.name: column.column.values[rows] for column in self.columns}
        told = {**true, self.feature.name: targets}
        edited = self._decoded(chosen, true, told)
        for _ in range(HOLDS if self.held else 0):
            drifted = measured(self.held, edited)
            told |= {one.name: told[one.name] - self._drift(one, chosen, drifted[one.name]) for one in self.held}
            edited = self._decoded(chosen, true, told)
        return edited

    def _decoded(self, chosen: Rows, true: dict[str, Values], told: dict[str, Values]) -> Images:
        before, after = condition(self.columns, true), condition(self.columns, told)
        return self.studio.decode(edit_codes(self.editor, self.codes[torch.from_numpy(chosen)], before, after))

    def _drift(self, column: AuditedFeature, chosen: Rows, now: Values) -> Values:
        """How far a column that should stay moved, in its own unit; 0 where either value is missing."""
        drift = now - self.exact[column.name][chosen]
        period = column.column.period
        return np.nan_to_num(drift if period is None else (drift + period / 2) % period - period / 2)


class FactorEdit(CodeEdit):
    """The factor of a concept replaced by that of another reference, every other factor kept.

    A feature that *is* a factor takes the target as it is. An attribute's target is a value: the factor of a reference
    that has it is put in place. ``floor`` puts each factor where it is, through the network and back.
    """

    method = "concept factor edit"

    def __init__(
        self, feature: AuditedFeature, factor: Factor, studio: Studio, rows: Rows, rng: np.random.Generator
    ) -> None:
        super().__init__(feature, studio, rows)
        self.factor, self.rng = factor, rng
        self.own = not feature.learned
        self.key = feature.name if self.own else f"{feature.name}@factor"
        self.floor = studio.decode(factor.place(self.codes, factor.read(self.codes)))

    def to(self, chosen: Rows, targets: Values) -> Images:
        """``before[chosen]`` with the factor of references that show the ``targets``."""
        values = targets if self.own else self.factor.read(self._donors(targets))
        return self.studio.decode(self.factor.place(self.codes[torch.from_numpy(chosen)], values))

    def _donors(self, targets: Values) -> Tensor:
        """Codes of one random reference for each target that has this very value, ``(n, d)``."""
        values = self.feature.column.values
        order = np.argsort(values, kind="stable")
        first, last = (np.searchsorted(values[order], targets, side) for side in ("left", "right"))
        drawn = first + (self.rng.random(len(targets)) * (last - first)).astype(np.int64)
        return self.studio.means[torch.from_numpy(order[np.minimum(drawn, len(order) - 1)])]


def measured(features: list[AuditedFeature], images: Images) -> dict[str, Values]:
    """Values ``(n,)`` of those features that a formula measures, in their own unit."""
    return {one.name: one.statistic.measure(images) for one in features if one.statistic is not None}
