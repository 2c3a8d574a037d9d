"""Edits of the code: by the conditional INN (decision 0003), or by replacing the factor of a concept (papers.md 2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.evidence.strata import find_strata
from workers.evidence.thresholds import DEFAULT
from workers.flows.inn import ConditionalINN
from workers.stages.decoding import Studio
from workers.stages.editor import condition, conditioning, retold
from workers.stages.edits import FACTOR_EDIT, FAR, Checked, Images, Mask, Rows, Values, encoded_spread
from workers.stages.factors import Factor
from workers.stages.features import AuditedFeature

MOVED = DEFAULT.moved
"""An edit hits when its reading ends within this share of the intended way from the target."""
COLLATERAL = 0.5 * FAR
"""Spreads by which the reading of another attribute must move to count as moved: half of the least edit."""
READABLE = 0.5
"""Share of a column that its reading of unedited decoded pictures must explain for it to be a witness."""
HOLDS = 2
"""Rounds in which what an edit turned by accident is turned back: each leaves about a sixth of the drift."""


@dataclass(frozen=True)
class Unedited:
    """What every edit of the code starts from: the references ``rows (n,)`` as the autoencoder draws them.

    So the autoencoder's own loss is on both sides of a comparison.
    """

    studio: Studio
    rows: Rows

    @cached_property
    def columns(self) -> list[AuditedFeature]:
        """The attribute columns and the label."""
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

        Columns alone: a measured statistic is a consequence of what is in the picture.
        """
        others = [one.column for one in self.columns if one.name != feature.name]
        allowed = {one.name: [feature.name] for one in others} | {feature.name: [one.name for one in others]}
        found = find_strata([feature.column, *others], np.random.default_rng(0), allowed)  # which rows form a fold
        return {tie.name for one in found.values() for tie in one.ties} | found.keys() - {feature.name}

    def _readable(self, column: AuditedFeature) -> bool:
        truth, read = column.encoding.encode(column.column.values[self.rows]), self.read[column.name]
        known = np.isfinite(truth).all(axis=1) & np.isfinite(read).all(axis=1)
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

    @cached_property
    def exact(self) -> dict[str, Values]:
        """Values ``(n,)`` of the columns that a formula measures, in their own unit."""
        return measured(self.columns, self.images)


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
        shown, near = self.shown[chosen], MOVED * np.linalg.norm(now - goal, axis=1)
        missed, before = (np.linalg.norm(one - goal, axis=1) for one in (end, shown))
        return Checked((missed <= near) & (before > near), self._moved(chosen, read), _way(shown, end, goal))

    def _moved(self, chosen: Rows, read: dict[str, NDArray[np.float64]]) -> Mask:
        """Whether any other attribute reads differently than in the picture before; a reading that is lost counts."""
        moved = np.zeros(len(chosen), dtype=bool)
        for one in self.witnesses:
            still = self.unedited.read[one.name][chosen]
            change = np.linalg.norm(read[one.name] - still, axis=1)
            moved |= ~(change <= self.unedited.limits[one.name]) & np.isfinite(still).all(axis=1)
        return moved


class Hold:
    """Turns back what an edit turned by accident, as far as a formula measures it: columns that are a statistic.

    The editor INN is told the column again, less what it drifted. Without an editor, or such columns, nothing is held.
    """

    def __init__(self, feature: AuditedFeature, editor: ConditionalINN | None, unedited: Unedited) -> None:
        self.editor, self.unedited = editor, unedited
        self.columns = [one for one in unedited.columns if one.statistic is not None and one.name != feature.name]

    def __call__(self, chosen: Rows, codes: Tensor, told: dict[str, Values]) -> Images:
        """Pictures of the edited ``codes (n, d)`` of the images ``chosen``, whose columns are now ``told``."""
        edited = self.unedited.studio.decode(codes)
        if self.editor is None or not self.columns:
            return edited
        residual = self.editor.v_for(codes, condition(self.unedited.columns, told))
        for _ in range(HOLDS):
            now = measured(self.columns, edited)
            told = {**told, **{one.name: told[one.name] - self._drift(one, chosen, now) for one in self.columns}}
            codes = retold(self.editor, residual, condition(self.unedited.columns, told))
            edited = self.unedited.studio.decode(codes)
        return edited

    def _drift(self, column: AuditedFeature, chosen: Rows, now: dict[str, Values]) -> Values:
        """How far a column that should stay moved, in its own unit; 0 where either value is missing."""
        drift = now[column.name] - self.unedited.exact[column.name][chosen]
        period = column.column.period
        return np.nan_to_num(drift if period is None else (drift + period / 2) % period - period / 2)


class ConditionalEdit(CodeEdit):
    """One attribute changed by the editor INN, the other columns kept.

    ``floor`` is the edit to the value that is there already.
    """

    method = "conditional INN edit"

    def __init__(self, feature: AuditedFeature, editor: ConditionalINN, unedited: Unedited) -> None:
        super().__init__(feature, unedited)
        self.key, self.editor, self.hold = feature.name, editor, Hold(feature, editor, unedited)
        self.residual = editor.v_for(unedited.codes, condition(unedited.columns, unedited.true))
        self.floor = self.to(np.arange(len(self.rows)), unedited.true[feature.name])

    def to(self, chosen: Rows, targets: Values) -> Images:
        """``before[chosen]`` with the attribute at ``targets`` and all other columns as they were."""
        told = {**self.unedited.told(chosen), self.feature.name: targets}
        codes = retold(self.editor, self.residual[torch.from_numpy(chosen)], condition(self.unedited.columns, told))
        return self.hold(chosen, codes, told)


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
        self.own = not feature.learned
        self.key = feature.name if self.own else feature.name + FACTOR_EDIT
        self.hold = Hold(feature, None if self.own else editor, unedited)
        here = np.arange(len(self.rows))
        self.floor = self._placed(here, factor.read(unedited.codes), feature.column.values[self.rows])

    def to(self, chosen: Rows, targets: Values) -> Images:
        """``before[chosen]`` with the factor of references that show the ``targets``."""
        return self._placed(chosen, targets if self.own else self.factor.read(self._donors(targets)), targets)

    def _placed(self, chosen: Rows, values: Values, targets: Values) -> Images:
        codes = self.factor.place(self.unedited.codes[torch.from_numpy(chosen)], values)
        return self.hold(chosen, codes, {**self.unedited.told(chosen), self.feature.name: targets})

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


def measured(features: list[AuditedFeature], images: Images) -> dict[str, Values]:
    """Values ``(n,)`` of those features that a formula measures, in their own unit."""
    return {one.name: one.statistic.measure(images) for one in features if one.statistic is not None}
