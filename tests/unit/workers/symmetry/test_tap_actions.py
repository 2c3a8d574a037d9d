"""Known actions on taps are homomorphisms, and are offered only where they fit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.symmetry.groups import Element, Group, fitting, group_for
from workers.symmetry.motions import Recolour, Shift, Turn
from workers.symmetry.tap_actions import (
    REGULAR,
    act_on_tap,
    actions_for,
    covers,
    map_axes,
    node_axes,
    pooled_along_orbit,
    resampled_map,
    stride,
    valid_region,
)

SIZE = (28, 28)
OF_C8 = tuple(f"{action}_of_c8" for action in REGULAR)


def group(name: str, shape: tuple[int, int, int] = (28, 28, 3)) -> Group:
    return group_for(name, shape, np.random.default_rng(0))


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "shape", "actions"),
    [
        ("translations", (8, 14, 14), ("identity", "spatial")),
        ("translations", (14, 14, 6), ("identity", "spatial")),
        ("translations", (8, 2, 2), ("identity",)),
        ("translations", (64,), ("identity",)),
        ("scale", (8, 7, 7), ("identity", "spatial")),
        ("scale", (8, 2, 2), ("identity",)),
        ("flips", (6, 7, 7), ("identity", "spatial")),
        ("flips", (24,), ("identity",)),
        ("c4", (6, 7, 7), ("identity", "spatial")),
        ("c4", (4, 7, 7), ("identity", "spatial", *REGULAR)),
        ("c4", (8, 7, 7), ("identity", "spatial", *REGULAR, *OF_C8)),
        ("c4", (12,), ("identity", *REGULAR)),
        ("c4", (10,), ("identity",)),
        ("c4", (49, 16), ("identity",)),
        ("c4", (), ("identity",)),
        ("c4", (12, 1, 1), ("identity", *REGULAR)),
        ("c4", (1, 1, 12), ("identity", *REGULAR)),
        ("c4", (6, 4), ("identity", "regular", "regular_reversed")),
        ("c4", (4, 6), ("identity", "regular_interleaved", "regular_interleaved_reversed")),
        ("c4", (6, 8), ("identity", "regular_of_c8", "regular_reversed_of_c8")),
        ("c8", (12,), ("identity",)),
        ("c8", (16, 7, 7), ("identity", "spatial", *REGULAR)),
        ("so2", (16, 7, 7), ("identity", "spatial")),
        ("so2", (16,), ("identity",)),
        ("colours", (3, 28, 28), ("identity",)),
    ],
)
def test_actions_that_fit(name: str, shape: tuple[int, ...], actions: tuple[str, ...]) -> None:
    assert actions_for(group(name), shape, SIZE) == actions


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((9,), (0,)), ((9, 16), (0,)), ((16, 9), (1,)), ((9, 9), (0,)), ((9, 9, 4), (0, 1)), ((4, 9, 9), (1, 2)),
        ((9, 4, 3), (0,)), ((16, 3), ()),
    ],
)  # fmt: skip
def test_node_axes_of_graph_taps(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    assert node_axes(shape, 9) == axes
    assert actions_for(group("nodes", (9, 9, 7)), shape, (9, 9)) == (("identity", "nodes") if axes else ("identity",))


@pytest.mark.parametrize(
    ("side", "cells", "pixels"),
    [
        (28, 28, 1), (28, 26, 1), (28, 24, 1), (28, 14, 2), (28, 12, 2), (28, 7, 4), (28, 4, 4), (224, 7, 32),
        (28, 112, "1/4"),
    ],
)  # fmt: skip
def test_stride_of_maps_with_and_without_padding(side: int, cells: int, pixels: int | str) -> None:
    assert stride(side, cells) == Fraction(pixels)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((8, 14, 14), (1, 2)), ((14, 14, 8), (0, 1)), ((14, 14, 14), (1, 2)), ((3, 1, 1), None), ((4, 14, 7), None)],
)
def test_maps_are_recognised_in_either_layout(shape: tuple[int, ...], axes: tuple[int, int] | None) -> None:
    assert map_axes(shape, SIZE) == axes


@given(k=st.integers(0, 3), j=st.integers(0, 3), action=st.sampled_from(("spatial", *REGULAR, *OF_C8)))
def test_actions_of_c4_are_homomorphisms(k: int, j: int, action: str) -> None:
    c4, values = group("c4"), noise(2, 8, 6, 6)
    first, second, both = (c4.elements[i] for i in (k, j, (k + j) % 4))

    def rho(element: Element, of: np.ndarray) -> np.ndarray:
        return act_on_tap(c4, element, action, of, SIZE)

    np.testing.assert_array_equal(rho(second, rho(first, values)), rho(both, values))


@given(k=st.integers(0, 7), j=st.integers(0, 7), action=st.sampled_from(REGULAR))
def test_actions_of_c8_on_vectors_are_homomorphisms(k: int, j: int, action: str) -> None:
    c8, values = group("c8"), noise(3, 16)
    once = act_on_tap(c8, c8.elements[j], action, act_on_tap(c8, c8.elements[k], action, values, SIZE), SIZE)
    np.testing.assert_array_equal(once, act_on_tap(c8, c8.elements[(k + j) % 8], action, values, SIZE))


@pytest.mark.parametrize(
    ("shape", "action"),
    [
        ((12, 1, 1), "regular"),
        ((1, 1, 12), "regular_interleaved"),
        ((3, 4), "regular"),
        ((4, 3), "regular_interleaved"),
    ],
)
def test_fields_of_other_shapes_move_as_a_vector_does(shape: tuple[int, ...], action: str) -> None:
    c4, values = group("c4"), noise(2, 12)
    for element in c4.others:
        moved = act_on_tap(c4, element, action, values.reshape(2, *shape), SIZE)
        assert moved.shape == (2, *shape)
        np.testing.assert_array_equal(moved.reshape(2, 12), act_on_tap(c4, element, action, values, SIZE))


@pytest.mark.parametrize(
    ("action", "shape"),
    [("spatial", (8, 6, 6)), *((one, (8, 6, 6)) for one in REGULAR), *((one, (8,)) for one in OF_C8)],
)
def test_what_is_pooled_along_the_orbit_does_not_move(action: str, shape: tuple[int, ...]) -> None:
    c4, numbers = group("c4"), noise(*shape).astype(np.float64)
    pooled = pooled_along_orbit(c4, action, numbers, SIZE)
    assert pooled.shape == shape
    assert pooled.mean() == pytest.approx(numbers.mean())
    assert len(np.unique(pooled.round(12))) > 1 or "of_c8" in action
    for element in c4.others:
        np.testing.assert_array_equal(act_on_tap(c4, element, action, pooled[None], SIZE)[0], pooled)


def test_layouts_of_fields_are_one_another_s_transposes() -> None:
    c4, fields = group("c4"), noise(2, 3, 4)
    step = c4.elements[1]
    side = act_on_tap(c4, step, "regular", fields.reshape(2, 12), SIZE).reshape(2, 3, 4)
    strided = act_on_tap(c4, step, "regular_interleaved", fields.swapaxes(1, 2).reshape(2, 12), SIZE)
    np.testing.assert_array_equal(side, np.roll(fields, 1, axis=2))
    np.testing.assert_array_equal(strided.reshape(2, 4, 3).swapaxes(1, 2), side)
    back = act_on_tap(c4, step, "regular_reversed", fields.reshape(2, 12), SIZE).reshape(2, 3, 4)
    np.testing.assert_array_equal(back, np.roll(fields, -1, axis=2))


@given(k=st.integers(0, 3), action=st.sampled_from(REGULAR))
def test_quarter_turns_act_on_fields_of_c8_as_its_even_elements(k: int, action: str) -> None:
    c4, c8, values = group("c4"), group("c8"), noise(2, 16, 7, 7)
    quarter = act_on_tap(c4, c4.elements[k], f"{action}_of_c8", values, SIZE)
    np.testing.assert_array_equal(quarter, act_on_tap(c8, c8.elements[2 * k], action, values, SIZE))


@pytest.mark.parametrize("name", ["flips", "c4", "translations"])
def test_channels_last_maps_move_as_channels_first_ones(name: str) -> None:
    values, chosen = noise(2, 5, 14, 14), group(name)
    for element in chosen.elements:
        if covers(element, "spatial", (5, 14, 14), SIZE):
            first = act_on_tap(chosen, element, "spatial", values, SIZE)
            last = act_on_tap(chosen, element, "spatial", values.transpose(0, 2, 3, 1), SIZE)
            np.testing.assert_array_equal(last.transpose(0, 3, 1, 2), first)


def test_only_shifts_by_whole_cells_are_covered() -> None:
    shifts = {e.motion: e for e in group("translations").others}
    covered = {motion for motion, e in shifts.items() if covers(e, "spatial", (8, 14, 14), SIZE)}
    assert covered == {
        motion for motion in shifts if isinstance(motion, Shift) and (motion.down + motion.right) % 2 == 0
    }
    assert all(covers(e, "identity", (8, 14, 14), SIZE) for e in shifts.values())
    with pytest.raises(ValueError, match="whole cells"):
        act_on_tap(group("translations"), shifts[Shift(1, 0)], "spatial", noise(1, 8, 14, 14), SIZE)


def test_the_region_of_a_shift_leaves_out_the_borders_of_both_maps() -> None:
    region = valid_region(Element("", Shift(4, 0)), "spatial", (8, 28, 28), SIZE)
    rows, columns = np.flatnonzero(region[0].any(axis=1)), np.flatnonzero(region[0].any(axis=0))
    assert (rows[0], rows[-1]) == (11, 20)  # 7 of margin, 4 of shift
    assert (columns[0], columns[-1]) == (7, 20)


def test_the_region_of_a_sampled_turn_is_a_disc_and_of_a_quarter_everything() -> None:
    disc = valid_region(Element("", Turn(45.0), exact=False), "spatial", (8, 28, 28), SIZE)[0]
    assert disc.mean() == pytest.approx(np.pi / 4, abs=0.02)
    assert not disc[0, 0]
    assert valid_region(Element("", Turn(90.0)), "regular", (8, 28, 28), SIZE).all()
    assert valid_region(Element("", Turn(45.0), exact=False), "identity", (8, 28, 28), SIZE).all()


def test_maps_have_a_floor_of_their_own_where_they_are_resampled() -> None:
    values = noise(2, 4, 14, 14)
    assert resampled_map(Element("", Turn(90.0)), values, SIZE) is None
    assert resampled_map(Element("", Turn(45.0), exact=False), noise(2, 8), SIZE) is None
    back = resampled_map(Element("", Turn(45.0), exact=False), values, SIZE)
    assert back is not None
    assert 0.1 < np.abs(back - values).mean() < 2


def test_colours_have_no_action_on_maps() -> None:
    with pytest.raises(ValueError, match="does not move maps"):
        act_on_tap(group("colours"), Element("x", Recolour((1, 0, 2))), "spatial", noise(1, 3, 28, 28), SIZE)


@pytest.mark.parametrize("shape", [(9, 16), (4, 9, 9), (9, 9, 4), (9,)])
def test_node_permutations_act_on_every_node_axis(shape: tuple[int, ...]) -> None:
    nodes, values = group("nodes", (9, 9, 7)), noise(2, *shape)
    for element in nodes.elements[1:]:
        moved = act_on_tap(nodes, element, "nodes", values, (9, 9))
        inverse = Element("", element.motion.inverse)
        np.testing.assert_array_equal(act_on_tap(nodes, inverse, "nodes", moved, (9, 9)), values)


@pytest.mark.parametrize("shape", [(28, 28, 3), (28, 28, 1), (14, 28, 3)])
def test_what_is_offered_can_be_done(shape: tuple[int, int, int]) -> None:
    for name in fitting(shape):
        chosen = group(name, shape)
        for tap in ((8, shape[0] // 2, shape[1] // 2), (shape[0], shape[1], 4), (16,)):
            for action in actions_for(chosen, tap, shape[:2]):
                for element in chosen.elements:
                    if covers(element, action, tap, shape[:2]):
                        values = noise(1, *tap)
                        assert act_on_tap(chosen, element, action, values, shape[:2]).shape == values.shape
