import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.evidence.estimators import calibrate, explained, retention, total_invariance, total_parts, within_parts
from workers.evidence.features import FeatureColumn, distance, encoded_variance, fit_encoding, spread


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(2, 5), st.integers(1, 3), st.integers(0, 10**6))
def test_closed_forms_equal_the_sums_over_all_pairs(n: int, m: int, k: int, seed: int) -> None:
    a = np.random.default_rng(seed).normal(3.0, 2.0, size=(n, m, k))
    within = [
        np.mean([0.5 * np.sum((a[i, j] - a[i, q]) ** 2) for j, q in itertools.permutations(range(m), 2)])
        for i in range(n)
    ]
    total = np.mean(
        [
            0.5 * np.sum((a[i, j] - a[p, q]) ** 2)
            for i, p in itertools.permutations(range(n), 2)
            for j, q in itertools.product(range(m), repeat=2)
        ]
    )
    np.testing.assert_allclose(within_parts(a), within, rtol=1e-9, atol=1e-9)
    assert total_parts(a).mean() == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("draws", [2, 3, 16])
def test_the_hue_trap(draws: int) -> None:
    """Hue is independent of z: R = 0 for any number of draws, where a plug-in variance reports R = 1/draws."""
    rng = np.random.default_rng(draws)
    encode = fit_encoding(FeatureColumn("hue", "circular", rng.uniform(size=10), period=1.0)).encode
    ours, plug_in = [], []
    for _ in range(60):
        readings = encode(rng.uniform(size=(200, draws)))
        ours.append(retention(readings).retained)
        plug_in.append(1 - (readings.var(axis=1).sum(axis=1).mean() / readings.var(axis=(0, 1)).sum()))
    error = np.std(ours) / np.sqrt(len(ours))
    assert abs(np.mean(ours)) < 4 * error + 1e-4
    assert np.mean(plug_in) == pytest.approx(1 / draws, abs=0.02)


def test_perfect_and_missing_readings() -> None:
    known = np.repeat(np.arange(10.0)[:, None, None], 3, axis=1)
    assert retention(known).retained == pytest.approx(1.0)
    known[4, 1] = np.nan
    shares = retention(known)
    assert shares.retained == pytest.approx(1.0)
    assert shares.count == 9
    assert shares.part.shape == (10,)
    assert np.isnan(retention(np.ones((5, 3, 1))).retained)  # a feature that does not vary has no retention


def test_total_invariance_against_the_linear_gaussian_posterior(rng) -> None:
    """P1: code ~ N(0, I_4), z = first two coordinates: V = 2/4."""
    codes = rng.normal(size=(3000, 4))
    draws = np.concatenate([np.repeat(codes[:, None, :2], 5, 1), rng.normal(size=(3000, 5, 2))], axis=2)
    assert total_invariance(draws, codes).ratio == pytest.approx(0.5, abs=0.02)
    assert total_invariance(draws).ratio == pytest.approx(0.5, abs=0.02)


def test_explained_variance_of_known_predictions(rng) -> None:
    truth = rng.normal(size=(500, 2))
    assert explained(truth, truth).retained == pytest.approx(1.0)
    assert explained(truth, np.zeros_like(truth)).retained == pytest.approx(0.0, abs=0.01)
    with pytest.raises(ValueError, match="differ in shape"):
        explained(truth, truth[:, :1])


def test_calibration_is_linear_clipped_and_refuses_an_unreadable_feature() -> None:
    np.testing.assert_allclose(calibrate(np.array([-1, 0.1, 0.5, 0.9, 2]), 0.1, 0.9), [0, 0, 0.5, 1, 1], atol=1e-12)
    assert np.isnan(calibrate(0.5, 0.0, 0.01))
    assert np.isnan(calibrate(0.5, float("nan"), 1.0))


@pytest.mark.parametrize("shape", [(5, 1, 1), (5, 3)])
def test_one_draw_cannot_show_a_variance(shape) -> None:
    with pytest.raises(ValueError, match="draws"):
        retention(np.zeros(shape)) if len(shape) == 3 else within_parts(np.zeros(shape))


def test_encodings() -> None:
    circular = fit_encoding(FeatureColumn("h", "circular", np.array([0.0, 0.25]), period=0.5))
    np.testing.assert_allclose(circular.encode(np.array([0.0, 0.5, 0.125])), [[1, 0], [1, 0], [0, 1]], atol=1e-12)
    classes = FeatureColumn("c", "categorical", np.array([0.0, 1.0, 1.0, np.nan]), n_categories=2)
    one_hot = fit_encoding(classes).encode(classes.values)
    np.testing.assert_array_equal(one_hot[:3], [[1, 0], [0, 1], [0, 1]])
    assert np.isnan(one_hot[3]).all()
    gini = 1 - (1 / 9 + 4 / 9)
    assert encoded_variance(one_hot[:3]) == pytest.approx(gini * 3 / 2)
    numeric = fit_encoding(FeatureColumn("n", "numeric", np.array([1.0, 3.0])))
    np.testing.assert_allclose(numeric.encode(np.array([[1.0, 3.0]])), [[[-1], [1]]])


@pytest.mark.parametrize(
    ("kind", "values", "extra"),
    [
        ("circular", [0.1], {}),
        ("circular", [0.1], {"period": -1.0}),
        ("categorical", [0.5], {"n_categories": 2}),
        ("categorical", [2.0], {"n_categories": 2}),
        ("numeric", [[1.0]], {}),
    ],
)
def test_columns_that_make_no_sense_are_refused(kind, values, extra) -> None:
    with pytest.raises(ValueError, match="x: "):
        FeatureColumn("x", kind, np.array(values), **extra)


def test_distance_goes_the_shorter_way_round() -> None:
    assert distance(np.array([0.95]), np.array([0.05]), "circular", 1.0)[0] == pytest.approx(0.1)
    assert spread(np.linspace(0, 1, 1000, endpoint=False), "circular", 1.0) == pytest.approx(12**-0.5, abs=1e-3)
    assert spread(np.array([0.0, 1.0]), "categorical", None) == pytest.approx(0.5**0.5)
