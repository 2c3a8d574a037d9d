"""Confidence intervals: cluster bootstrap over images, with exact guards where nothing was seen to happen.

Draws of one image are not independent, so images are resampled, never draws. One matrix of resampling weights serves
every feature, tap and ratio of an audit: a bootstrap is then one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .estimators import Shares, calibrate
from .pixels import Floats

RARE = 10.0
"""Fewer events than this on either side: the bootstrap hardly ever sees them, exact bounds take over."""


@dataclass(frozen=True)
class Interval:
    """A number with its two-sided confidence interval at ``level``. ``n`` counts images (clusters), not draws.

    ``joint_low`` and ``joint_high``: the wider bounds at which a whole family of intervals holds at once, if asked for.
    """

    value: float
    low: float
    high: float
    level: float
    n: int
    method: str
    joint_low: float | None = None
    joint_high: float | None = None

    @property
    def jointly(self) -> Interval:
        """The same with its joint bounds as bounds: what a verdict rests on."""
        low, high = self.joint_low, self.joint_high
        return replace(self, low=self.low if low is None else low, high=self.high if high is None else high)


def resampling_weights(n: int, resamples: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """How often each image occurs in each resample, ``(resamples, n)`` float32; every row sums to ``n``.

    Raises:
        ValueError: no images.
    """
    if n < 1:
        raise ValueError("cannot resample zero images")
    weights = np.empty((resamples, n), dtype=np.float32)
    for row in weights:  # one at a time: the draws of all resamples at once would need gigabytes
        row[:] = np.bincount(generator.integers(n, size=n), minlength=n)
    return weights


def mean_interval(
    values: Floats, weights: NDArray[np.float32], level: float = 0.95, joint: float | None = None
) -> Interval:
    """Interval of the mean of per-image values ``(n,)``; weights ``(resamples, n)``.

    Raises:
        ValueError: the weights are for another number of images.
    """
    ones = np.ones(len(values))
    return ratio_interval(Shares(np.asarray(values, dtype=np.float64), ones), weights, level, joint)


def ratio_interval(
    shares: Shares, weights: NDArray[np.float32], level: float = 0.95, joint: float | None = None
) -> Interval:
    """BCa interval (Efron 1987) of ``mean(part) / mean(total)``; ``joint``: the level of the joint bounds.

    Where the resamples are too few for a level, its quantiles come from their Cornish-Fisher expansion: a normal
    quantile would put the upper bound of a rare event far too low.

    Raises:
        ValueError: the weights are for another number of images.
    """
    if weights.shape[1] != len(shares.part):
        raise ValueError(f"weights for {weights.shape[1]} images, values for {len(shares.part)}")
    return bca_interval(
        shares.ratio, shares.count, resampled_ratios(shares, weights), ratios_without_each(shares), level, joint
    )


def bca_interval(
    value: float, n: int, resampled: Floats, without: Floats, level: float = 0.95, joint: float | None = None
) -> Interval:
    """BCa interval of any statistic of ``n`` images; NaN where there is none.

    ``resampled``: it in every resample, ``without (n,)``: it without each image in turn; NaN where it is not defined.
    """
    found = np.asarray(resampled[np.isfinite(resampled)], dtype=np.float64)
    if not np.isfinite(value) or len(found) < 2:
        return Interval(float("nan"), float("nan"), float("nan"), level, n, "none")
    endpoints = _Endpoints.of(value, found, without)
    return _interval(value, n, endpoints.method(level), endpoints.at, level, joint)


def retained_interval(
    shares: Shares, weights: NDArray[np.float32], level: float = 0.95, joint: float | None = None
) -> Interval:
    """Interval of ``1 - mean(part) / mean(total)``: a retention or an R^2."""
    return _map(ratio_interval(shares, weights, level, joint), lambda lost: 1 - lost)


def calibrate_interval(
    raw: Interval, floor: float, ceiling: float, *, room: float = 0.05, joint: float | None = None
) -> Interval | None:
    """Calibrated retention (:func:`workers.evidence.estimators.calibrate`), or ``None`` where it is not defined.

    Clipping never leaves an interval of width zero: ``high`` is at least the rule of three, ``low`` at most its mirror.
    """
    found = _map(raw, lambda number: float(calibrate(number, floor, ceiling, room=room)))
    if not np.isfinite([found.value, found.low, found.high]).all():
        return None
    least = exact_bounds(0, max(1, raw.n), raw.level)[1]
    found = replace(
        found, low=min(found.low, 1 - least), high=max(found.high, least), method=f"{raw.method}, calibrated"
    )
    if joint is None or found.joint_low is None or found.joint_high is None:
        return found
    least = exact_bounds(0, max(1, raw.n), joint)[1]
    return replace(found, joint_low=min(found.joint_low, 1 - least), joint_high=max(found.joint_high, least))


def unknown_interval(raw: Interval, method: str) -> Interval:
    """A share of which nothing is known: 0 to 1, at every level."""
    return Interval(0.0, 0.0, 1.0, raw.level, raw.n, method, 0.0, 1.0)


def exact_bounds(events: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson bounds of a proportion; ``events`` may be a sum of per-image rates in 0..1.

    No events: ``(0, 1 - (alpha/2)^(1/n))``, the two-sided rule of three, never ``(0, 0)``.
    """
    alpha = 1 - level
    low = 0.0 if events <= 0 else float(stats.beta.ppf(alpha / 2, events, n - events + 1))
    high = 1.0 if events >= n else float(stats.beta.ppf(1 - alpha / 2, events + 1, n - events))
    return low, high


