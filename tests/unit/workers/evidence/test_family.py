"""Bounds that hold over a whole audit: their error, and what they cost in power."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.builders.simulated_readings import (
    SimulatedAudit,
    covers_flip_rate,
    covers_generative,
    covers_predictive,
    share_of,
)
from workers.evidence.bootstrap import exact_bounds, excess_interval, resampling_weights
from workers.evidence.family import Family, detectable_flip_rate, family
from workers.evidence.thresholds import DEFAULT

DEMO = SimulatedAudit()


def test_the_family_counts_every_bound_once() -> None:
    found = family(edits=12, features=12, taps=3)
    assert found.comparisons == 2 * 12 + 2 * 12 * 3
    assert 1 - found.each == pytest.approx(0.05 / 96)
    assert Family(0.95, 0).each == pytest.approx(0.95)


def test_joint_intervals_hold_at_once_and_pointwise_ones_do_not() -> None:
    rng = np.random.default_rng(1)
    small = SimulatedAudit(features=6, taps=2, images=400, sampled=150, resamples=300)
    assert share_of(small.holds, 80, rng) >= 0.90  # three deviations below 0.95 at 80 audits: 0.88
    assert np.mean([small.misses(rng) > 0 for _ in range(20)]) > 0.3  # of 18 intervals at 95 %


def test_an_effect_at_the_limit_is_hardly_ever_denied() -> None:
    """12 features with exactly the flip rate that counts: any of them 'absent' is a false one."""
    assert share_of(replace(DEMO, resamples=300).denies, 60, np.random.default_rng(2)) <= 0.05


def test_the_demo_can_still_say_ignored(rng) -> None:
    """A thousand edited images, none of which flips, at the joint level of the demo."""
    assert exact_bounds(0, 1000, DEMO.family.each)[1] < DEFAULT.flip_rate / 2
    weights = resampling_weights(1000, 500, rng)
    none = excess_interval(np.zeros(1000), weights, joint=DEMO.family.each)
    few = excess_interval((np.arange(1000) < 5).astype(float), weights, joint=DEMO.family.each)
    assert none.jointly.high < few.jointly.high < DEFAULT.flip_rate


@pytest.mark.parametrize("images", [400, 1000, 10_000])
def test_what_is_called_detectable_is_detected(images: int) -> None:
    """With the power promised, by binomial arithmetic; a little less is not."""
    each = DEMO.family.each
    rate = detectable_flip_rate(images, each)
    flips = np.arange(images + 1)
    passing = np.array([exact_bounds(k, images, each)[0] > DEFAULT.flip_rate for k in flips[: int(images * 0.2)]])
    needed = int(np.argmax(passing))
    assert stats.binom.sf(needed - 1, images, rate) == pytest.approx(0.8, abs=1e-6)
    assert detectable_flip_rate(images, 0.95) < rate
    assert detectable_flip_rate(2, each) == 1.0


def test_coverage_of_flip_rates_beyond_a_floor() -> None:
    rng = np.random.default_rng(3)
    found = [share_of(lambda r, p=p: covers_flip_rate(r, p), 100, rng) for p in (0.005, 0.03, 0.1)]
    assert all(0.90 <= share <= 0.995 for share in found), found


def test_coverage_of_generative_retention() -> None:
    rng = np.random.default_rng(4)
    found = [share_of(lambda r, a=a: covers_generative(r, a), 150, rng) for a in (0.5, 1.0, 2.0)]
    assert all(0.90 <= share <= 0.99 for share in found), found


def test_coverage_of_predictive_retention() -> None:
    rng = np.random.default_rng(5)
    found = [share_of(lambda r, a=a: covers_predictive(r, a, 1500), 25, rng) for a in (1.0, 2.0)]
    assert np.mean(found) >= 0.90, found


def test_a_floor_makes_effects_harder_to_see() -> None:
    each = family(12, 12, 3).each
    without, loud = detectable_flip_rate(1000, each), detectable_flip_rate(1000, each, floor=0.015)
    assert without < loud < without + 0.02
    assert detectable_flip_rate(100, each) > without
