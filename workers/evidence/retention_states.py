"""What the retentions of one feature at one tap show: of the tap's raw values, and of its invariant view.

The invariant view ``h(z)`` is a function of ``z`` whatever the network: its projection is made of the *known* action of
the group on the tap, not of the network's symmetry. What is readable from ``h(z)`` is therefore in ``z``, and the two
are read together by one rule (decision 0009):

- *visible* if either shows it: codes of one thing in many poses are misaligned, and what is plainly there without the
  pose can be unreadable from the raw values (papers.md 5.3);
- *low* only if the raw values show it low **and** the view, where there is one, does too. A view alone never makes
  anything low: it may have dropped what the tap holds.

So a view can only take a low retention away, never make one.

Held as *pose alone* is what one and the same measure finds in the raw values and not in the view, where

- the feature itself is pose: moving the input by the group changes it as far as it varies at all
  (:mod:`workers.evidence.posed`). That a probe does not find something in the view never says so: what is invariant may
  be there in a form that no probe reads;
- and what the view leaves out is the pose and nothing else. A theorem says so of some views. Of the others it is looked
  for in the tap's own values, each moved to a random pose: these hold all that the tap holds but the pose, so what a
  probe still reads from them is not pose alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from .bootstrap import Interval
from .thresholds import DEFAULT, Thresholds


class RetentionState(StrEnum):
    """What is shown of the retention. ``DISPUTED``: the two measures contradict each other.

    ``INSEPARABLE``: the references leave nothing of the feature that its ties do not explain.
    """

    LOW = "low"
    VISIBLE = "visible"
    DISPUTED = "disputed"
    INSEPARABLE = "inseparable"
    UNCLEAR = "unclear"
    MISSING = "missing"


@dataclass(frozen=True)
class Tied:
    """What the references tie the feature to, and its retention within strata of that; calibrated to 0..1.

    ``separable``: whether the references leave anything within the strata that images show.
    """

    names: tuple[str, ...]
    separable: bool
    stratified: Interval | None = None

    def within(self, stratified: Interval | None) -> Tied:
        """The same ties with the retention within strata that another representation shows."""
        return replace(self, stratified=stratified)


@dataclass(frozen=True)
class InvariantEvidence:
    """What was measured of the invariant view of the tap; retentions calibrated to 0..1 as the raw ones.

    ``group``: whose poses the view does not tell apart. ``lossless``: a theorem says that it tells any two orbits
    apart. ``follows``: the tap is shown to move with the picture by the action that the view divides out, exactly or by
    training; only then is that the pose of the *image*. ``turned`` and ``turned_stratified``: predictive retention by
    the tap's own values in random poses, where anybody looked. ``posed``: how far the group changes the feature itself,
    as a share of what two random references differ by (not a retention: it can be above 1).
    """

    group: str
    lossless: bool
    follows: bool
    predictive: Interval | None = None
    generative: Interval | None = None
    stratified: Interval | None = None
    turned: Interval | None = None
    turned_stratified: Interval | None = None
    posed: Interval | None = None

    @property
    def measured(self) -> InvariantEvidence | None:
        """Without retentions that came out as NaN; ``None`` where the view has none left."""
        found = replace(
            self, predictive=known(self.predictive), generative=known(self.generative),
            stratified=known(self.stratified), turned=known(self.turned),
            turned_stratified=known(self.turned_stratified), posed=known(self.posed),
        )  # fmt: skip
        return found if found.generative or found.predictive else None

    @property
    def unprobed(self) -> InvariantEvidence:
        """Without what probes read."""
        return replace(self, predictive=None, stratified=None, turned=None, turned_stratified=None)

    def is_pose(self, thresholds: Thresholds = DEFAULT) -> bool:
        """Whether the feature is shown to be pose: the group changes it as far as it varies."""
        return self.posed is not None and self.posed.low > thresholds.posed


@dataclass(frozen=True)
class Held:
    """What a tap's raw values, its invariant view, and its values in random poses show of one feature, each by itself.

    ``view`` and ``turned`` are ``MISSING`` where nobody looked. ``gone``: whether one and the same measure shows it of
    the raw values and not of the view.
    """

    raw: RetentionState
    view: RetentionState = RetentionState.MISSING
    turned: RetentionState = RetentionState.MISSING
    gone: bool = False

    @property
    def state(self) -> RetentionState:
        """What they show of the tap together: low only where ``raw`` is, visible where raw or view is."""
        if self.view is RetentionState.VISIBLE:
            return self.view
        if self.raw is RetentionState.LOW and self.view is not RetentionState.MISSING:
            return self.view
        return self.raw

    @property
    def lost_with_pose(self) -> bool:
        """Whether the raw values show what the view does not, and not for being measured in another way."""
        return self.gone and (self.raw, self.view) == (RetentionState.VISIBLE, RetentionState.LOW)

    def as_pose(self, view: InvariantEvidence, thresholds: Thresholds = DEFAULT) -> bool:
        """Whether the tap holds the feature as pose alone: it is pose, lost with the pose, and with nothing else."""
        alone = view.lossless or self.turned is RetentionState.LOW
        return self.lost_with_pose and view.follows and alone and view.is_pose(thresholds)


def held_by(
    generative: Interval | None, predictive: Interval | None, tied: Tied | None, view: InvariantEvidence | None,
    thresholds: Thresholds = DEFAULT,
) -> Held:  # fmt: skip
    """What each representation of the tap shows; ``generative``, ``predictive`` and ``tied`` are of the raw values."""
    raw = held(generative, predictive, tied, thresholds)
    if view is None:
        return Held(raw)
    within = None if tied is None else tied.within(view.stratified)
    turned = None if tied is None else tied.within(view.turned_stratified)
    alike = (predictive, view.predictive) if tied is None else (tied.stratified, view.stratified)
    return Held(
        raw, held(view.generative, view.predictive, within, thresholds), held(None, view.turned, turned, thresholds),
        lost(*alike, thresholds),
    )  # fmt: skip


def lost(raw: Interval | None, view: Interval | None, thresholds: Thresholds = DEFAULT) -> bool:
    """Whether one measure shows a feature of the raw values, and shows it to be low of the view.

    Two measures never show that: samples may find in the values what a probe of them does not find either.
    """
    if raw is None or view is None:
        return False
    return raw.low > thresholds.retention_visible and view.high < thresholds.retention_low


def held(
    generative: Interval | None, predictive: Interval | None, tied: Tied | None, thresholds: Thresholds = DEFAULT
) -> RetentionState:
    """What one representation shows. Low needs every measure; visible needs one that the other does not dispute.

    A probe that reads a feature proves that it is there, so a higher predictive retention is never disputed. Unless a
    tie does the same: then what is not low is judged within strata.
    """
    known = [one for one in (generative, predictive) if one is not None]
    if not known:
        return RetentionState.MISSING
    if all(one.high < thresholds.retention_low for one in known):
        return RetentionState.LOW
    if tied is not None:
        return _within(tied, thresholds)
    if predictive and predictive.low > thresholds.retention_visible:
        return RetentionState.VISIBLE
    if generative and predictive and _disagree(generative, predictive, thresholds):
        return RetentionState.DISPUTED
    visible = any(one.low > thresholds.retention_visible for one in known)
    return RetentionState.VISIBLE if visible else RetentionState.UNCLEAR


def known(interval: Interval | None) -> Interval | None:
    """``None`` for a retention that came out as NaN: it was not made."""
    if interval is None or not np.isfinite([interval.value, interval.low, interval.high]).all():
        return None
    return interval


def _within(tied: Tied, thresholds: Thresholds) -> RetentionState:
    if not tied.separable:
        return RetentionState.INSEPARABLE
    within = tied.stratified
    if within is None:
        return RetentionState.UNCLEAR
    if within.high < thresholds.retention_low:
        return RetentionState.LOW
    return RetentionState.VISIBLE if within.low > thresholds.retention_visible else RetentionState.UNCLEAR


def _disagree(a: Interval, b: Interval, thresholds: Thresholds) -> bool:
    apart = a.low > b.high or b.low > a.high
    return apart and abs(a.value - b.value) > thresholds.disagreement