def wilson_interval(events: float, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion of ``n`` independent images (Wilson 1927)."""
    z = float(stats.norm.ppf(0.5 + level / 2))
    share = events / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, max(0.0, float(middle - half)), min(1.0, float(middle + half)), level, n, "wilson")


def rate_interval(
    rates: Floats, weights: NDArray[np.float32], level: float = 0.95, joint: float | None = None
) -> Interval:
    """Interval of the mean of per-image rates ``(n,)`` in 0..1; exact where events are rare on either side."""
    n, events = len(rates), float(np.sum(rates))
    if min(events, n - events) >= RARE:
        return _map(mean_interval(rates, weights, level, joint), lambda rate: min(1.0, max(0.0, rate)))

    def exact(at: float) -> tuple[float, float]:
        return exact_bounds(events, n, at)

    return _interval(events / n, n, "clopper-pearson over images", exact, level, joint)


def excess_interval(
    differences: Floats, weights: NDArray[np.float32], level: float = 0.95, joint: float | None = None
) -> Interval:
    """Interval of the mean of paired per-image differences ``(n,)`` in -1..1; exact where few are not zero.

    Gains and losses are then bounded each by itself. Without a single difference it is plus or minus the rule of
    three: nothing seen is not nothing there. Nor is it ever narrower where all differences are alike: as many images
    as the rule of three allows may be of a kind that was not seen, and change by anything.
    """
    n = len(differences)
    gained, lost = float(np.clip(differences, 0, None).sum()), float(np.clip(-differences, 0, None).sum())
    if gained + lost >= RARE:
        return _with_unseen(mean_interval(differences, weights, level, joint), joint)

    def exact(at: float) -> tuple[float, float]:
        gains, losses = exact_bounds(gained, n, at), exact_bounds(lost, n, at)
        return gains[0] - losses[1], gains[1] - losses[0]

    return _interval((gained - lost) / n, n, "clopper-pearson over images", exact, level, joint)


def _with_unseen(found: Interval, joint: float | None) -> Interval:
    """At least as wide as a share of unseen images, bounded by the rule of three, allows at -1 or 1."""

    def bounds(at: float) -> tuple[float, float]:
        share = exact_bounds(0, found.n, at)[1]
        return found.value - share * (1 + found.value), found.value + share * (1 - found.value)

    low, high = bounds(found.level)
    found = replace(found, low=min(found.low, low), high=max(found.high, high))
    if joint is None or found.joint_low is None or found.joint_high is None:
        return found
    low, high = bounds(joint)
    return replace(found, joint_low=min(found.joint_low, low), joint_high=max(found.joint_high, high))


def _interval(
    value: float, n: int, method: str, bounds: Callable[[float], tuple[float, float]], level: float, joint: float | None
) -> Interval:
    """``bounds`` at ``level`` and at ``joint``; the value always lies within, the joint ones always outside."""
    low, high = bounds(level)
    low, high = min(low, value), max(high, value)
    if joint is None:
        return Interval(value, low, high, level, n, method)
    wide_low, wide_high = bounds(joint)
    return Interval(value, low, high, level, n, method, min(wide_low, low), max(wide_high, high))


def _map(interval: Interval, change: Callable[[float], float]) -> Interval:
    """A monotone ``change`` of value and bounds; a falling one swaps them."""
    low, high = sorted((change(interval.low), change(interval.high)))
    found = replace(interval, value=change(interval.value), low=low, high=high)
    if interval.joint_low is None or interval.joint_high is None:
        return found
    low, high = sorted((change(interval.joint_low), change(interval.joint_high)))
    return replace(found, joint_low=low, joint_high=high)


def resampled_ratios(shares: Shares, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The ratio in every resample, ``(resamples,)``; NaN in those in which it is not defined."""
    totals = weights @ shares.total.astype(np.float32)
    return np.asarray((weights @ shares.part.astype(np.float32)) / np.where(totals > 1e-9, totals, np.nan))


def ratios_without_each(shares: Shares) -> NDArray[np.float64]:
    """The ratio without each image in turn, ``(n,)``; NaN where it is not defined then."""
    totals = shares.total.sum() - shares.total
    return np.asarray((shares.part.sum() - shares.part) / np.where(np.abs(totals) > 1e-12, totals, np.nan))


@dataclass(frozen=True)
class _Endpoints:
    """BCa endpoints of one estimate at any level."""

    value: float
    resampled: NDArray[np.float64]
    bias: float | None
    acceleration: float

    @classmethod
    def of(cls, value: float, resampled: NDArray[np.float64], without: Floats) -> _Endpoints:
        below = float(np.mean(resampled < value) + np.mean(resampled == value) / 2)
        spreads = 0 < below < 1 and float(np.ptp(resampled)) >= 1e-12
        return cls(value, resampled, float(stats.norm.ppf(below)) if spreads else None, _acceleration(without))

    def at(self, level: float) -> tuple[float, float]:
        """Lower and upper endpoint."""
        z = stats.norm.ppf([(1 - level) / 2, (1 + level) / 2])
        if self.bias is not None:
            shifted = self.bias + z
            z = self.bias + shifted / np.maximum(1 - self.acceleration * shifted, 0.1)
        low, high = self._expanded(z) if self._too_few(level) else self._quantiles(z)
        return float(low), float(high)

    def method(self, level: float) -> str:
        """How :meth:`at` finds them."""
        kind = "percentile" if self.bias is None else "BCa"
        return f"bootstrap over images, {kind}" + (", expanded" if self._too_few(level) else "")

    def _too_few(self, level: float) -> bool:
        return len(self.resampled) * (1 - level) / 2 < 5

    def _quantiles(self, z: Floats) -> NDArray[np.float64]:
        return np.asarray(np.quantile(self.resampled, stats.norm.cdf(z)))

    def _expanded(self, z: Floats) -> NDArray[np.float64]:
        """Cornish-Fisher: quantiles of a distribution with the resamples' mean, deviation and skewness."""
        mean, deviation = self.resampled.mean(), self.resampled.std(ddof=1)
        skewness = float(stats.skew(self.resampled)) if deviation > 1e-12 else 0.0
        return np.asarray(mean + deviation * (z + skewness * (z**2 - 1) / 6))


def _acceleration(without: Floats) -> float:
    """Efron's acceleration, from the statistic without each image in turn."""
    known = without[np.isfinite(without)]
    gap = known.sum() / max(1, len(known)) - known
    return float(np.sum(gap**3) / (6 * max(float(np.sum(gap**2)) ** 1.5, 1e-300)))
