"""Measurements whose truth is known in closed form, without images or networks (papers.md 5.4, P1, P4, P7).

Every function takes a generator and returns arrays or one share of right answers, so that a test asks it a few times
and the calibration certificate many times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.evidence.bootstrap import Interval, excess_interval, rate_interval, resampling_weights, retained_interval
from workers.evidence.estimators import explained, retention
from workers.evidence.family import Family, family
from workers.evidence.probes import cross_fit
from workers.evidence.thresholds import DEFAULT

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LinearGaussian:
    """P1: code ``~ N(0, covariance)``, ``z = weights @ code + noise * N(0, I)``. Everything is known in closed form."""

    covariance: Array
    weights: Array
    noise: float

    @classmethod
    def random(cls, dimensions: int, taps: int, rng: np.random.Generator, noise: float = 0.5) -> LinearGaussian:
        """A random well-conditioned one."""
        root = rng.normal(size=(dimensions, dimensions)) / np.sqrt(dimensions)
        return cls(root @ root.T + 0.3 * np.eye(dimensions), rng.normal(size=(taps, dimensions)), noise)

    @property
    def gain(self) -> Array:
        """``E[code | z] = gain @ z``, ``(d, k)``."""
        crossed = self.weights @ self.covariance
        return np.linalg.solve(crossed @ self.weights.T + self.noise**2 * np.eye(len(self.weights)), crossed).T

    @property
    def posterior(self) -> Array:
        """``Cov[code | z]``, ``(d, d)``."""
        return self.covariance - self.gain @ self.weights @ self.covariance

    @property
    def information(self) -> float:
        """``I(code; z)`` in nats (M3)."""
        scaled = self.weights @ self.covariance @ self.weights.T / self.noise**2
        return float(np.linalg.slogdet(np.eye(len(scaled)) + scaled)[1] / 2)

    @property
    def total_invariance(self) -> float:
        """``tr Cov[code | z] / tr Cov[code]`` (M2)."""
        return float(np.trace(self.posterior) / np.trace(self.covariance))

    def retained(self, feature: Array) -> float:
        """Of ``feature @ code`` with ``feature (k, d)`` (M1)."""
        return float(
            1 - np.trace(feature @ self.posterior @ feature.T) / np.trace(feature @ self.covariance @ feature.T)
        )

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Codes ``(n, d)`` and what the tap says of them, ``(n, k)``."""
        codes = rng.multivariate_normal(np.zeros(len(self.covariance)), self.covariance, n)
        return codes, codes @ self.weights.T + self.noise * rng.normal(size=(n, len(self.weights)))

    def draws(self, z: Array, draws: int, rng: np.random.Generator) -> Array:
        """Codes that share ``z``, ``(n, draws, d)``: what a perfect INN samples."""
        spread = rng.multivariate_normal(np.zeros(len(self.covariance)), self.posterior, (len(z), draws))
        return (z @ self.gain.T)[:, None] + spread

    def nll(self, codes: Array, z: Array | None = None) -> Array:
        """Exact negative log-likelihood in nats per image, ``(n,)``: given ``z``, or without it."""
        spread = self.covariance if z is None else self.posterior
        gap = codes if z is None else codes - z @ self.gain.T
        quadratic = np.einsum("ni,ni->n", gap, np.linalg.solve(spread, gap.T).T)
        return (quadratic + np.linalg.slogdet(2 * np.pi * spread)[1]) / 2

    def residual(self, codes: Array, z: Array) -> Array:
        """``v``: what ``z`` leaves of the codes, standardised, ``(n, d)``; independent of ``z`` (M10)."""
        return np.linalg.solve(np.linalg.cholesky(self.posterior), (codes - z @ self.gain.T).T).T


def dose(alpha: float, noise: float) -> float:
    """P4: retention of a unit-variance ``h`` in ``alpha * h + noise * N(0, 1)``."""
    return alpha**2 / (alpha**2 + noise**2)


