"""Confidence intervals: cluster bootstrap over images, with exact guards where nothing was seen to happen.

Draws of one image are not independent, so images are resampled, never draws. One matrix of resampling weights serves
every feature, tap and ratio of an audit: a bootstrap is then one matrix product.
"""

from __future__ import annotations

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
    """A number with its two-sided confidence interval. ``n`` counts images (clusters), not draws."""

    value: float
    low: float
    high: float
    level: float
    n: int
    method: str


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


def simultaneous_level(level: float, comparisons: int) -> float:
    """Level of each of ``comparisons`` intervals so that all hold at once at ``level`` (Bonferroni, any dependence)."""
    return 1 - (1 - level) / max(1, comparisons)


def mean_interval(values: Floats, weights: NDArray[np.float32], level: float = 0.95) -> Interval:
    """Interval of the mean of per-image values ``(n,)``; weights ``(resamples, n)``.

    Raises:
        ValueError: the weights are for another number of images.
    """
    ones = np.ones(len(values))
    return ratio_interval(Shares(np.asarray(values, dtype=np.float64), ones), weights, level)


def ratio_interval(shares: Shares, weights: NDArray[np.float32], level: float = 0.95) -> Interval:
    """BCa interval (Efron 1987) of ``mean(part) / mean(total)``.

    Where the resamples are too few for such a level, the bootstrap standard error with normal quantiles.

    Raises:
        ValueError: the weights are for another number of images.
    """
    if weights.shape[1] != len(shares.part):
        raise ValueError(f"weights for {weights.shape[1]} images, values for {len(shares.part)}")
    n = shares.count
    totals = weights @ shares.total.astype(np.float32)
    resampled = (weights @ shares.part.astype(np.float32)) / np.where(totals > 1e-9, totals, np.nan)
    resampled = resampled[np.isfinite(resampled)].astype(np.float64)
    value = shares.ratio
    if not np.isfinite(value) or len(resampled) < 2:
        return Interval(float("nan"), float("nan"), float("nan"), level, n, "none")
    low, high, method = _bca(value, resampled, _jackknife(shares), level)
    return Interval(value, min(low, value), max(high, value), level, n, method)


def retained_interval(shares: Shares, weights: NDArray[np.float32], level: float = 0.95) -> Interval:
    """Interval of ``1 - mean(part) / mean(total)``: a retention or an R^2."""
    lost = ratio_interval(shares, weights, level)
    return replace(lost, value=1 - lost.value, low=1 - lost.high, high=1 - lost.low)


def calibrate_interval(raw: Interval, floor: float, ceiling: float) -> Interval | None:
    """Calibrated retention (:func:`workers.evidence.estimators.calibrate`), or ``None`` where it is not defined.

    Clipping never leaves an interval of width zero: ``high`` is at least the rule of three, ``low`` at most its mirror.
    """
    value, low, high = (float(calibrate(number, floor, ceiling)) for number in (raw.value, raw.low, raw.high))
    if not np.isfinite([value, low, high]).all():
        return None
    margin = min(1.0, 3.0 / max(1, raw.n))
    method = f"{raw.method}, calibrated"
    return replace(raw, value=value, low=min(low, 1 - margin), high=max(high, margin), method=method)


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


def rate_interval(rates: Floats, weights: NDArray[np.float32], level: float = 0.95) -> Interval:
    """Interval of the mean of per-image rates ``(n,)`` in 0..1; exact where events are rare on either side."""
    n, events = len(rates), float(np.sum(rates))
    if min(events, n - events) < RARE:
        low, high = exact_bounds(events, n, level)
        return Interval(events / n, low, high, level, n, "clopper-pearson over images")
    found = mean_interval(rates, weights, level)
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))


def excess_interval(differences: Floats, weights: NDArray[np.float32], level: float = 0.95) -> Interval:
    """Interval of the mean of paired per-image differences ``(n,)`` in -1..1, widened where few are non-zero.

    Without a single difference it is plus or minus the rule of three: nothing seen is not nothing there.
    """
    n = len(differences)
    found = mean_interval(differences, weights, level)
    gained, lost = float(np.clip(differences, 0, None).sum()), float(np.clip(-differences, 0, None).sum())
    if gained + lost >= RARE:
        return found
    high = exact_bounds(gained, n, level)[1] - lost / n
    low = gained / n - exact_bounds(lost, n, level)[1]
    method = "bootstrap over images, exact guard"
    return replace(found, low=min(found.low, low), high=max(found.high, high), method=method)


def _jackknife(shares: Shares) -> NDArray[np.float64]:
    """The ratio without each image in turn, ``(n,)``."""
    totals = shares.total.sum() - shares.total
    return np.asarray((shares.part.sum() - shares.part) / np.where(np.abs(totals) > 1e-12, totals, np.nan))


def _bca(value: float, resampled: Floats, jackknife: Floats, level: float) -> tuple[float, float, str]:
    alpha = 1 - level
    if len(resampled) * alpha / 2 < 5:
        half = float(stats.norm.ppf(1 - alpha / 2)) * float(resampled.std(ddof=1))
        return value - half, value + half, "bootstrap over images, normal"
    below = float(np.mean(resampled < value) + np.mean(resampled == value) / 2)
    if not 0 < below < 1 or float(np.ptp(resampled)) < 1e-12:
        low, high = np.quantile(resampled, [alpha / 2, 1 - alpha / 2])
        return float(low), float(high), "bootstrap over images, percentile"
    bias = stats.norm.ppf(below)
    known = jackknife[np.isfinite(jackknife)]
    gap = known.sum() / max(1, len(known)) - known
    curvature = np.sum(gap**3) / (6 * max(float(np.sum(gap**2)) ** 1.5, 1e-300))
    z = bias + stats.norm.ppf([alpha / 2, 1 - alpha / 2])
    low, high = np.quantile(resampled, stats.norm.cdf(bias + z / (1 - curvature * z)))
    return float(low), float(high), "bootstrap over images, BCa"
