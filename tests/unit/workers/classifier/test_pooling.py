"""Average pooling of large taps."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.classifier.pooling import pool, pooled_shape


def test_exact_blocks() -> None:
    values = np.random.default_rng(0).standard_normal((3, 2, 8, 8)).astype(np.float32)
    blocks = values.reshape(3, 2, 4, 2, 4, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(pool(values, 32), blocks, atol=1e-6)


def test_fractional_windows_keep_the_mean() -> None:
    values = np.random.default_rng(1).standard_normal((2, 3, 7, 5)).astype(np.float32)
    pooled = pool(values, 3 * 4 * 3)
    assert pooled.shape == (2, *pooled_shape((3, 7, 5), 36))
    np.testing.assert_allclose(pooled.mean(axis=(2, 3)), values.mean(axis=(2, 3)), atol=1e-6)


def test_what_is_small_stays_as_it_is() -> None:
    values = np.random.default_rng(2).standard_normal((2, 3, 4, 4)).astype(np.float32)
    np.testing.assert_array_equal(pool(values, 48), values)


def test_vectors_are_never_touched_and_single_pixels_become_vectors() -> None:
    assert pool(np.zeros((2, 9000), np.float32), 16).shape == (2, 9000)
    assert pool(np.zeros((2, 64, 1, 1), np.float32), 4096).shape == (2, 64)


def test_tokens() -> None:
    values = np.random.default_rng(3).standard_normal((2, 10, 4)).astype(np.float32)
    np.testing.assert_allclose(pool(values, 8), values.reshape(2, 2, 5, 4).mean(axis=2), atol=1e-6)
    np.testing.assert_allclose(pool(values, 4), values.mean(axis=1), atol=1e-6)


@given(st.lists(st.integers(1, 300), min_size=2, max_size=3), st.integers(1, 5000))
def test_bounded(shape: list[int], most: int) -> None:
    features = shape[0] if len(shape) == 3 else shape[1]
    assert math.prod(pooled_shape(tuple(shape), most)) <= max(most, features)
