"""Truths that are known on paper: the linear-Gaussian (P1), dose and response (P4), and plain controls (P5)."""

import numpy as np
import pytest
from scipy import stats

from tests.builders.simulated_readings import LinearGaussian, dose, readings_given, responding
from workers.evidence.bootstrap import mean_interval, resampling_weights, retained_interval
from workers.evidence.estimators import explained, retention, total_invariance
from workers.evidence.features import FeatureColumn
from workers.evidence.independence import independence
from workers.evidence.probes import cross_fit
from workers.evidence.readability import read_features

DOSES = (0.0, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0)


@pytest.fixture(scope="module")
def world() -> LinearGaussian:
    return LinearGaussian.random(8, 3, np.random.default_rng(11))


def test_retention_of_samples_and_of_probes_is_the_closed_form(world: LinearGaussian) -> None:
    rng = np.random.default_rng(0)
    codes, z = world.sample(3000, rng)
    draws = world.draws(z, 6, rng)
    for feature in (np.eye(8)[:1], rng.normal(size=(1, 8)), rng.normal(size=(2, 8))):
        truth = world.retained(feature)
        assert retention(draws @ feature.T).retained == pytest.approx(truth, abs=0.03)
        wanted = codes @ feature.T
        assert explained(wanted, cross_fit(z, wanted, rng)).retained == pytest.approx(truth, abs=0.03)


def test_total_invariance_and_information_are_the_closed_form(world: LinearGaussian) -> None:
    """M2, and M3 as the difference of exact likelihoods, inside its own interval."""
    rng = np.random.default_rng(1)
    codes, z = world.sample(4000, rng)
    invariance = total_invariance(world.draws(z, 4, rng), codes)
    assert invariance.ratio == pytest.approx(world.total_invariance, abs=0.02)
    gain = world.nll(codes) - world.nll(codes, z)
    found = mean_interval(gain, resampling_weights(4000, 500, rng))
    assert found.low < world.information < found.high
    assert found.high - found.low < 0.2
    entropy = np.linalg.slogdet(2 * np.pi * np.e * world.posterior)[1] / 2
    assert world.nll(codes, z).mean() == pytest.approx(entropy, abs=0.15)


def test_what_z_leaves_is_independent_of_z(world: LinearGaussian) -> None:
    """M10 passes for the exact residual, and not for the codes themselves."""
    rng = np.random.default_rng(2)
    codes, z = world.sample(1200, rng)
    free = independence(world.residual(codes, z), z, rng, permutations=9)
    assert free.explained < max(free.null, 0) + 0.02
    assert independence(codes, z, rng, permutations=9).explained > 0.3


@pytest.mark.parametrize("measure", ["generative", "predictive"])
def test_response_follows_the_dose_with_slope_one(measure: str) -> None:
    rng = np.random.default_rng(3)
    found = []
    for alpha in DOSES:
        if measure == "generative":
            found.append(retention(readings_given(alpha, 1.0, 2000, 4, rng)).retained)
        else:
            h, z = responding(alpha, 1.0, 2000, rng)
            found.append(explained(h, cross_fit(z, h, rng)).retained)
    line = stats.linregress([dose(alpha, 1.0) for alpha in DOSES], found)
    assert line.slope == pytest.approx(1.0, abs=0.04)
    assert line.intercept == pytest.approx(0.0, abs=0.02)
    assert stats.spearmanr(DOSES, found).statistic == pytest.approx(1.0)


def test_the_dose_does_not_depend_on_the_number_of_draws() -> None:
    rng = np.random.default_rng(4)
    few, many = (
        np.mean([retention(readings_given(0.7, 1.0, 400, m, rng)).retained for _ in range(25)]) for m in (2, 16)
    )
    assert few == pytest.approx(dose(0.7, 1.0), abs=0.03)
    assert many == pytest.approx(dose(0.7, 1.0), abs=0.03)


def test_the_identity_keeps_all_and_constants_and_permutations_nothing() -> None:
    rng = np.random.default_rng(5)
    codes = rng.normal(size=(600, 4))
    column = FeatureColumn("a", "numeric", codes[:, 0])
    weights = resampling_weights(600, 300, rng)
    identity = read_features(codes, [column], rng)["a"]
    assert retained_interval(identity.shares, weights).low > 0.97
    assert abs(identity.floor.retained) < 0.05  # the same with z permuted
    constant = read_features(np.ones((600, 4)), [column], rng)["a"]
    assert abs(constant.shares.retained) < 0.02
    same = np.repeat(codes[:, None], 5, axis=1)
    assert retention(same).retained == pytest.approx(1.0)
    assert total_invariance(same, codes).ratio == pytest.approx(0.0)
    shuffled = codes[rng.permutation(600 * 5) % 600].reshape(600, 5, 4)
    assert abs(retention(shuffled).retained) < 0.05
