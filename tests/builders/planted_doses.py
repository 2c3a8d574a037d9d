"""Retention that was measured beside the retention that was planted: growing doses, shortcuts and triggers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from schemas.certificate import DosePoint, DoseResponse, PlantedPair, Score
from schemas.results import AuditResult, Estimate, Verdict
from tests.builders.planted_classifiers import NOISES
from tests.builders.planted_plots import DOSE_TAPS
from tests.builders.planted_scenes import PATCHES, SIDE
from tests.builders.planted_scores import judged
from tests.builders.simulated_readings import dose, readings_given, responding
from workers.evidence.bootstrap import Interval, resampling_weights, retained_interval
from workers.evidence.estimators import explained, retention
from workers.evidence.probes import cross_fit

ALPHAS = (0.0, 0.3, 0.6, 1.0, 1.5, 2.5, 5.0)
IMAGES = 1_000
DRAWS = 8
NODES = 60
IN_PICTURES = "An audit whose taps hold the hue's cosine and sine under growing noise, in closed form."
IN_NUMBERS = "A tap that holds a class and alpha times a standard normal number plus standard normal noise."

Floats = NDArray[np.float64]


def circular_retention(variance: float) -> float:
    """Share of a uniform angle's (cosine, sine) that their sum with noise of this ``variance`` determines, 0..1.

    Given the sum ``y`` the angle is von Mises with concentration ``|y| / variance``, so that the share is
    ``E[(I1 / I0)^2]``, here by Gauss-Hermite quadrature over the noise.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    along, across = np.meshgrid(1 + np.sqrt(variance) * nodes, np.sqrt(variance) * nodes)
    concentration = np.hypot(along, across) / variance
    share = np.square(special.ive(1, concentration) / special.ive(0, concentration))
    return float((np.outer(weights, weights) * share).sum() / weights.sum() ** 2)


def dosed_pictures(result: AuditResult) -> list[DoseResponse]:
    """Both retentions of the hue at every dosed tap of the audit of ``dosed`` (P4)."""
    kept = {tap: result.finding("hue", tap).retention for tap in DOSE_TAPS}
    found = []
    for which in ("predictive", "generative"):
        told = {tap: getattr(retained, which) for tap, retained in kept.items()}
        points = [
            DosePoint(dose=noise, truth=circular_retention(noise), told=told[tap])
            for tap, noise in zip(DOSE_TAPS, NOISES, strict=True)
            if told[tap] is not None
        ]
        found.append(respond(f"hue in pictures, {which}", IN_PICTURES, points))
    return found


def dosed_numbers(seed: int = 0) -> list[DoseResponse]:
    """Both retentions of a number at simulated taps: the estimators alone, without images and networks (P4)."""
    measures: dict[str, Callable[[float, np.random.Generator], Interval]] = {
        "predictive": _read, "generative": _drawn,
    }  # fmt: skip
    found = []
    for which, measure in measures.items():
        rng = np.random.default_rng(seed)
        points = [DosePoint(dose=a, truth=dose(a, 1.0), told=_estimate(measure(a, rng))) for a in ALPHAS]
        found.append(respond(f"number, {which}", IN_NUMBERS, points))
    return found


def respond(name: str, construction: str, points: Sequence[DosePoint]) -> DoseResponse:
    """The line through the points, told against true."""
    truth, told = np.array([p.truth for p in points]), np.array([p.told.value for p in points])
    slope, intercept = np.polyfit(truth, told, 1)
    rank = float(stats.spearmanr(truth, told).statistic)
    return DoseResponse(name=name, construction=construction, points=list(points), slope=float(slope),
                        intercept=float(intercept), spearman=rank)  # fmt: skip


def dose_scores(doses: Sequence[DoseResponse]) -> list[Score]:
    """Whether the doses come out in their order, on a line of slope 1 through 0."""
    slopes, intercepts = [d.slope for d in doses], [d.intercept for d in doses]
    errors = [abs(p.told.value - p.truth) for d in doses for p in d.points]
    return [
        _score("dose_spearman", "Rank correlation with the planted dose, worst", min(d.spearman for d in doses), 0.99),
        _score("dose_slope", "Slope of told against planted retention, worst", min(slopes), 0.9, 1.1),
        _score("dose_intercept", "Intercept of the same, worst", max(intercepts, key=abs), -0.05, 0.05),
        _score("dose_error", "Mean error of retention over all doses", float(np.mean(errors)), None, 0.05),
    ]


def shortcut_score(pairs: Sequence[PlantedPair]) -> list[Score]:
    """Whether nets that took the shortcut more come out so: told against true flip rates of the hue (P3)."""
    twins = [p for p in pairs if p.plant.startswith("twin") and p.feature == "hue" and p.told is not None]
    if len(twins) < 3:
        return []
    rank = float(stats.spearmanr([p.flips for p in twins], [p.told.value for p in twins if p.told]).statistic)
    return [_score("shortcut_spearman", "Rank correlation of hue flips over shortcut twins", rank, 0.9)]


def trigger_scores(pairs: Sequence[PlantedPair]) -> list[Score]:
    """The rarest and the smallest trigger that was called used (P10); no target, it is the limit of what is seen."""
    seen = [p for p in pairs if p.verdict is Verdict.USED]
    rates = [p.flips for p in seen if p.plant.startswith("trigger") and p.feature == "watermark"]
    areas = [_area(p.feature) for p in seen if p.plant == f"trigger_{p.feature}"]
    return [
        Score(name="rarest_trigger", label="Rarest trigger seen, share of answers", value=min(rates, default=None)),
        Score(name="smallest_trigger", label=f"Smallest trigger seen, pixels of {SIDE * SIDE}",
              value=min(areas, default=None)),
    ]  # fmt: skip


def identity_scores(result: AuditResult) -> list[Score]:
    """The tap that is the picture itself: it keeps everything, and nothing is invariant (P5)."""
    kept = result.finding("hue", "whole").retention
    values = [told.value for told in (kept.predictive, kept.generative) if told is not None]
    invariance = next(tap.total_invariance for tap in result.taps if tap.name == "whole")
    return [
        _score("identity_retention", "Retention of hue at the picture itself, worse one", min(values), 0.9),
        *([] if invariance is None else [
            _score("identity_invariance", "Total invariance of the picture itself", invariance.value, None, 0.1)
        ]),
    ]  # fmt: skip


def _score(name: str, label: str, value: float, at_least: float | None, at_most: float | None = None) -> Score:
    return judged(Score(name=name, label=label, value=value, at_least=at_least, at_most=at_most))


def _area(patch: str) -> float:
    rows, columns = PATCHES[patch]
    return float((rows.stop - rows.start) * (columns.stop - columns.start))


def _read(alpha: float, rng: np.random.Generator) -> Interval:
    number, z = responding(alpha, 1.0, IMAGES, rng)
    return retained_interval(explained(number, cross_fit(z, number, rng)), resampling_weights(IMAGES, 1_000, rng))


def _drawn(alpha: float, rng: np.random.Generator) -> Interval:
    shares = retention(readings_given(alpha, 1.0, IMAGES, DRAWS, rng))
    return retained_interval(shares, resampling_weights(IMAGES, 1_000, rng))


def _estimate(found: Interval) -> Estimate:
    return Estimate(value=found.value, low=found.low, high=found.high, level=found.level, n=found.n,
                    method=found.method)  # fmt: skip