def responding(alpha: float, noise: float, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """P4: ``h (n, 1)`` and the tap ``[one-hot class, alpha h + noise]``, ``(n, 6)``."""
    h = rng.normal(size=(n, 1))
    classes = np.eye(5)[rng.integers(5, size=n)]
    return h, np.concatenate([classes, alpha * h + noise * rng.normal(size=(n, 1))], axis=1)


def readings_given(alpha: float, noise: float, n: int, draws: int, rng: np.random.Generator) -> Array:
    """P4: readings of ``h`` on samples that share the tap, ``(n, draws, 1)``: exact posterior draws."""
    _, z = responding(alpha, noise, n, rng)
    mean = z[:, -1:] * alpha / (alpha**2 + noise**2)
    return (mean + np.sqrt(1 - dose(alpha, noise)) * rng.normal(size=(n, draws)))[..., None]


def covers_generative(rng: np.random.Generator, alpha: float = 1.0, n: int = 300, draws: int = 8) -> bool:
    """Whether the interval of generative retention holds the truth."""
    shares = retention(readings_given(alpha, 1.0, n, draws, rng))
    return _holds(retained_interval(shares, resampling_weights(n, 500, rng)), dose(alpha, 1.0))


def covers_predictive(rng: np.random.Generator, alpha: float = 1.0, n: int = 800) -> bool:
    """Whether the interval of predictive retention holds the truth."""
    h, z = responding(alpha, 1.0, n, rng)
    shares = explained(h, cross_fit(z, h, rng))
    return _holds(retained_interval(shares, resampling_weights(n, 500, rng)), dose(alpha, 1.0))


def covers_flip_rate(
    rng: np.random.Generator, rate: float = 0.03, floor: float = 0.01, n: int = 1000, edits: int = 2
) -> bool:
    """Whether the interval of the flip rate beyond the floor holds the truth; images differ in how easily they flip."""
    differences = _flips(rate + floor, n, edits, rng) - _flips(floor, n, 1, rng)
    return _holds(excess_interval(differences, resampling_weights(n, 500, rng)), rate)


@dataclass(frozen=True)
class SimulatedAudit:
    """An audit of ``features`` at ``taps``, each measure a thing that its interval may miss.

    ``flip_rate`` is the true rate of every feature, ``retained`` the true retention of every feature at every tap.
    """

    features: int = 12
    taps: int = 3
    images: int = 1000
    sampled: int = 400
    flip_rate: float = DEFAULT.flip_rate
    retained: float = DEFAULT.retention_low
    resamples: int = 1000

    @property
    def family(self) -> Family:
        """Its bounds."""
        return family(self.features, self.features, self.taps)

    def intervals(self, rng: np.random.Generator) -> list[tuple[Interval, float]]:
        """Every interval of one audit with its truth: flip rates, then retentions, over the same resamples."""
        drawn = resampling_weights(self.sampled, self.resamples, rng)
        retained = [found for _ in range(self.features) for found in self._retentions(drawn, rng)]
        return [(found, self.flip_rate) for found in self.flip_rates(rng)] + [(one, self.retained) for one in retained]

    def flip_rates(self, rng: np.random.Generator) -> list[Interval]:
        """The flip rate of every feature."""
        weights = resampling_weights(self.images, self.resamples, rng)
        return [
            rate_interval(_flips(self.flip_rate, self.images, 2, rng), weights, joint=self.family.each)
            for _ in range(self.features)
        ]

    def holds(self, rng: np.random.Generator) -> bool:
        """Whether all joint intervals of one audit hold their truths."""
        return all(_holds(found.jointly, truth) for found, truth in self.intervals(rng))

    def misses(self, rng: np.random.Generator) -> int:
        """How many of the intervals that hold one by one miss."""
        return sum(not _holds(found, truth) for found, truth in self.intervals(rng))

    def denies(self, rng: np.random.Generator) -> bool:
        """Whether any feature is shown to have no effect, by its flip rate: false when the truth is at the limit."""
        return any(one.jointly.high < DEFAULT.flip_rate for one in self.flip_rates(rng))

    def _retentions(self, weights: NDArray[np.float32], rng: np.random.Generator) -> list[Interval]:
        """One feature at every tap: the same images, so dependent."""
        alpha = np.sqrt(self.retained / (1 - self.retained))
        shared = rng.normal(size=(self.sampled, 1))
        found = []
        for _ in range(self.taps):
            h = 0.7 * shared + np.sqrt(0.51) * rng.normal(size=(self.sampled, 1))
            mean = alpha * (alpha * h + rng.normal(size=h.shape)) / (alpha**2 + 1)
            draws = mean + np.sqrt(1 - self.retained) * rng.normal(size=(self.sampled, 8))
            found.append(retained_interval(retention(draws[..., None]), weights, joint=self.family.each))
        return found


def share_of(trial: Callable[[np.random.Generator], bool], times: int, rng: np.random.Generator) -> float:
    """How often ``trial`` says yes."""
    return sum(trial(rng) for _ in range(times)) / times


def _flips(rate: float, n: int, edits: int, rng: np.random.Generator) -> Array:
    """Per-image flip rates with mean ``rate``: images near the boundary flip often, most hardly ever."""
    if rate <= 0:
        return np.zeros(n)
    ease = rng.beta(2 * rate, 2 * (1 - rate), size=n)
    return rng.binomial(edits, ease) / edits


def _holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high
