"""Quotient geodesics: shortest between orbits, and never longer than the straight way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.orbits import NAMES, moved, orbit_named
from workers.symmetry.geodesic import quotient_geodesic, straight
from workers.symmetry.quotient import quotient_distance

SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_every_point_lies_its_share_of_the_way(name: str, seed: int) -> None:
    orbit, rng = orbit_named(name), np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 3, *orbit.shape))
    b = moved(orbit, b, rng)
    whole = quotient_distance(orbit, a, b)
    path = quotient_geodesic(orbit, a, b, 5)
    for step in range(5):
        np.testing.assert_allclose(quotient_distance(orbit, a, path[:, step]), whole * step / 4, atol=1e-9)
        np.testing.assert_allclose(quotient_distance(orbit, b, path[:, step]), whole * (4 - step) / 4, atol=1e-9)


def test_the_straight_way_to_the_same_thing_in_another_pose_leaves_its_orbit() -> None:
    orbit, rng = orbit_named("c8 on regular fields"), np.random.default_rng(0)
    a = rng.standard_normal((4, 16))
    b = np.roll(a.reshape(4, 2, 8), 3, axis=2).reshape(4, 16)
    middle = straight(a, b, 3)[:, 1]
    assert (quotient_distance(orbit, a, middle) > 0.5).all()
    np.testing.assert_allclose(quotient_geodesic(orbit, a, b, 3)[:, 1], a, atol=1e-12)


@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_of_scalars_it_is_the_line_between_the_sorted(seed: int) -> None:
    orbit, rng = orbit_named("scalars of nodes"), np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 4, 6))
    path = np.sort(quotient_geodesic(orbit, a, b, 4), axis=2)
    np.testing.assert_allclose(path, straight(np.sort(a), np.sort(b), 4), atol=1e-12)
