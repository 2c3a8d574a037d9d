"""Every projection: the same on a whole orbit, different on others where it says so, and what each theorem says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.orbits import moved, orbit_named
from workers.symmetry.choice import NAMES, choose
from workers.symmetry.orbits import Orbit, permutations_of
from workers.symmetry.projections import Projection, fit, load, stored
from workers.symmetry.projections.averaging import Average
from workers.symmetry.projections.random_linear import RandomLinear
from workers.symmetry.projections.sorting import Sorting
from workers.symmetry.projections.spectrum import Moduli, circles
from workers.symmetry.quotient import quotient_distance

FITS = {
    "sorting": ["scalars of nodes"],
    "sliced_sorting": ["scalars of nodes", "rows of nodes", "columns of nodes"],
    "max_filters": ["c4 on maps", "flips of maps", "c8 on regular fields"],
    "shift_max_filters": ["shifts of maps", "shifts of maps, channels last"],
    "average": ["c4 on maps", "flips of maps", "c8 on regular fields", "shifts of maps"],
    "random_linear": ["c4 on maps", "flips of maps", "c8 on regular fields"],
    "moduli": ["c4 on maps", "c8 on regular fields"],
    "bispectrum": ["c4 on maps", "c8 on regular fields"],
    "canonical": [
        "c4 on maps", "flips of maps", "c8 on regular fields", "shifts of maps", "scalars of nodes", "rows of nodes",
    ],
}  # fmt: skip
PAIRS = [(name, orbit) for name, orbits in FITS.items() for orbit in orbits]
SEEDS = st.integers(0, 2**32 - 1)
KEPT = 64
"""More than any of these taps has units: theorems hold in full."""


def fitted(name: str, orbit: Orbit, kept: int = KEPT) -> Projection:
    values = np.random.default_rng(5).standard_normal((40, *orbit.shape))
    return fit(name, orbit, values, kept, np.random.default_rng(6))


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def test_every_projection_is_tried() -> None:
    assert set(FITS) == set(NAMES)


@pytest.mark.parametrize(("name", "kind"), PAIRS)
@given(seed=SEEDS)
@settings(max_examples=8, deadline=None)
def test_it_is_the_same_on_the_whole_orbit(name: str, kind: str, seed: int) -> None:
    orbit, rng = orbit_named(kind), np.random.default_rng(seed)
    projection = fitted(name, orbit)
    values = rng.standard_normal((6, *orbit.shape))
    found = projection(values)
    assert found.shape == (6, projection.width)
    assert found.dtype == np.float32
    assert relative(projection(moved(orbit, values, rng)), found) < 1e-6


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_it_is_the_same_also_where_templates_see_a_part_alone(name: str, kind: str) -> None:
    """Invariance is exact whatever the main directions, and however few."""
    orbit, rng = orbit_named(kind), np.random.default_rng(8)
    projection = fitted(name, orbit, kept=3)
    values = rng.standard_normal((6, *orbit.shape)) * 100 + 7
    assert relative(projection(moved(orbit, values, rng)), projection(values)) < 1e-6


@pytest.mark.parametrize(("name", "kind"), PAIRS)
@given(seed=SEEDS)
@settings(max_examples=8, deadline=None)
def test_a_lossless_one_tells_near_orbits_apart(name: str, kind: str, seed: int) -> None:
    """Images lie apart by a share of the distance between the orbits, near and far alike."""
    orbit, rng = orbit_named(kind), np.random.default_rng(seed)
    projection = fitted(name, orbit)
    values = rng.standard_normal((6, *orbit.shape))
    for size in (1e-2, 1.0):
        others = values + size * rng.standard_normal(values.shape)
        images = np.linalg.norm(projection(values).astype(np.float64) - projection(others), axis=1)
        share = images / quotient_distance(orbit, values, others)
        assert (share > 0.05).all() or not projection.lossless


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_what_is_kept_builds_the_same_function_again(name: str, kind: str) -> None:
    orbit = orbit_named(kind)
    projection = fitted(name, orbit)
    kept = stored("a tap: with a colon", projection) | {"mean:another": np.zeros(3)}
    again = load(name, "a tap: with a colon", orbit, kept)
    values = np.random.default_rng(9).standard_normal((4, *orbit.shape)).astype(np.float32)
    np.testing.assert_array_equal(again(values), projection(values))
    assert (again.name, again.width, again.lossless) == (name, projection.width, projection.lossless)


def test_a_state_that_is_not_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="not whole"):
        load("max_filters", "tap", orbit_named("c4 on maps"), {})
    with pytest.raises(ValueError, match="is no projection"):
        load("magic", "tap", orbit_named("c4 on maps"), {})


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_sorting_keeps_the_distance_between_orbits(seed: int) -> None:
    """Rearrangement inequality."""
    orbit, rng = permutations_of((7, 1), (0,)), np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 5, 7, 1))
    images = np.linalg.norm(Sorting(orbit)(a).astype(np.float64) - Sorting(orbit)(b), axis=1)
    np.testing.assert_allclose(images, quotient_distance(orbit, a, b), rtol=1e-5)


def test_sorted_scalars_form_a_convex_cone() -> None:
    orbit, rng = permutations_of((7,), (0,)), np.random.default_rng(0)
    a, b = (Sorting(orbit)(rng.standard_normal((5, 7))) for _ in range(2))
    for share in (0.3, 0.7):
        between = (1 - share) * a + share * b
        np.testing.assert_array_equal(Sorting(orbit)(3 * between), 3 * between)


def test_rows_sorted_by_one_column_are_not_isometric() -> None:
    """Two graphs that differ by a hair, and whose rows sorted by the first column lie far apart."""
    a = np.array([[[0.0, 5.0], [0.01, -5.0]]])
    b = np.array([[[0.01, 5.0], [0.0, -5.0]]])
    by_column = [rows[0, np.argsort(rows[0, :, 0])] for rows in (a, b)]
    assert np.linalg.norm(by_column[0] - by_column[1]) > 14
    assert quotient_distance(permutations_of((2, 2), (0,)), a, b)[0] < 0.02


def test_sliced_sorting_is_not_isometric() -> None:
    orbit, rng = orbit_named("rows of nodes"), np.random.default_rng(1)
    projection = fitted("sliced_sorting", orbit)
    a, b = rng.standard_normal((2, 50, *orbit.shape))
    share = np.linalg.norm(projection(a) - projection(b), axis=1) / quotient_distance(orbit, a, b)
    assert share.max() > 1.2 * share.min()


def test_sorting_needs_one_scalar_per_node() -> None:
    with pytest.raises(ValueError, match="one scalar per node"):
        Sorting(orbit_named("rows of nodes"))


def test_moduli_lose_the_phase_between_frequencies_and_the_bispectrum_does_not() -> None:
    orbit = orbit_named("c8 on regular fields")
    step = 2 * np.pi * np.arange(8) / 8
    values = np.stack([
        np.tile(np.cos(step) + np.cos(2 * step + phase), 2) for phase in (0.0, 1.0)
    ])  # fmt: skip
    assert quotient_distance(orbit, values[:1], values[1:])[0] > 1
    found = Moduli(orbit)(values)
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    images = fitted("bispectrum", orbit)(values)
    assert np.abs(images[0] - images[1]).max() > 1


def test_the_bispectrum_sees_one_circle_turned_against_another() -> None:
    orbit, rng = orbit_named("c8 on regular fields"), np.random.default_rng(2)
    value = rng.standard_normal((1, 16))
    turned = np.concatenate([value[:, :8], np.roll(value[:, 8:], 3, axis=1)], axis=1)
    assert relative(Moduli(orbit)(turned), Moduli(orbit)(value)) < 1e-6
    assert relative(fitted("bispectrum", orbit)(turned), fitted("bispectrum", orbit)(value)) > 0.05


def test_circles_are_found_among_the_units() -> None:
    found = circles(orbit_named("c8 on regular fields"))
    np.testing.assert_array_equal(np.sort(found, axis=1), np.arange(16).reshape(2, 8))
    assert len(circles(orbit_named("c4 on maps"))) == 8
    with pytest.raises(ValueError, match="whole cyclic group"):
        circles(orbit_named("flips of maps"))


def test_averages_keep_one_number_per_regular_field() -> None:
    orbit, rng = orbit_named("c8 on regular fields"), np.random.default_rng(3)
    values = rng.standard_normal((5, 16)).astype(np.float32)
    np.testing.assert_allclose(Average(orbit)(values), values.reshape(5, 2, 8).mean(axis=2), rtol=1e-5)


def test_a_random_linear_reading_knows_no_more_than_the_average() -> None:
    """Two orbits far apart with the same average: no linear reading tells them apart, the bank does."""
    orbit = orbit_named("c8 on regular fields")
    one, other = np.zeros((2, 1, 16))
    one[0, [0, 1]] = 1
    other[0, [0, 4]] = 1
    assert quotient_distance(orbit, one, other)[0] > 1
    reading = fitted("random_linear", orbit)
    assert isinstance(reading, RandomLinear)
    np.testing.assert_allclose(reading(one), reading(other), atol=1e-6)
    assert np.abs(fitted("max_filters", orbit)(one) - fitted("max_filters", orbit)(other)).max() > 0.1


def test_a_canonical_pose_jumps_and_max_filters_do_not() -> None:
    orbit = orbit_named("c8 on regular fields")
    a, b = np.random.default_rng(4).standard_normal((2, 16))
    path = a + np.linspace(0, 1, 2001)[:, None] * (b - a)  # somewhere along it another pose comes nearest
    step = np.linalg.norm(path[1] - path[0])
    canonical, bank = (
        np.linalg.norm(np.diff(fitted(name, orbit)(path), axis=0), axis=1) / step
        for name in ("canonical", "max_filters")
    )
    assert canonical.max() > 100
    assert bank.max() < 10


def test_quiet_units_count_beside_the_main_directions() -> None:
    """A unit too quiet for any main direction is still in the averages."""
    orbit, rng = orbit_named("c4 on maps"), np.random.default_rng(7)
    values = rng.standard_normal((200, *orbit.shape))
    values[:, 1] *= 1e-4
    projection = fit("max_filters", orbit, values, 2, rng)
    louder = values.copy()
    louder[:, 1] += 1e-4
    assert relative(projection(louder), projection(values)) > 1e-3


def test_constant_units_do_not_matter() -> None:
    orbit, rng = orbit_named("c4 on maps"), np.random.default_rng(7)
    values = rng.standard_normal((50, *orbit.shape)).astype(np.float32)
    values[:, 1] = 3
    for name in ("max_filters", "sliced_sorting"):
        kind = orbit if name == "max_filters" else permutations_of((2, 4, 4), (0,))
        assert np.isfinite(fit(name, kind, values, 8, rng)(values)).all()


@pytest.mark.parametrize("kind", ["c4 on maps", "flips of maps", "c8 on regular fields", "shifts of maps",
                                  "scalars of nodes", "rows of nodes", "columns of nodes"])  # fmt: skip
@pytest.mark.parametrize("kept", [2, 64])
def test_the_rule_promises_what_the_projection_keeps(kind: str, kept: int) -> None:
    orbit = orbit_named(kind)
    choice = choose(orbit, kept)
    projection = fitted(choice.projection, orbit, kept)
    assert choice.lossless == projection.lossless
    assert choice.width == projection.width
    assert "lost" in choice.why or choice.lossless


def test_the_rule_by_group() -> None:
    chosen = {kind: choose(orbit_named(kind), KEPT).projection for kind in (
        "c4 on maps", "c8 on regular fields", "shifts of maps", "scalars of nodes", "rows of nodes")}  # fmt: skip
    assert list(chosen.values()) == ["max_filters", "max_filters", "shift_max_filters", "sorting", "sliced_sorting"]


def test_values_of_pairs_of_nodes_are_summed_up_and_say_so() -> None:
    orbit, rng = permutations_of((6, 6, 3), (0, 1)), np.random.default_rng(0)
    choice = choose(orbit, KEPT)
    assert not choice.lossless
    projection = fit(choice.projection, orbit, rng.standard_normal((20, *orbit.shape)), KEPT, rng)
    values = rng.standard_normal((5, *orbit.shape))
    assert not projection.lossless
    assert relative(projection(moved(orbit, values, rng)), projection(values)) < 1e-6
    with pytest.raises(ValueError, match="no exact alignment"):
        fit("canonical", orbit, values, KEPT, rng)


def test_many_rows_are_not_called_lossless() -> None:
    orbit = permutations_of((40, 64), (0,))
    assert not choose(orbit, KEPT).lossless
    values = np.random.default_rng(0).standard_normal((8, *orbit.shape)).astype(np.float32)
    assert fit("sliced_sorting", orbit, values, KEPT, np.random.default_rng(1))(values).shape[1] <= 4096
