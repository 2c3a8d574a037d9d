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
Bounds = tuple[float, float]


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
    """Of differences in -1..1; where an image gains by more than a whole answer (a floor fell, too), in -2..2.

    Never narrower than the adjusted Wald interval. Where gains happen to outnumber losses, the resamples are skewed by
    that very accident, and BCa moves the lower bound away from 0 for it: alone, with 20 to 50 images that differ, it
    found differences where there were none two to three times as often as its joint level says (decision 0013).
    """
    reach = 1.0 if np.abs(differences).max(initial=0.0) <= 1 else 2.0
    scaled = differences / reach
    found = excess_interval(scaled, weights, level, joint)
    least = (adjusted_wald(scaled, level), None if joint is None else adjusted_wald(scaled, joint))
    wide = _at_least(found, *least)
    return _scaled(replace(wide, method=f"{found.method}, at least adjusted Wald"), reach)


def adjusted_wald(differences: Floats, level: float) -> Bounds:
    """Bounds of the mean of differences ``(n,)`` in -1..1: Wald's, with one image more that gains and one that loses.

    Of images that gain or lose a whole answer it is the interval of Bonett and Price (2012), which keeps its level with
    few of them or none.
    """
    n = len(differences) + 2
    mean, square = float(np.sum(differences)) / n, (float(np.sum(np.square(differences))) + 2) / n
    half = float(stats.norm.ppf(0.5 + level / 2)) * float(np.sqrt((square - mean**2) / n))
    return max(-1.0, mean - half), min(1.0, mean + half)


def _at_least(found: Interval, bounds: Bounds, joint: Bounds | None) -> Interval:
    """``found``, widened to ``bounds`` and its joint bounds to ``joint``."""
    found = replace(found, low=min(found.low, bounds[0]), high=max(found.high, bounds[1]))
    if joint is None or found.joint_low is None or found.joint_high is None:
        return found
    return replace(found, joint_low=min(found.joint_low, joint[0]), joint_high=max(found.joint_high, joint[1]))


def _scaled(found: Interval, by: float) -> Interval:
    low, high = (None if bound is None else by * bound for bound in (found.joint_low, found.joint_high))
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
    width: it is at least as wide as the rule of three, as a retention is. The interval is that of these probes: how far
    they fall short of what can be read, and by how much more for one of the two, is not in it.
    """
    shown = [_retained(one, weights, level, joint) for one in (before, after)]
    if shown[0] is None or shown[1] is None or before.misled or after.misled:
        return None
    told = [(one.calibrated(resampled_ratios(one.shares, weights)), one.calibrated(ratios_without_each(one.shares)))
            for one in (before, after)]  # fmt: skip
    count, value = min(before.shares.count, after.shares.count), shown[1].value - shown[0].value
    found = bca_interval(value, count, told[1][0] - told[0][0], told[1][1] - told[0][1], level, joint)
    return Paired(shown[0], shown[1], _never_sharp(replace(found, method=f"{found.method}, of these probes"), joint))


def _retained(one: Reading, weights: Weights, level: float, joint: float | None) -> Interval | None:
    raw = retained_interval(one.shares, weights, level, joint)
    return calibrate_interval(raw, one.floor, one.ceiling, room=DEFAULT.calibration_room, joint=joint)


def _never_sharp(found: Interval, joint: float | None) -> Interval:
    """At least the rule of three wide on either side, at every level."""

    def around(at: float) -> Bounds:
        least = exact_bounds(0, max(1, found.n), at)[1]
        return found.value - least, found.value + least

    return _at_least(found, around(found.level), None if joint is None else around(joint))


def share_difference(before: NDArray[np.bool_], after: NDArray[np.bool_], level: float = 0.95) -> Paired:
    """Shares of images that pass, of the same images: answers that are right.

    The difference is over the images on which the two disagree, as in McNemar's test: the adjusted Wald interval of
    Bonett and Price (2012), which keeps its level with few of them or none.
    """
    n, differences = len(before), after.astype(np.float64) - before
    value, (low, high) = float(differences.mean()), adjusted_wald(differences, level)
    return Paired(
        wilson_interval(float(before.sum()), n, level),
        wilson_interval(float(after.sum()), n, level),
        Interval(value, min(low, value), max(high, value), level, n, "paired adjusted Wald (Bonett and Price)"),
    )


def least_differences(thresholds: Thresholds = DEFAULT) -> dict[str, float]:
    """The smallest difference that counts, by quantity: what counts as an effect inside an audit."""
    return {"flip_rate": thresholds.flip_rate, "total_variation": thresholds.total_variation}
