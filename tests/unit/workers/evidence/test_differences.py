"""Paired differences: closed forms, planted truths, and how often the intervals hold by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workers.evidence.bootstrap import exact_bounds, resampling_weights
from workers.evidence.differences import (
    Paired,
    Reading,
    excess_difference,
    family_of_differences,
    mean_difference,
    ratio_difference,
    retention_difference,
    share_difference,
)
from workers.evidence.estimators import Shares, explained

N = 300
WEIGHTS = resampling_weights(N, 500, np.random.default_rng(0))


def flips(rng: np.random.Generator, before: float, after: float, shared: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether each image flips: ``shared`` of the images are as hard for one classifier as for the other."""
    same = rng.random(N)
    own = np.where(rng.random(N) < shared, same, rng.random(N))
    return (same < before).astype(float), (own < after).astype(float)


def width(paired: Paired) -> float:
    return paired.difference.high - paired.difference.low


def test_the_difference_is_that_of_the_two_numbers() -> None:
    found = excess_difference(*flips(np.random.default_rng(1), 0.5, 0.2, 0.5), WEIGHTS)
    assert found.difference.value == pytest.approx(found.after.value - found.before.value)
    assert found.difference.low < -0.3 < found.difference.high
    assert found.difference.high < 0


@pytest.mark.parametrize("shared", [0.0, 0.9])
@pytest.mark.parametrize(("before", "after"), [(0.3, 0.2), (0.05, 0.01)])
def test_intervals_hold_the_truth_as_often_as_they_say(before: float, after: float, shared: float) -> None:
    """Half of the pairs are rare enough that exact bounds take over."""
    rng, held = np.random.default_rng(2), 0
    for _ in range(250):
        found = excess_difference(*flips(rng, before, after, shared), WEIGHTS).difference
        held += found.low <= after - before <= found.high
    assert held >= 0.91 * 250


def test_pairing_is_narrower_than_two_intervals_where_images_are_hard_for_both() -> None:
    """What two separate audits would give, from the width of each, and what the same images give."""
    found = excess_difference(*flips(np.random.default_rng(3), 0.4, 0.45, 0.95), WEIGHTS)
    apart = np.hypot(found.before.high - found.before.low, found.after.high - found.after.low)
    assert width(found) < 0.6 * apart
    independent = excess_difference(*flips(np.random.default_rng(3), 0.4, 0.45, 0.0), WEIGHTS)
    assert width(independent) == pytest.approx(apart, rel=0.15)


def test_joint_intervals_of_many_features_cry_wolf_once_in_twenty_comparisons_at_most() -> None:
    """Nothing changed in any of 6 features; some flip often and some hardly ever. As many resamples as an audit has."""
    family, rng, wrong = family_of_differences(6, 0, 0), np.random.default_rng(4), 0
    weights = resampling_weights(N, 1000, np.random.default_rng(1))
    assert family.comparisons == 12
    for _ in range(120):
        rates = rng.uniform(0.0, 0.4, 6)
        found = [excess_difference(*flips(rng, rate, rate, 0.3), weights, joint=family.each) for rate in rates]
        wrong += any(not one.difference.jointly.low <= 0 <= one.difference.jointly.high for one in found)
    assert wrong <= 6, f"{wrong} of 120 comparisons found a change where there was none"


def test_no_flip_in_either_audit_is_bounded_by_the_rule_of_three() -> None:
    nothing = np.zeros(N)
    found = excess_difference(nothing, nothing, WEIGHTS, joint=0.999).difference
    assert (found.low, found.high) == pytest.approx((-exact_bounds(0, N)[1], exact_bounds(0, N)[1]))
    assert found.joint_high == pytest.approx(exact_bounds(0, N, 0.999)[1])


def test_an_image_may_gain_more_than_one_answer_when_a_floor_falls() -> None:
    """Before, the machinery alone flipped it and the edit did not; after, the other way round."""
    before, after = np.zeros(N), np.zeros(N)
    before[:20], after[:20] = -1, 1
    found = excess_difference(before, after, WEIGHTS).difference
    assert found.value == pytest.approx(2 * 20 / N)
    assert found.low < found.value < found.high


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 60))
def test_swapping_the_audits_mirrors_the_interval(gained: int, lost: int, both: int) -> None:
    before, after = np.zeros(N), np.zeros(N)
    after[:gained], before[gained : gained + lost] = 1, 1
    before[gained + lost : gained + lost + both] = after[gained + lost : gained + lost + both] = 1
    there, back = (excess_difference(*pair, WEIGHTS).difference for pair in ((before, after), (after, before)))
    assert (back.low, back.value, back.high) == pytest.approx((-there.high, -there.value, -there.low), abs=2e-3)


def test_means_without_bounds_hold_their_difference() -> None:
    rng = np.random.default_rng(5)
    hard = rng.gamma(2.0, 1.0, N)
    found = mean_difference(hard, hard + 0.1 + 0.05 * rng.standard_normal(N), WEIGHTS)
    assert found.difference.low < 0.1 < found.difference.high
    assert width(found) < 0.1 * (found.before.high - found.before.low)


