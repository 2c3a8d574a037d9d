"""Edits of the code: by the conditional INN (decision 0003), or by replacing the factor of a concept (papers.md 2)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.evidence.statistics import SAME_COUNT
from workers.evidence.thresholds import DEFAULT
from workers.flows.inn import ConditionalINN
from workers.stages.editor import condition, retold
from workers.stages.edits import FACTOR_EDIT, Checked, Images, Mask, Rows, Values
from workers.stages.factors import Factor
from workers.stages.features import CODED, AuditedFeature
from workers.stages.holding import hold_for
from workers.stages.unedited import Unedited

MOVED = DEFAULT.moved
"""An edit hits when its reading ends within this share of the intended way from the target, if not whole."""


class CodeEdit:
    """An edited code, decoded, and read by encoding or by oracles that were trained on real labelled images."""

    attempts = 1

    def __init__(self, feature: AuditedFeature, unedited: Unedited) -> None:
        self.feature, self.unedited = feature, unedited
        self.studio, self.rows, self.before = unedited.studio, unedited.rows, unedited.images
        self.others = [one for one in unedited.columns if one.name != feature.name]
        self.witnesses = [one for one in self.others if one.name in unedited.limits]
        self.watched = bool(self.witnesses)
        self.blind = bool(unedited.tied(feature) - unedited.limits.keys())
        self.shown = unedited.reading(feature)

    def check(self, chosen: Rows, edited: Images, targets: Values) -> Checked:
        """By the oracles, or by encoding the picture again.

        What the picture showed before any edit is no hit: the autoencoder, not the edit, put it there.
        """
        read = self.studio.reader.encoded(edited, [self.feature, *self.witnesses])
        end, goal = read[self.feature.name], self.feature.encoding.encode(targets)
        now = self.feature.encoding.encode(self.feature.column.values[self.rows[chosen]])
        shown, near = self.shown[chosen], self._near(now, goal)
        missed, before = (np.linalg.norm(one - goal, axis=1) for one in (end, shown))
        return Checked((missed <= near) & (before > near), self._moved(chosen, read), _way(shown, end, goal))

    def _near(self, now: Values, goal: Values) -> Values:
        """How far from the ``goal`` a reading may end: half of a whole number, else a share of the intended way."""
        if self.feature.statistic is not None and self.feature.statistic.whole:
            return np.full(len(goal), np.nextafter(SAME_COUNT / self.feature.encoding.scale, 0))
        return MOVED * np.asarray(np.linalg.norm(now - goal, axis=1))

    def _moved(self, chosen: Rows, read: dict[str, NDArray[np.float64]]) -> Mask:
        """Whether any other attribute reads differently than in the picture before; a reading that is lost counts."""
        moved = np.zeros(len(chosen), dtype=bool)
        for one in self.witnesses:
            still = self.unedited.read[one.name][chosen]
            change = np.linalg.norm(read[one.name] - still, axis=1)
            moved |= ~(change <= self.unedited.limits[one.name]) & np.isfinite(still).all(axis=1)
        return moved


class ConditionalEdit(CodeEdit):
    """One attribute changed by the editor INN, the other columns kept.

    ``floor`` is the edit to the value that is there already.
    """

    method = "conditional INN edit"

    def __init__(self, feature: AuditedFeature, editor: ConditionalINN, unedited: Unedited) -> None:
        super().__init__(feature, unedited)
        self.key, self.editor, self.hold = feature.name, editor, hold_for(feature, editor, unedited)
        self.residual = editor.v_for(unedited.codes, condition(unedited.columns, unedited.true))
        here = np.arange(len(self.rows))
        self.floor = self._retold(here, unedited.true[feature.name], unedited.shown(feature))

    def to(self, chosen: Rows, targets: Values) -> Images:
        """``before[chosen]`` with the attribute at ``targets`` and all other columns as they were."""
        return self._retold(chosen, targets, targets)

    def _retold(self, chosen: Rows, targets: Values, goal: Values) -> Images:
        told = {**self.unedited.told(chosen), self.feature.name: targets}
        codes = retold(self.editor, self.residual[torch.from_numpy(chosen)], condition(self.unedited.columns, told))
        return self.hold(chosen, codes, told, goal)


class FactorEdit(CodeEdit):
    """The factor of a concept replaced by that of another reference, every other factor kept.

    A feature that *is* a factor takes the target as it is. An attribute's target is a value: the factor of a reference
    that has it is put in place. ``floor`` puts each factor where it is, through the network and back.
    """

    method = "concept factor edit"

    def __init__(
        self, feature: AuditedFeature, factor: Factor, editor: ConditionalINN | None, unedited: Unedited,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        super().__init__(feature, unedited)
        self.factor, self.rng = factor, rng
        self.own = feature.source in CODED
        self.key = feature.name if self.own else feature.name + FACTOR_EDIT
        self.hold = hold_for(feature, None if self.own else editor, unedited)
        here = np.arange(len(self.rows))
        true = feature.column.values[self.rows]
        self.floor = self._placed(here, factor.read(unedited.codes), true, unedited.shown(feature))

    def to(self, chosen: Rows, targets: Values) -> Images:
        """``before[chosen]`` with the factor of references that show the ``targets``."""
        return self._placed(chosen, targets if self.own else self.factor.read(self._donors(targets)), targets, targets)

    def _placed(self, chosen: Rows, values: Values, targets: Values, goal: Values) -> Images:
        codes = self.factor.place(self.unedited.codes[torch.from_numpy(chosen)], values)
        return self.hold(chosen, codes, {**self.unedited.told(chosen), self.feature.name: targets}, goal)

    def _donors(self, targets: Values) -> Tensor:
        """Codes of one random reference for each target that has this very value, ``(n, d)``."""
        values = self.feature.column.values
        order = np.argsort(values, kind="stable")
        first, last = (np.searchsorted(values[order], targets, side) for side in ("left", "right"))
        drawn = first + (self.rng.random(len(targets)) * (last - first)).astype(np.int64)
        return self.studio.means[torch.from_numpy(order[np.minimum(drawn, len(order) - 1)])]


def _way(start: NDArray[np.float64], end: NDArray[np.float64], goal: NDArray[np.float64]) -> Values:
    """How far from ``start`` to ``goal`` ``end`` lies, ``(n, k)`` each: 1 at the goal, NaN where it is the start."""
    wanted = goal - start
    length = np.square(wanted).sum(axis=1)
    went = ((end - start) * wanted).sum(axis=1)
    return np.asarray(np.divide(went, length, out=np.full(len(went), np.nan), where=length > 0))
