"""A graph as one array: nothing is lost, nothing else is taken for one, and nodes permute as rows and columns do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.graphs.packing import (
    Graphs,
    channels_for,
    is_graph,
    levels,
    pack,
    permuted,
    presence,
    quantise,
    resized,
    unpack,
    valid,
)


def random_graphs(seed: int, n: int = 3, m: int = 5, features: int = 2, edges: int = 2) -> Graphs:
    """Valid graphs whose values are exact multiples of 1/255; nodes may be absent anywhere."""
    rng = np.random.default_rng(seed)
    mask = rng.random((n, m)) < 0.7
    nodes = rng.integers(0, 256, (n, m, features)) * mask[..., None] / np.float32(255)
    upper = np.triu(np.ones((m, m)), 1)[None, :, :, None] * rng.integers(0, 256, (n, m, m, edges)) / np.float32(255)
    both = (mask[:, :, None] & mask[:, None, :])[..., None]
    adjacency = (upper + upper.swapaxes(1, 2)) * both
    return Graphs(nodes.astype(np.float32), adjacency.astype(np.float32), mask.astype(np.float32))


def packed_graphs(seed: int, **sizes: int) -> np.ndarray:
    graphs = random_graphs(seed, **sizes)
    return pack(graphs.nodes, graphs.adjacency, graphs.mask)


SIZES = st.fixed_dictionaries({
    "n": st.integers(1, 4), "m": st.integers(2, 7), "features": st.integers(1, 4), "edges": st.integers(1, 3),
})  # fmt: skip
SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(SEEDS, SIZES)
def test_packing_loses_nothing(seed: int, sizes: dict[str, int]) -> None:
    graphs = random_graphs(seed, **sizes)
    packed = pack(graphs.nodes, graphs.adjacency, graphs.mask)
    again = unpack(packed, sizes["features"], sizes["edges"])
    np.testing.assert_array_equal(again.nodes, graphs.nodes)
    np.testing.assert_array_equal(again.adjacency, graphs.adjacency)
    np.testing.assert_array_equal(again.mask, graphs.mask)
    assert is_graph(packed)
    assert packed.shape[3] == channels_for(sizes["features"], sizes["edges"]) >= 4
    assert valid(packed, sizes["edges"]).all()


@settings(max_examples=60, deadline=None)
@given(SEEDS, SIZES)
def test_permuting_nodes_permutes_what_is_unpacked(seed: int, sizes: dict[str, int]) -> None:
    packed = packed_graphs(seed, **sizes)
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(sizes["m"]), (sizes["n"], 1)), axis=1)
    before = unpack(packed, sizes["features"], sizes["edges"])
    after = unpack(permuted(packed, order), sizes["features"], sizes["edges"])
    for i, row in enumerate(order):
        np.testing.assert_array_equal(after.nodes[i], before.nodes[i][row])
        np.testing.assert_array_equal(after.adjacency[i], before.adjacency[i][np.ix_(row, row)])
        np.testing.assert_array_equal(after.mask[i], before.mask[i][row])
    np.testing.assert_array_equal(permuted(permuted(packed, order), np.argsort(order, axis=1)), packed)


@settings(max_examples=60, deadline=None)
@given(SEEDS, SIZES)
def test_whatever_is_quantised_is_a_graph_and_a_graph_stays(seed: int, sizes: dict[str, int]) -> None:
    packed = packed_graphs(seed, **sizes)
    np.testing.assert_array_equal(quantise(packed / 255, sizes["edges"]), packed)
    noise = np.random.default_rng(seed).uniform(-0.5, 1.5, packed.shape)
    assert valid(quantise(noise, sizes["edges"]), sizes["edges"]).all()


@pytest.mark.parametrize("fault", ["self", "one way", "absent node's edge", "absent node's feature", "beside", "half"])
def test_what_is_no_graph_is_told(fault: str) -> None:
    packed = pack(np.ones((2, 4, 2)), np.zeros((2, 4, 4)), np.array([[1, 1, 1, 0]] * 2))
    assert valid(packed, 1).all()
    broken = packed[1]
    if fault == "self":
        broken[1, 1, 3] = 255
    elif fault == "one way":
        broken[0, 1, 3] = 255
    elif fault == "absent node's edge":
        broken[0, 3, 3] = broken[3, 0, 3] = 255
    elif fault == "absent node's feature":
        broken[3, 3, 1] = 1
    elif fault == "beside":
        broken[0, 1, 2] = 9
    else:
        broken[0, 0, 0] = 200
    np.testing.assert_array_equal(valid(packed, 1), [True, False])


def test_few_features_leave_room_between_nodes_and_edges() -> None:
    packed = pack(np.full((1, 2, 1), 0.5), np.array([[[0, 1], [1, 0]]]), np.ones((1, 2)))
    assert packed.shape == (1, 2, 2, 4)
    np.testing.assert_array_equal(packed[0, 0, 0], [255, 128, 0, 0])
    np.testing.assert_array_equal(packed[0, 0, 1], [0, 0, 0, 255])


def test_one_matrix_of_edges() -> None:
    graphs = unpack(packed_graphs(1, edges=1), 2, 1, edge_axis=False)
    assert graphs.adjacency.shape == (3, 5, 5)
    with pytest.raises(ValueError, match="axis of their own"):
        unpack(packed_graphs(1), 2, 2, edge_axis=False)


def test_features_of_absent_nodes_are_dropped() -> None:
    packed = pack(np.ones((1, 3, 1)), np.zeros((1, 3, 3)), np.array([[1, 0, 1]]))
    np.testing.assert_array_equal(packed[0, 1], 0)
    np.testing.assert_array_equal(presence(packed), [[True, False, True]])


def test_room_is_added_and_taken_at_the_end() -> None:
    packed = packed_graphs(3)
    larger = resized(packed, 8)
    assert valid(larger, 2).all()
    assert not presence(larger)[:, 5:].any()
    np.testing.assert_array_equal(resized(larger, 5), packed)
    with pytest.raises(ValueError, match="beyond the first 1"):
        resized(packed, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_no_graphs(channels: int) -> None:
    assert not is_graph(np.zeros((2, 8, 8, channels), np.uint8))


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        pack(np.zeros((2, 3, 1)), np.zeros((2, 3, 4)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="no graphs of 3 node"):
        unpack(packed_graphs(1), 3, 2)


def test_levels_cut_what_lies_beyond() -> None:
    np.testing.assert_array_equal(levels(np.array([-0.2, 0.5, 1.3])), [0, 128, 255])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_whole_numbers_are_levels_without_floats(dtype: type) -> None:
    found = levels(np.array([0, 1, 1, 0], dtype=dtype))
    assert found.dtype == np.uint8
    assert found.tolist() == [0, 255, 255, 0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_levels_keep_the_nearest_and_leave_their_input_alone(dtype: type) -> None:
    values = np.array([-0.5, 0.0, 1 / 255, 0.5, 1.0, 7.0], dtype=dtype)
    kept = values.copy()
    assert levels(values).tolist() == [0, 0, 1, 128, 255, 255]
    np.testing.assert_array_equal(values, kept)
