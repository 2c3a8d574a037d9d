"""Large taps of graphs become smaller without giving the order of their nodes a meaning."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.classifier.node_pooling import node_axes
from workers.classifier.pooling import pool, pooled_shape

NODES = 9


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((9, 4), (0,)), ((4, 9), (1,)), ((9, 9), (0,)), ((9, 9, 4), (0, 1)), ((4, 9, 9), (1, 2)), ((9, 9, 9), (0, 1)),
        ((2, 9, 4), (1,)), ((9, 2, 9), (0,)), ((9,), ()), ((4, 5), ()), ((), ()),
    ],
)  # fmt: skip
def test_axes_of_nodes(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    assert node_axes(shape, NODES) == axes


SHAPES = st.sampled_from([(9, 40), (40, 9), (9, 9, 6), (6, 9, 9), (3, 9, 20), (9, 4)])


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(9, 400), st.integers(0, 2**16))
def test_permuting_nodes_permutes_what_is_left(shape: tuple[int, ...], most: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((3, *shape)).astype(np.float32)
    order = rng.permutation(NODES)
    moved = values
    for axis in node_axes(shape, NODES):
        moved = np.take(moved, order, axis=1 + axis)
    expected = pool(values, most, NODES)
    for axis in node_axes(expected.shape[1:], NODES):
        expected = np.take(expected, order, axis=1 + axis)
    np.testing.assert_allclose(pool(moved, most, NODES), expected, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(9, 400))
def test_sizes(shape: tuple[int, ...], most: int) -> None:
    values = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    found = pool(values, most, NODES)
    assert found.shape[1:] == pooled_shape(shape, most, NODES)
    assert math.prod(found.shape[1:]) <= most
    if math.prod(shape) <= most:
        np.testing.assert_array_equal(found, values)


def test_pixels_would_not_have_kept_the_nodes_apart() -> None:
    """What the pooling of images does to a tap of nodes: neighbours in the array are averaged."""
    values = np.random.default_rng(0).standard_normal((1, 9, 40)).astype(np.float32)
    order = np.random.default_rng(1).permutation(9)
    as_pixels = pool(values, 120), pool(values[:, order], 120)
    assert min(np.abs(as_pixels[0][0, i] - as_pixels[1][0]).max(axis=1).min() for i in range(3)) > 0.01


def test_mixtures_of_features_are_the_same_for_every_node_and_every_time() -> None:
    row = np.random.default_rng(2).standard_normal(40).astype(np.float32)
    found = pool(np.tile(row, (2, 9, 1)), 90, NODES)
    np.testing.assert_allclose(found, np.broadcast_to(found[0, 0], found.shape), atol=1e-6)
    assert np.linalg.norm(found[0, 0]) < np.linalg.norm(row), "orthonormal directions, fewer of them"


def test_pairs_lose_the_second_node_first() -> None:
    values = np.random.default_rng(3).standard_normal((2, 9, 9, 3)).astype(np.float32)
    np.testing.assert_allclose(pool(values, 27, NODES), values.mean(axis=2), atol=1e-6)


def test_taps_without_nodes_are_pooled_as_ever() -> None:
    values = np.random.default_rng(4).standard_normal((2, 10, 4)).astype(np.float32)
    np.testing.assert_array_equal(pool(values, 8, NODES), pool(values, 8))