def parts(rng: np.random.Generator, left: float, total: np.ndarray) -> Shares:
    return Shares(left * total * rng.gamma(20.0, 1 / 20.0, N), total)


def test_shares_of_one_variance_hold_the_difference_of_their_ratios() -> None:
    rng, held = np.random.default_rng(6), 0
    for _ in range(200):
        total = rng.gamma(1.0, 1.0, N)
        found = ratio_difference(parts(rng, 0.3, total), parts(rng, 0.4, total), WEIGHTS).difference
        held += found.low <= 0.1 <= found.high
    assert held >= 0.91 * 200


def test_one_and_the_same_tap_differs_by_nothing() -> None:
    one = parts(np.random.default_rng(7), 0.3, np.ones(N))
    found = ratio_difference(one, one, WEIGHTS).difference
    assert (found.low, found.value, found.high) == (0, 0, 0)


def reading(rng: np.random.Generator, truth: np.ndarray, noise: float) -> Shares:
    """A probe that misses by ``noise`` spreads: it reads ``1 - noise^2``."""
    return explained(truth[:, None], (truth + noise * rng.standard_normal(N))[:, None])


def test_retentions_differ_by_what_was_planted_in_units_of_what_can_be_read() -> None:
    rng = np.random.default_rng(8)
    truth = rng.standard_normal(N)
    sides = [Reading(reading(rng, truth, noise), 0.0, 0.8) for noise in (0.3, 0.7)]
    found = retention_difference(*sides, WEIGHTS, joint=0.999)
    assert found is not None
    assert found.before.value == 1.0, "0.91 of what can be read at most to 0.8"
    assert found.difference.low < 0.51 / 0.8 - 1 < found.difference.high < 0
    assert found.difference.jointly.low < found.difference.low
    assert found.difference.value == pytest.approx(found.after.value - found.before.value)


def test_two_retentions_of_nothing_are_not_shown_to_be_equal_to_the_last_digit() -> None:
    """Both are clipped to 0 in every resample: a difference without width would be a claim that nobody checked."""
    rng = np.random.default_rng(9)
    truth = rng.standard_normal(N)
    sides = [Reading(reading(rng, truth, 0.995), 0.2, 0.9) for _ in range(2)]
    found = retention_difference(*(Reading(one.shares, one.shares.retained + 0.01, 0.9) for one in sides), WEIGHTS)
    assert found is not None
    assert found.difference.value == 0
    assert found.difference.high >= exact_bounds(0, N)[1]


def test_what_no_image_shows_and_what_a_probe_was_misled_by_has_no_difference() -> None:
    rng = np.random.default_rng(10)
    truth = rng.standard_normal(N)
    good = reading(rng, truth, 0.3)
    assert retention_difference(Reading(good, 0.0, 0.04), Reading(good, 0.0, 0.04), WEIGHTS) is None
    misled = reading(rng, truth, 1.5)
    assert retention_difference(Reading(misled, 0.0, 0.9), Reading(good, 0.0, 0.9), WEIGHTS) is None


def test_the_difference_of_right_answers_is_the_published_interval() -> None:
    """Bonett and Price (2012): add one to both kinds of disagreement, then Wald."""
    before, after = np.zeros(60, dtype=bool), np.zeros(60, dtype=bool)
    before[:30], after[:30] = True, True
    after[30:42], before[42:45] = True, True  # 12 became right, 3 became wrong
    found = share_difference(before, after).difference
    up, down = 13 / 62, 4 / 62
    half = stats.norm.ppf(0.975) * np.sqrt((up + down - (up - down) ** 2) / 62)
    assert found.value == pytest.approx(9 / 60)
    assert (found.low, found.high) == pytest.approx((up - down - half, up - down + half))
    assert found.low > 0
    assert stats.binomtest(3, 15).pvalue < 0.05, "McNemar's exact test says the same"


def test_classifiers_that_never_disagree_may_still_differ() -> None:
    right = np.arange(50) < 40
    found = share_difference(right, right).difference
    assert found.low < 0 < found.high
    assert found.high == pytest.approx(-found.low)


@pytest.mark.parametrize(("up", "down"), [(0.1, 0.1), (0.04, 0.01), (0.2, 0.05)])
def test_the_difference_of_right_answers_keeps_its_level(up: float, down: float) -> None:
    """Exactly: over every table of disagreements among 80 images, by its probability."""
    n, held = 80, 0.0
    for gained in range(n + 1):
        for lost in range(n + 1 - gained):
            chance = float(stats.multinomial.pmf([gained, lost, n - gained - lost], n, [up, down, 1 - up - down]))
            if chance > 1e-6:
                a, b = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
                b[:gained], a[gained : gained + lost] = True, True
                found = share_difference(a, b).difference
                held += chance * (found.low <= up - down <= found.high)
    assert held >= 0.935
