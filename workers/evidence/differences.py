"""Intervals on what changed between two audits, paired image by image (decision 0013).

Two intervals side by side say little about a difference: what makes an image hard is on both sides of it, and goes
away in ``after - before`` of the same image. So every statistic here is of both sides at once, over the same resamples
of the same images; where few images changed at all, exact bounds take over, as inside an audit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .bootstrap import (
    Interval,
    bca_interval,
    calibrate_interval,
    exact_bounds,
    excess_interval,
    mean_interval,
    ratio_interval,
    ratios_without_each,
    resampled_ratios,
    retained_interval,
    wilson_interval,
)
from .estimators import Shares, calibrate
from .family import QUANTITIES, Family
from .pixels import Floats
from .thresholds import DEFAULT, Thresholds

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Paired:
    """A number before, after, and ``after - before``; each with its interval over the same images."""

    before: Interval
    after: Interval
    difference: Interval


@dataclass(frozen=True)
class Reading:
    """What a probe reads: ``shares`` of variance that it leaves over; retention lies from ``floor`` to ``ceiling``."""

    shares: Shares
    floor: float
    ceiling: float

    def calibrated(self, ratios: Floats) -> NDArray[np.float64]:
        """Unexplained shares as retentions, 0..1."""
        return calibrate(1 - ratios, self.floor, self.ceiling, room=DEFAULT.calibration_room)

    @property
    def misled(self) -> bool:
        """Worse than the mean alone: it shows nothing, and least of all a difference."""
        return not self.shares.retained >= self.floor - DEFAULT.misled


def family_of_differences(edits: int, features: int, taps: int, level: float = DEFAULT.level) -> Family:
    """All bounds of a comparison that hold at once: flips and variation per edit, a retention per feature and tap, and
    two invariances per tap (Bonferroni, as inside an audit: decision 0007).
    """
    return Family(level, QUANTITIES * edits + features * taps + 2 * taps)


def excess_difference(
    before: Floats, after: Floats, weights: Weights, level: float = 0.95, joint: float | None = None
) -> Paired:
    """Mean of per-image effects beyond their floors, ``(n,)`` each in -1..1, of the same images."""
    return Paired(
        excess_interval(before, weights, level, joint),
        excess_interval(after, weights, level, joint),
        _bounded(after - before, weights, level, joint),
    )


def _bounded(differences: Floats, weights: Weights, level: float, joint: float | None) -> Interval:
    """Of differences in -1..1; where an image gains by more than a whole answer (a floor fell, too), in -2..2."""
    reach = 1.0 if np.abs(differences).max(initial=0.0) <= 1 else 2.0
    return _scaled(excess_interval(differences / reach, weights, level, joint), reach)


def _scaled(found: Interval, by: float) -> Interval:
    joint = (None if bound is None else by * bound for bound in (found.joint_low, found.joint_high))
    low, high = joint
    return replace(found, value=by * found.value, low=by * found.low, high=by * found.high,
                   joint_low=low, joint_high=high)  # fmt: skip


def mean_difference(
    before: Floats, after: Floats, weights: Weights, level: float = 0.95, joint: float | None = None
) -> Paired:
    """Mean of per-image numbers without bounds, ``(n,)`` each, of the same images."""
    return Paired(*(mean_interval(each, weights, level, joint) for each in (before, after, after - before)))


def ratio_difference(
    before: Shares, after: Shares, weights: Weights, level: float = 0.95, joint: float | None = None
) -> Paired:
    """Shares of variance ``mean(part) / mean(total)`` of the same images: the total invariances of a tap."""
    resampled = resampled_ratios(after, weights) - resampled_ratios(before, weights)
    without = ratios_without_each(after) - ratios_without_each(before)
    count = min(before.count, after.count)
    return Paired(
        ratio_interval(before, weights, level, joint),
        ratio_interval(after, weights, level, joint),
        bca_interval(after.ratio - before.ratio, count, resampled, without, level, joint),
    )


def retention_difference(
    before: Reading, after: Reading, weights: Weights, level: float = 0.95, joint: float | None = None
) -> Paired | None:
    """Calibrated retentions of one feature by two representations of the same images.

    ``None`` where one of them is not defined, or its probe was misled. Clipping never leaves a difference without
    width: it is at least as wide as the rule of three, as a retention is.
    """
    shown = [_retained(one, weights, level, joint) for one in (before, after)]
    if shown[0] is None or shown[1] is None or before.misled or after.misled:
        return None
    told = [(one.calibrated(resampled_ratios(one.shares, weights)), one.calibrated(ratios_without_each(one.shares)))
            for one in (before, after)]  # fmt: skip
    count, value = min(before.shares.count, after.shares.count), shown[1].value - shown[0].value
    found = bca_interval(value, count, told[1][0] - told[0][0], told[1][1] - told[0][1], level, joint)
    return Paired(shown[0], shown[1], _never_sharp(found, joint))


def _retained(one: Reading, weights: Weights, level: float, joint: float | None) -> Interval | None:
    raw = retained_interval(one.shares, weights, level, joint)
    return calibrate_interval(raw, one.floor, one.ceiling, room=DEFAULT.calibration_room, joint=joint)


def _never_sharp(found: Interval, joint: float | None) -> Interval:
    """At least the rule of three wide on either side, at every level."""
    least = exact_bounds(0, max(1, found.n), found.level)[1]
    found = replace(found, low=min(found.low, found.value - least), high=max(found.high, found.value + least))
    if joint is None or found.joint_low is None or found.joint_high is None:
        return found
    least = exact_bounds(0, max(1, found.n), joint)[1]
    return replace(found, joint_low=min(found.joint_low, found.value - least),
                   joint_high=max(found.joint_high, found.value + least))  # fmt: skip


def share_difference(before: NDArray[np.bool_], after: NDArray[np.bool_], level: float = 0.95) -> Paired:
    """Shares of images that pass, of the same images: answers that are right.

    The difference is over the images on which the two disagree, as in McNemar's test: the adjusted Wald interval of
    Bonett and Price (2012), which keeps its level with few of them or none.
    """
    n = len(before)
    gained, lost = (float(np.count_nonzero(each)) for each in (after & ~before, before & ~after))
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = float(stats.norm.ppf(0.5 + level / 2)) * float(np.sqrt((up + down - (up - down) ** 2) / (n + 2)))
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    value = (gained - lost) / n
    return Paired(
        wilson_interval(float(before.sum()), n, level),
        wilson_interval(float(after.sum()), n, level),
        Interval(value, min(low, value), max(high, value), level, n, "paired adjusted Wald (Bonett and Price)"),
    )


def least_differences(thresholds: Thresholds = DEFAULT) -> dict[str, float]:
    """The smallest difference that counts, by quantity: what counts as an effect inside an audit."""
    return {"flip_rate": thresholds.flip_rate, "total_variation": thresholds.total_variation}
