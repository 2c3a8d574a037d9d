"""Features that are blocks of numbers (factors of concepts) beside plain columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.evidence.features import FeatureColumn, distance, encoded_variance, fit_encoding, spread
from workers.evidence.readability import read_features


def vectors(n: int, k: int, seed: int) -> np.ndarray:
    """Blocks whose numbers differ in scale and offset."""
    rng = np.random.default_rng(seed)
    return rng.normal(3, 1, (n, k)) * np.geomspace(1, 0.01, k)


@given(k=st.integers(1, 6), seed=st.integers(0, 99))
def test_an_encoded_vector_is_centred_with_unit_mean_variance(k: int, seed: int) -> None:
    column = FeatureColumn("a", "vector", vectors(200, k, seed))
    encoded = fit_encoding(column).encode(column.values)
    assert encoded.shape == (200, k)
    assert encoded.mean(axis=0) == pytest.approx(np.zeros(k), abs=1e-9)
    assert encoded.var(axis=0).mean() == pytest.approx(1)


@given(k=st.integers(2, 6), seed=st.integers(0, 99))
def test_encoding_keeps_the_proportions_of_distances(k: int, seed: int) -> None:
    """One scale for all numbers: one that hardly varies must not gain weight."""
    values = vectors(60, k, seed)
    encoded = fit_encoding(FeatureColumn("a", "vector", values)).encode(values)
    raw, coded = (distance(each[:30], each[30:], "vector", None) for each in (values, encoded))
    assert coded / coded[0] == pytest.approx(raw / raw[0])


def test_a_vector_of_one_number_is_that_number() -> None:
    values = np.random.default_rng(0).normal(5, 3, 100)
    vector, number = FeatureColumn("v", "vector", values[:, None]), FeatureColumn("n", "numeric", values)
    assert fit_encoding(vector).encode(vector.values) == pytest.approx(fit_encoding(number).encode(values))
    assert spread(vector.values, "vector", None) == pytest.approx(spread(values, "numeric", None))


def test_a_vector_with_a_hole_is_unknown_as_a_whole() -> None:
    values = np.ones((4, 3))
    values[1, 2] = np.nan
    column = FeatureColumn("a", "vector", values)
    assert column.known.tolist() == [True, False, True, True]
    assert np.isnan(fit_encoding(column).encode(values)[1]).all()


@pytest.mark.parametrize(
    ("kind", "shape"), [("vector", (5,)), ("vector", (5, 0)), ("vector", (5, 2, 2)), ("numeric", (5, 1))]
)
def test_other_shapes_are_refused(kind: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="axes"):
        FeatureColumn("a", kind, np.zeros(shape))  # type: ignore[arg-type]


@settings(max_examples=10, deadline=None)
@given(share=st.sampled_from([0.0, 0.5, 1.0]), k=st.integers(1, 4), seed=st.integers(0, 9))
def test_probes_read_as_much_of_a_vector_as_there_is(share: float, k: int, seed: int) -> None:
    """``z`` holds every number of the block with the same share of signal."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(600, k))
    z = np.sqrt(share) * values + np.sqrt(1 - share) * rng.normal(size=(600, k))
    column, plain = FeatureColumn("a", "vector", values), FeatureColumn("b", "numeric", values[:, 0])
    found = read_features(np.concatenate([z, rng.normal(size=(600, 3))], axis=1), [column, plain], rng)
    assert found["a"].shares.retained == pytest.approx(share, abs=0.12)
    assert found["b"].shares.retained == pytest.approx(share, abs=0.15)
    assert found["a"].floor.retained == pytest.approx(0, abs=0.05)


def test_the_variance_of_a_vector_adds_up() -> None:
    values = vectors(500, 3, 0)
    assert encoded_variance(values) == pytest.approx(values.var(axis=0, ddof=1).sum())
