"""The closed list of groups: which fit which inputs, and that their elements are what they are called."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.audits import SymmetryGroup
from workers.symmetry.groups import fitting, group_for
from workers.symmetry.motions import Mirror, Recolour, Shift, Turn

SQUARE, WIDE, GREY, GRAPH = (28, 28, 3), (16, 28, 3), (28, 28, 1), (9, 9, 7)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_list_is_that_of_the_contract() -> None:
    assert {*fitting(SQUARE), *fitting(GRAPH)} == {group.value for group in SymmetryGroup}


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        (SQUARE, {"translations", "flips", "c4", "c8", "so2", "scale", "colours"}),
        (GREY, {"translations", "flips", "c4", "c8", "so2", "scale"}),
        (WIDE, {"translations", "flips", "so2", "scale", "colours"}),
        (GRAPH, {"nodes"}),
    ],
)
def test_groups_that_fit(shape: tuple[int, int, int], names: set[str]) -> None:
    assert set(fitting(shape)) == names


@pytest.mark.parametrize(("name", "shape"), [("c4", WIDE), ("colours", GREY), ("nodes", SQUARE), ("flips", GRAPH)])
def test_a_group_that_does_not_fit_is_refused(name: str, shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=name):
        group_for(name, shape, rng())


@pytest.mark.parametrize("shape", [SQUARE, WIDE, GREY, GRAPH, (5, 5, 1)])
def test_every_group_starts_with_the_identity_and_names_its_elements_apart(shape: tuple[int, int, int]) -> None:
    for name in fitting(shape):
        group = group_for(name, shape, rng())
        assert group.identity.motion == Shift(0, 0)
        assert group.identity.exact
        assert len({element.name for element in group.elements}) == group.order > 1
        assert all(element.motion != Shift(0, 0) for element in group.others)


@pytest.mark.parametrize("order", [4, 8])
def test_cyclic_groups_are_whole_and_in_the_order_of_powers(order: int) -> None:
    group = group_for(f"c{order}", SQUARE, rng())
    assert group.complete
    assert [e.motion for e in group.others] == [Turn(360 / order * k) for k in range(1, order)]
    assert [e.exact for e in group.others] == [90 * k % 90 == 0 and 360 / order * k % 90 == 0 for k in range(1, order)]


def test_only_the_half_turn_of_a_wide_picture_is_exact() -> None:
    so2 = group_for("so2", WIDE, rng())
    assert [element.name for element in so2.others if element.exact] == ["turned 180°"]


def test_no_resampled_angle_of_so2_is_in_c8() -> None:
    so2, c8 = (group_for(name, SQUARE, rng()) for name in ("so2", "c8"))
    assert not {e.motion for e in so2.others if not e.exact} & {e.motion for e in c8.others}


def test_shifts_go_all_four_ways_and_fit_the_strides_of_maps() -> None:
    group = group_for("translations", (32, 32, 3), rng())
    motions = {element.motion for element in group.others}
    for size in (1, 2, 4):
        assert {Shift(size, 0), Shift(-size, 0), Shift(0, size), Shift(0, -size)} <= motions
    large = group_for("translations", (224, 224, 3), rng())
    assert max(abs(e.motion.down) for e in large.others if isinstance(e.motion, Shift)) == 32
    assert large.order == 13


def test_flips_and_colours_are_whole_groups() -> None:
    flips = group_for("flips", WIDE, rng())
    assert {e.motion for e in flips.others} == {Mirror(False, True), Mirror(True, False), Mirror(True, True)}
    colours = group_for("colours", SQUARE, rng())
    assert flips.complete
    assert colours.complete
    assert {e.motion.order for e in colours.others if isinstance(e.motion, Recolour)} == {
        (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)
    }  # fmt: skip


def test_node_permutations_are_those_of_the_seed() -> None:
    first, again, other = (group_for("nodes", GRAPH, rng(seed)).elements for seed in (0, 0, 1))
    assert first == again != other
