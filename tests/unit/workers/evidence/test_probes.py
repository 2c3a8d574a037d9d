import numpy as np
import pytest

from workers.evidence.controls import random_column
from workers.evidence.estimators import explained
from workers.evidence.features import FeatureColumn
from workers.evidence.independence import independence, leading_components
from workers.evidence.probes import cross_fit
from workers.evidence.readability import read_features


def r2(truth: np.ndarray, guess: np.ndarray) -> float:
    return explained(truth, guess).retained


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0, 4.0])
def test_dose_and_response_by_probe(alpha: float, rng) -> None:
    """P4: z = [one-hot class, alpha h + noise], h ~ N(0, 1): R = alpha^2 / (alpha^2 + 1)."""
    h = rng.normal(size=2000)
    z = np.column_stack([np.eye(5)[rng.integers(5, size=2000)], alpha * h + rng.normal(size=2000)])
    assert r2(h[:, None], cross_fit(z, h[:, None], rng)) == pytest.approx(alpha**2 / (alpha**2 + 1), abs=0.04)


def test_few_inputs_that_say_it_all_are_not_drowned_in_products(rng) -> None:
    """A weak linear signal: hundreds of radial features would cost a third of it at 500 images."""
    missing = []
    for _ in range(12):
        h = rng.normal(size=(500, 1))
        z = np.concatenate([0.5 * h + rng.normal(size=(500, 1)), rng.normal(size=(500, 3))], axis=1)
        missing.append(0.2 - r2(h, cross_fit(z, h, rng)))
    assert np.mean(missing) < 0.03


@pytest.mark.parametrize("width", [2, 64])
def test_xor_of_two_dimensions_is_found(width: int, rng) -> None:
    z = rng.normal(size=(3000, width))
    xor = np.sign(z[:, :1] * z[:, 1:2])
    assert r2(xor, cross_fit(z, xor, rng)) > 0.6


def test_circular_hue_is_read_through_nonlinear_features(rng) -> None:
    hue = rng.uniform(size=2000)
    z = np.exp(-0.5 * ((((hue[:, None] - np.arange(8) / 8 + 0.5) % 1) - 0.5) / 0.1) ** 2)
    column = FeatureColumn("hue", "circular", hue, period=1.0)
    assert read_features(z, [column], rng)["hue"].shares.retained > 0.99


@pytest.mark.parametrize(("n", "width"), [(60, 64), (300, 64), (1000, 10), (600, 2000)])
def test_what_is_not_there_is_not_read(n: int, width: int, rng) -> None:
    """Never above chance, and never a disaster on data it has not seen, also with more dimensions than rows."""
    z, y = rng.normal(size=(n, width)), rng.normal(size=(n, 8))
    assert -0.15 < r2(y, cross_fit(z, y, rng)) < 0.05


def test_a_strong_signal_survives_many_dimensions_and_few_rows(rng) -> None:
    factors = rng.normal(size=(300, 3))
    z = factors @ rng.normal(size=(3, 1500)) + 0.5 * rng.normal(size=(300, 1500))
    assert r2(factors, cross_fit(z, factors, rng)) > 0.95


def test_one_quiet_unit_among_many_is_not_overlooked(rng) -> None:
    z = rng.normal(size=(1000, 1200))
    assert r2(z[:, 7:8], cross_fit(z, z[:, 7:8], rng)) > 0.7


def test_predictions_are_out_of_fold(rng) -> None:
    """Changing one target never changes the prediction for that row."""
    z, y = rng.normal(size=(200, 4)), rng.normal(size=(200, 1))
    before = cross_fit(z, y, np.random.default_rng(0))
    changed = y.copy()
    changed[17] += 100
    after = cross_fit(z, changed, np.random.default_rng(0))
    assert after[17] == pytest.approx(before[17], abs=1e-6)
    assert np.abs(after - before).max() > 0.1


def test_hostile_representations(rng) -> None:
    y = rng.normal(size=(200, 1))
    constant = np.full((200, 5), 3.0)
    assert abs(r2(y, cross_fit(constant, y, rng))) < 0.05
    scaled = np.column_stack([1e6 * y[:, 0], 1e-6 * rng.normal(size=200), np.zeros(200)])
    assert r2(y, cross_fit(scaled, y, rng)) > 0.95
    spike = y.repeat(3, axis=1)
    spike[0, 1] = 1e9
    assert r2(y, cross_fit(spike, y, rng)) > 0.9
    assert cross_fit(np.zeros((200, 2, 3, 3)), y, rng).shape == (200, 1)


