"""Actions on inputs are actions: inverses undo them, they compose, and exact ones only move values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from workers.graphs.packing import pack, valid
from workers.symmetry.actions import act, there_and_back
from workers.symmetry.groups import Element, fitting, group_for
from workers.symmetry.motions import Mirror, Motion, Recolour, Relabel, Shift, Turn, Zoom

SIDES = st.integers(7, 12)
PERMUTATIONS = st.permutations(range(3)).map(tuple)


def pictures(side: int, channels: int = 3, n: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, channels), dtype=np.uint8)


def framed(side: int, width: int, seed: int = 0) -> np.ndarray:
    """Noise inside a uniform frame."""
    found = np.full((2, side, side, 3), 40, np.uint8)
    found[:, width:-width, width:-width] = pictures(side - 2 * width, seed=seed)
    return found


def once(motion: Motion, inputs: np.ndarray) -> np.ndarray:
    return act(Element("", motion), inputs)


@given(images=arrays.arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(8), st.just(8), st.just(3))))
def test_what_only_moves_values_is_undone_by_its_inverse(images: np.ndarray) -> None:
    for name in ("flips", "c4", "colours"):
        for element in group_for(name, (8, 8, 3), np.random.default_rng(0)).elements:
            moved = act(element, images)
            assert moved.dtype == np.uint8
            assert np.array_equal(once(element.motion.inverse, moved), images)
            assert np.array_equal(there_and_back(element, images), images)
            assert sorted(moved.ravel()) == sorted(images.ravel())


@given(side=SIDES, k=st.integers(0, 7), j=st.integers(0, 7))
def test_quarter_turns_compose_as_c4_does(side: int, k: int, j: int) -> None:
    images = pictures(side)
    both = once(Turn(90.0 * (k % 4)), once(Turn(90.0 * (j % 4)), images))
    assert np.array_equal(both, once(Turn(90.0 * ((k + j) % 4)), images))


@given(first=PERMUTATIONS, second=PERMUTATIONS)
def test_channel_permutations_compose(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    images = pictures(7)
    together = tuple(first[i] for i in second)
    assert np.array_equal(once(Recolour(second), once(Recolour(first), images)), once(Recolour(together), images))


@given(down=st.integers(-3, 3), right=st.integers(-3, 3))
def test_a_shift_inside_the_frame_loses_nothing(down: int, right: int) -> None:
    images = framed(16, 4)
    moved = once(Shift(down, right), images)
    assert np.array_equal(once(Shift(-down, -right), moved), images)
    assert np.array_equal(moved, np.roll(images, (down, right), axis=(1, 2)))


def test_what_comes_in_is_the_border_of_each_picture() -> None:
    images = framed(12, 2)
    images[1] = 255 - images[1]
    moved = once(Shift(5, 0), images)
    assert (moved[0, :5] == 40).all()
    assert (moved[1, :5] == 215).all()
    assert np.array_equal(moved[:, 5:], images[:, :-5])


def test_a_turn_is_counter_clockwise_and_down_is_down() -> None:
    image = np.zeros((1, 9, 9, 1), np.uint8)
    image[0, 0, 4] = 200  # top
    assert once(Turn(90.0), image)[0, 4, 0, 0] == 200  # left
    assert once(Shift(2, 0), image)[0, 2, 4, 0] == 200
    assert once(Mirror(vertical=True, horizontal=False), image)[0, 8, 4, 0] == 200


def test_sampled_turns_continue_the_quarter_turns() -> None:
    """A turn by 89.999 degrees is sampled, one by 90 is not; they must agree."""
    image = pictures(10)
    near = once(Turn(89.9999), image).astype(int)
    assert np.abs(near - once(Turn(90.0), image)).max() <= 1
    assert np.abs(once(Turn(0.0001), image).astype(int) - image).max() <= 1


def test_resampling_there_and_back_blurs() -> None:
    images = framed(16, 4)
    for motion in (Turn(45.0), Zoom(0.8), Zoom(1.25)):
        gap = np.abs(there_and_back(Element("", motion, exact=False), images).astype(int) - images)
        assert 1 < gap.mean() < 40


def test_zooming_in_makes_things_larger() -> None:
    image = np.zeros((1, 20, 20, 1), np.uint8)
    image[0, 8:12, 8:12] = 255
    areas = [int((once(Zoom(factor), image) > 127).sum()) for factor in (0.5, 1.0, 2.0)]
    assert areas == sorted(areas)
    assert areas[1] == 16
    assert areas[2] == pytest.approx(64, abs=20)


@given(order=st.permutations(range(5)).map(tuple), seed=st.integers(0, 50))
def test_permuted_nodes_are_the_same_graph(order: tuple[int, ...], seed: int) -> None:
    source = np.random.default_rng(seed)
    mask = np.array([[1, 1, 1, 1, 0]])
    nodes, edges = source.random((1, 5, 3)), source.random((1, 5, 5, 2)).round()
    edges = (
        (edges + edges.swapaxes(1, 2)) / 2 * (mask[:, :, None] * mask[:, None, :] * ~np.eye(5, dtype=bool))[..., None]
    )
    graph = pack(nodes, edges, mask)
    moved = once(Relabel(order), graph)
    assert valid(moved, 2).all()
    assert np.array_equal(once(Relabel(order).inverse, moved), graph)
    for i, j in ((0, 1), (2, 4), (3, 3)):
        assert np.array_equal(moved[0, i, j], graph[0, order[i], order[j]])


@pytest.mark.parametrize("shape", [(9, 9, 3), (9, 14, 1), (6, 6, 8)])
def test_every_element_of_every_group_keeps_shape_and_type(shape: tuple[int, int, int]) -> None:
    inputs = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)
    for name in fitting(shape):
        for element in group_for(name, shape, np.random.default_rng(0)).elements:
            for moved in (act(element, inputs), there_and_back(element, inputs)):
                assert moved.shape == inputs.shape
                assert moved.dtype == np.uint8
