"""The quotient distance is a metric on orbits, and what brute force finds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.orbits import NAMES, moved, orbit_named
from workers.symmetry.node_rows import permuted
from workers.symmetry.orbits import is_closed, orbit_of, permutations_of, shifts_of
from workers.symmetry.quotient import aligned, quotient_distance

SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_it_is_a_metric_on_orbits(name: str, seed: int) -> None:
    orbit, rng = orbit_named(name), np.random.default_rng(seed)
    a, b, c = rng.standard_normal((3, 4, *orbit.shape))
    apart = quotient_distance(orbit, a, b)
    np.testing.assert_allclose(apart, quotient_distance(orbit, b, a), atol=1e-9)
    np.testing.assert_allclose(apart, quotient_distance(orbit, moved(orbit, a, rng), moved(orbit, b, rng)), atol=1e-9)
    assert (quotient_distance(orbit, a, moved(orbit, a, rng)) < 1e-9).all()
    assert (apart > 0).all()
    assert (apart <= quotient_distance(orbit, a, c) + quotient_distance(orbit, c, b) + 1e-9).all()
    assert (apart <= np.linalg.norm((a - b).reshape(4, -1), axis=1) + 1e-9).all()


@given(seed=SEEDS, columns=st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_rows_of_nodes_are_matched_as_well_as_trying_every_numbering(seed: int, columns: int) -> None:
    orbit, rng = permutations_of((4, columns), (0,)), np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 3, 4, columns))
    tried = [
        np.linalg.norm((a - b[:, list(order)]).reshape(3, -1), axis=1) for order in itertools.permutations(range(4))
    ]
    np.testing.assert_allclose(quotient_distance(orbit, a, b), np.min(tried, axis=0), atol=1e-9)


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_shifts_are_found_as_well_as_by_trying_all(seed: int) -> None:
    orbit, rng = shifts_of((2, 4, 3)), np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 5, 2, 4, 3))
    tried = [
        np.linalg.norm((a - np.roll(b, (i, j), axis=(2, 3))).reshape(5, -1), axis=1) for i in range(4) for j in range(3)
    ]
    np.testing.assert_allclose(quotient_distance(orbit, a, b), np.min(tried, axis=0), atol=1e-9)


def test_values_of_pairs_of_nodes_get_an_upper_bound_that_finds_a_mere_renumbering() -> None:
    orbit, rng = permutations_of((5, 5, 2), (0, 1)), np.random.default_rng(0)
    a, b = rng.standard_normal((2, 6, 5, 5, 2))
    assert (quotient_distance(orbit, a, moved(orbit, a, rng)) < 1e-9).all()
    tried = [
        np.linalg.norm((a - b[:, list(order)][:, :, list(order)]).reshape(6, -1), axis=1)
        for order in itertools.permutations(range(5))
    ]
    found = quotient_distance(orbit, a, b)
    assert (found >= np.min(tried, axis=0) - 1e-9).all()
    assert (found <= tried[0] + 1e-9).all()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_aligned_is_still_in_its_orbit(name: str) -> None:
    orbit, rng = orbit_named(name), np.random.default_rng(1)
    a, b = rng.standard_normal((2, 4, *orbit.shape))
    found = aligned(orbit, b, to=a)
    np.testing.assert_allclose(np.sort(found.reshape(4, -1)), np.sort(b.reshape(4, -1)), atol=1e-12)
    assert (quotient_distance(orbit, found, b) < 1e-9).all()


def test_node_axes_may_stand_anywhere() -> None:
    rows = np.random.default_rng(2).standard_normal((3, 4, 2))
    order = np.array([[1, 0, 3, 2]] * 3)
    first, last = permutations_of((4, 2), (0,)), permutations_of((2, 4), (1,))
    there = permuted(last, rows.transpose(0, 2, 1), order)
    np.testing.assert_array_equal(permuted(first, rows, order).transpose(0, 2, 1), there)


def test_wrong_shapes_are_named() -> None:
    orbit = shifts_of((1, 2, 2))
    with pytest.raises(ValueError, match="must both have shape"):
        aligned(orbit, np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 2, 3)))
    with pytest.raises(ValueError, match="only maps"):
        shifts_of((4,))
    with pytest.raises(ValueError, match="do not number the same nodes"):
        permutations_of((3, 4), (0, 1))


def test_only_whole_groups_that_move_entries_are_closed() -> None:
    def roll(steps: int):  # type: ignore[no-untyped-def]
        return lambda values: np.roll(values, steps, axis=1)

    assert is_closed(tuple(roll(k) for k in range(4)), (4,))
    assert not is_closed(tuple(roll(k) for k in range(3)), (4,))
    assert not orbit_of("scale", "spatial", (4,), (roll(0), lambda values: values * 2)).closed