@pytest.mark.parametrize(
    ("z", "y"),
    [
        (np.full((50, 2), np.nan), np.zeros((50, 1))),
        (np.zeros((50, 2)), np.full((50, 1), np.inf)),
        (np.zeros((50, 2)), np.zeros((49, 1))),
        (np.zeros((5, 2)), np.zeros((5, 1))),
    ],
)
def test_what_cannot_be_probed_is_refused(z, y, rng) -> None:
    with pytest.raises(ValueError, match=r"probe|fit|few"):
        cross_fit(z, y, rng)


def test_many_features_at_once_with_missing_values(rng) -> None:
    z = rng.normal(size=(800, 6))
    angle = np.arctan2(z[:, 0], z[:, 1]) / (2 * np.pi) % 1
    partly = np.where(rng.uniform(size=800) < 0.3, np.nan, z[:, 2])
    rare = np.where(np.arange(800) < 20, 1.0, np.nan)
    columns = [
        FeatureColumn("angle", "circular", angle, period=1.0),
        FeatureColumn("sign", "categorical", (z[:, 3] > 0).astype(float), n_categories=2),
        FeatureColumn("partly", "numeric", partly),
        FeatureColumn("rare", "numeric", rare),
    ]
    found = read_features(z, columns, rng)
    assert set(found) == {"angle", "sign", "partly"}
    assert found["angle"].shares.retained > 0.75
    assert found["sign"].shares.retained > 0.6
    assert found["partly"].shares.retained > 0.95
    assert found["partly"].shares.count == np.isfinite(partly).sum()
    assert all(one.shares.part.shape == (800,) and abs(one.floor.retained) < 0.05 for one in found.values())
    with pytest.raises(ValueError, match="8 values"):
        read_features(z, [FeatureColumn("x", "numeric", np.zeros(8))], rng)


def test_independence_of_v(rng) -> None:
    z = rng.normal(size=(1000, 30))
    free = independence(rng.normal(size=(1000, 8)), z, rng)
    assert abs(free.explained) < 0.02
    assert abs(free.null) < 0.02
    tied = independence(z[:, :8] + 0.3 * rng.normal(size=(1000, 8)), z, rng)
    assert tied.explained > 0.1 > tied.null
    squared = independence(z[:, :1] ** 2, np.abs(z[:, :1]), rng)  # uncorrelated in z, still dependent
    assert squared.explained > 0.8


def test_leading_components_have_unit_variance(rng) -> None:
    wide = leading_components(rng.normal(size=(600, 700)) @ rng.normal(size=(700, 700)), 16)
    assert wide.shape == (600, 16)
    np.testing.assert_allclose(wide.T @ wide / 600, np.eye(16), atol=1e-6)
    assert leading_components(np.ones((10, 3)), 4).shape == (10, 1)


def test_a_random_column_is_not_retained(rng) -> None:
    found = random_column(rng.normal(size=(500, 12)), rng)
    assert found.passed
    assert found.value is not None
    assert found.value < 0.05
    assert not random_column(np.zeros((3, 2)), rng).passed  # too few images: not shown


def test_targets_that_some_rows_lack_are_fitted_on_the_others(rng) -> None:
    """What stands where a target is unknown counts for nothing, and the other targets do not notice."""
    z = rng.standard_normal((400, 3))
    y, known = z[:, :2] + 0.1 * rng.standard_normal((400, 2)), np.ones((400, 2), dtype=bool)
    known[::10, 1] = False
    wild = np.where(known, y, 0.0)
    found = cross_fit(z, wild, np.random.default_rng(0), known=known)
    assert r2(y[known[:, 1], 1:], found[known[:, 1], 1:]) > 0.95
    assert r2(y[:, :1], found[:, :1]) > 0.95
    wild[::10, 1] = 0.5
    np.testing.assert_allclose(cross_fit(z, wild, np.random.default_rng(0), known=known)[:, 0], found[:, 0], atol=0.05)


def test_a_rare_row_never_leads_a_prediction_out_of_what_was_seen() -> None:
    """Columns that training hardly saw vary get slopes that point anywhere: once a retention of -129 came of it."""
    rng = np.random.default_rng(3)
    counts = np.where(rng.random(600) < 0.01, rng.integers(2, 6, 600), 9)
    z = np.sort(rng.standard_normal((600, 9, 6)) * (np.arange(9)[None, :, None] < counts[:, None, None]), axis=1)
    wide = (z.reshape(600, -1) @ rng.standard_normal((54, 300))).astype(np.float32)
    targets = counts[:, None].astype(np.float64)
    found = cross_fit(wide, targets, np.random.default_rng(0))
    assert found.min() >= targets.min()
    assert found.max() <= targets.max()
