from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workers.evidence.bootstrap import (
    Interval,
    calibrate_interval,
    exact_bounds,
    excess_interval,
    mean_interval,
    rate_interval,
    ratio_interval,
    resampling_weights,
    wilson_interval,
)
from workers.evidence.estimators import Shares


def test_weights_resample_every_image_equally_often(rng) -> None:
    weights = resampling_weights(50, 2000, rng)
    assert (weights.sum(axis=1) == 50).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.15)
    assert weights.var() == pytest.approx(1 - 1 / 50, abs=0.03)  # multinomial
    with pytest.raises(ValueError, match="zero images"):
        resampling_weights(0, 10, rng)


@pytest.mark.parametrize("n", [10, 100, 1000])
def test_no_flips_is_not_certainty(n: int, rng) -> None:
    """Zero events: the upper bound is the rule of three, never 0."""
    weights = resampling_weights(n, 100, rng)
    rate = rate_interval(np.zeros(n), weights)
    assert rate.low == 0
    assert rate.high == pytest.approx(1 - 0.025 ** (1 / n))
    excess = excess_interval(np.zeros(n), weights)
    assert excess.low == -excess.high
    assert excess.high == pytest.approx(rate.high)
    full = rate_interval(np.ones(n), weights)
    assert full.high == 1
    assert full.low == pytest.approx(0.025 ** (1 / n))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.data())
def test_exact_bounds_are_the_tail_probabilities(n: int, data) -> None:
    k = data.draw(st.integers(0, n))
    low, high = exact_bounds(k, n)
    assert low <= k / n <= high
    if k:
        assert stats.binom.sf(k - 1, n, low) == pytest.approx(0.025, abs=1e-6)
    if k < n:
        assert stats.binom.cdf(k, n, high) == pytest.approx(0.025, abs=1e-6)


def test_wilson_against_a_published_value() -> None:
    found = wilson_interval(81, 263)  # Newcombe 1998, table I
    assert (found.low, found.high) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))


def test_a_mean_agrees_with_the_textbook(rng) -> None:
    values = rng.normal(5, 2, size=2000)
    found = mean_interval(values, resampling_weights(2000, 2000, rng))
    half = 1.96 * values.std(ddof=1) / np.sqrt(2000)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.15 * half)
    assert found.n == 2000


def test_draws_of_one_image_are_one_cluster(rng) -> None:
    """The same value for 50 draws of an image is one observation: the width follows the images."""
    rates = rng.integers(0, 2, size=200).astype(float)
    clustered = rate_interval(rates, resampling_weights(200, 2000, rng))
    assert clustered.high - clustered.low == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(200), rel=0.15)
    assert clustered.n == 200


@pytest.mark.parametrize("rate", [0.002, 0.02, 0.3])
def test_coverage_of_rates(rate: float) -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        flips = rng.binomial(4, rate, size=200) / 4
        found = rate_interval(flips, resampling_weights(200, 400, rng))
        hits += found.low <= rate <= found.high
    assert hits / 200 >= 0.91


def test_skewed_ratios_are_covered() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        shares = Shares(rng.exponential(1.0, 80), rng.exponential(2.0, 80))
        found = ratio_interval(shares, resampling_weights(80, 500, rng))
        hits += found.low <= 0.5 <= found.high
    assert 0.88 <= hits / 200 <= 0.99


def test_joint_bounds_are_wider_and_need_no_more_resamples(rng) -> None:
    values = rng.normal(size=300)
    weights = resampling_weights(300, 1000, rng)
    plain, both = mean_interval(values, weights), mean_interval(values, weights, joint=0.9995)
    assert (both.low, both.high) == (plain.low, plain.high)
    assert both.joint_low < both.low < both.high < both.joint_high
    half = stats.norm.ppf(1 - 0.00025) * values.std() / np.sqrt(300)
    assert both.joint_high - both.value == pytest.approx(half, rel=0.1)
    assert (both.jointly.low, both.jointly.high) == (both.joint_low, both.joint_high)
    assert plain.joint_low is None
    assert plain.jointly == plain


@pytest.mark.parametrize("events", [15, 40, 150])
def test_far_bounds_of_rare_events_follow_their_skewness(events: int, rng) -> None:
    """At a joint level a normal quantile is far too low: the exact bound is the yardstick."""
    rates = (np.arange(5000) < events).astype(float)
    found = rate_interval(rates, resampling_weights(5000, 1000, rng), joint=0.9995)
    low, high = exact_bounds(events, 5000, 0.9995)
    normal = events / 5000 + stats.norm.ppf(1 - 0.00025) * np.sqrt(events) / 5000
    assert found.joint_high == pytest.approx(high, rel=0.06)
    assert found.joint_high > normal
    assert found.joint_low == pytest.approx(low, rel=0.25)


def test_an_excess_of_few_events_is_bounded_on_both_sides(rng) -> None:
    """Two flips gained, three lost: neither count is known exactly, so both bounds give way."""
    differences = np.concatenate([np.ones(2), -np.ones(3), np.zeros(995)])
    found = excess_interval(differences, resampling_weights(1000, 500, rng), joint=0.9995)
    assert found.high >= exact_bounds(2, 1000)[1] - exact_bounds(3, 1000)[1] + 0.004
    assert found.joint_low < found.low < -0.001 < found.high < found.joint_high


def test_what_cannot_be_estimated_is_nan(rng) -> None:
    found = ratio_interval(Shares(np.zeros(20), np.zeros(20)), resampling_weights(20, 100, rng))
    assert np.isnan([found.value, found.low, found.high]).all()
    with pytest.raises(ValueError, match="weights for 20"):
        mean_interval(np.zeros(3), resampling_weights(20, 100, rng))


def test_calibrated_intervals_keep_a_width() -> None:
    raw = Interval(-0.01, -0.02, -0.005, 0.95, 300, "m")
    found = calibrate_interval(raw, 0.0, 1.0)
    assert found is not None
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 300))
    joint = calibrate_interval(replace(raw, joint_low=-0.03, joint_high=-0.001), 0.0, 1.0, joint=0.9995)
    assert joint is not None
    assert joint.joint_high == pytest.approx(1 - 0.00025 ** (1 / 300))
    assert calibrate_interval(raw, 0.0, 0.01) is None
    assert calibrate_interval(Interval(float("nan"), 0, 1, 0.95, 3, "m"), 0, 1) is None


def test_equal_differences_are_no_certainty(rng) -> None:
    """The images that were not seen may be another kind: as many as the rule of three leaves room for."""
    found = excess_interval(np.full(1000, 0.5), resampling_weights(1000, 200, rng), joint=0.9995)
    share, wider = exact_bounds(0, 1000)[1], exact_bounds(0, 1000, 0.9995)[1]
    assert found.low == pytest.approx(0.5 - 1.5 * share)
    assert found.high == pytest.approx(0.5 + 0.5 * share)
    assert (found.joint_low, found.joint_high) == pytest.approx((0.5 - 1.5 * wider, 0.5 + 0.5 * wider))
