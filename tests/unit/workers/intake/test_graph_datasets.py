"""Intake of graphs: what is kept of them, what is refused and why."""

from __future__ import annotations

import hashlib
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.datasets import DatasetFacts
from schemas.problems import ErrorCode
from tests.builders.archives import npz_bytes, random_images
from tests.builders.random_graphs import graph_arrays
from workers.errors import IntakeError
from workers.graphs.packing import presence, unpack, valid
from workers.intake import DatasetCaps, ReferenceData, intake_dataset, load_dataset
from workers.intake import graph_arrays as graph_arrays_module
from workers.intake.datasets import inspect_dataset
from workers.intake.graph_arrays import BLOCK_BYTES, take_graphs
from workers.intake.limits import MIB, Limits

N = 12
SMALL = DatasetCaps(minimum_images=4)


def inspect(caps: DatasetCaps = SMALL, **arrays: Any) -> tuple[DatasetFacts, ReferenceData]:
    facts, canonical = inspect_dataset(npz_bytes(**arrays), "graphs.npz", {}, caps)
    assert facts.canonical_digest == hashlib.sha256(canonical).hexdigest()
    return facts, load_dataset(canonical)


def refused(caps: DatasetCaps = SMALL, **arrays: Any) -> IntakeError:
    with pytest.raises(IntakeError) as caught:
        inspect_dataset(npz_bytes(**arrays), "graphs.npz", {}, caps)
    assert caught.value.advice
    assert caught.value.detail.isprintable()
    return caught.value


def plain(seed: int = 0, **sizes: int) -> dict[str, Any]:
    """The arrays without columns."""
    arrays = graph_arrays(sizes.pop("n", N), seed=seed, **sizes)
    return {name: arrays[name] for name in ("nodes", "adjacency", "mask")}


# accepted


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**16), st.integers(3, 9), st.integers(1, 4), st.integers(1, 3))
def test_what_was_uploaded_is_what_is_unpacked(seed: int, m: int, features: int, edges: int) -> None:
    arrays = plain(seed, m=m, features=features, edges=edges)
    facts, found = inspect(**arrays)
    assert facts.graph is not None
    assert (facts.kind, facts.images, facts.height, facts.width) == ("graphs", N, m, m)
    assert (facts.graph.nodes, facts.graph.node_features, facts.graph.edge_features) == (m, features, edges)
    assert facts.channels == found.images.shape[3] >= 4
    assert valid(found.images, edges).all()
    graphs = unpack(found.images, features, edges)
    np.testing.assert_array_equal(graphs.nodes, arrays["nodes"])
    np.testing.assert_array_equal(graphs.adjacency, arrays["adjacency"])
    np.testing.assert_array_equal(graphs.mask, arrays["mask"])


def test_columns_labels_names_and_pairs() -> None:
    arrays = graph_arrays(24)
    pairs = np.array([[i, j] for i in range(7) for j in range(i)])
    names = {"node_names": np.array(["C", "N", "O"]), "edge_names": np.array(["single", "double"])}
    facts, found = inspect(**arrays, **names, labels=arrays["rings"], pairs_ringed=pairs)
    assert facts.graph is not None
    assert (facts.graph.node_names, facts.graph.edge_names) == (["C", "N", "O"], ["single", "double"])
    assert [attribute.name for attribute in facts.attributes] == ["size", "rings", "first"]
    assert facts.labelled
    assert [(one.name, one.definition, one.count) for one in facts.concepts] == [("ringed", "pairs", len(pairs))]
    np.testing.assert_allclose(found.columns[2], arrays["first"])
    assert facts.notes == []


def test_one_matrix_of_edges_and_numbers_between_0_and_1() -> None:
    arrays = plain()
    weights = arrays["adjacency"].any(axis=3) * 0.25
    facts, found = inspect(nodes=arrays["nodes"] * 0.3, adjacency=weights, mask=arrays["mask"].astype(int))
    assert facts.graph is not None
    assert facts.graph.edge_features == 1
    graphs = unpack(found.images, 3, 1, edge_axis=False)
    np.testing.assert_allclose(graphs.adjacency, weights, atol=0.5 / 255)
    np.testing.assert_allclose(graphs.nodes, arrays["nodes"] * 0.3, atol=0.5 / 255)
    assert any("256 levels" in note for note in facts.notes)


def test_without_a_mask_a_node_is_what_has_a_feature() -> None:
    arrays = plain()
    mask = arrays.pop("mask")
    facts, found = inspect(**arrays)
    np.testing.assert_array_equal(presence(found.images), mask)
    assert any("no mask" in note for note in facts.notes)


def test_a_node_without_any_feature_needs_a_mask() -> None:
    arrays = plain()
    arrays["nodes"][0, 0] = False
    _, found = inspect(**arrays)
    assert presence(found.images)[0, 0]
    arrays.pop("mask")
    error = refused(**arrays)
    assert "graph 0 (counted from 0) has an edge that ends where there is no node" in error.detail
    assert "mask" in error.advice


def test_absent_nodes_may_stand_anywhere() -> None:
    arrays = plain()
    order = np.random.default_rng(0).permutation(8)
    nodes, mask = arrays["nodes"][:, order], arrays["mask"][:, order]
    _, found = inspect(nodes=nodes, adjacency=arrays["adjacency"][:, order][:, :, order], mask=mask)
    np.testing.assert_array_equal(presence(found.images), mask)


def test_images_with_a_column_called_nodes_stay_images() -> None:
    facts, _ = inspect(images=random_images(N), nodes=np.arange(N) * 1.5)
    assert (facts.kind, facts.graph) == ("images", None)
    assert facts.attributes[0].name == "nodes"


def test_through_the_sandbox() -> None:
    facts, canonical = intake_dataset(npz_bytes(**graph_arrays(220)), "graphs.npz")
    assert facts.kind == "graphs"
    assert len(load_dataset(canonical)) == 220


# refused: the values


def broken(where: str, index: tuple[int, ...], value: float) -> dict[str, Any]:
    """Ten graphs, each a chain of three nodes with room for five, and one wrong entry in graph 7."""
    nodes, adjacency = np.zeros((10, 5, 2)), np.zeros((10, 5, 5, 2))
    nodes[:, :3, 0] = 1
    for a, b in ((0, 1), (1, 2)):
        adjacency[:, a, b, 0] = adjacency[:, b, a, 0] = 1
    arrays = {"nodes": nodes, "adjacency": adjacency, "mask": (np.arange(5) < 3) * np.ones((10, 1))}
    arrays[where][(7, *index)] = value
    return arrays


def test_the_graphs_that_are_broken_next_are_accepted() -> None:
    assert inspect(**broken("mask", (0,), 1))[0].images == 10


@pytest.mark.parametrize(
    ("where", "index", "value", "says", "advises"),
    [
        ("nodes", (0, 0), 1.5, "values in nodes below 0 or above 1", "one-hot"),
        ("nodes", (0, 0), -0.1, "values in nodes below 0", "one-hot"),
        ("nodes", (0, 0), np.nan, "missing or infinite values in nodes", "0 to 1"),
        ("nodes", (4, 1), 1.0, "features where its mask has no node", "zeros"),
        ("adjacency", (0, 1, 0), 2.0, "values in adjacency below 0 or above 1", "one-hot"),
        ("adjacency", (0, 1, 0), np.inf, "missing or infinite values in adjacency", "0 to 1"),
        ("adjacency", (0, 2, 1), 1.0, "an edge in one direction only", "both directions"),
        ("adjacency", (0, 1, 0), 0.5, "an edge in one direction only", "both directions"),
        ("adjacency", (1, 1, 1), 1.0, "joins a node to itself", "diagonal"),
        ("mask", (0,), 0.5, "neither 0 nor 1", "mask"),
        ("mask", (2,), 0.0, "features where its mask has no node", "zeros"),
        ("mask", (0,), np.nan, "neither 0 nor 1", "mask"),
    ],
)
def test_what_is_no_graph(where: str, index: tuple[int, ...], value: float, says: str, advises: str) -> None:
    error = refused(**broken(where, index, value))
    assert error.code is ErrorCode.DATASET_UNREADABLE
    assert "graph 7 (counted from 0)" in error.detail
    assert says in error.detail
    assert advises in error.advice


def test_an_edge_to_a_node_that_is_not_there() -> None:
    arrays = broken("mask", (0,), 1)
    arrays["adjacency"][3, 0, 4, 1] = arrays["adjacency"][3, 4, 0, 1] = 1
    assert "graph 3 (counted from 0) has an edge that ends where there is no node" in refused(**arrays).detail


def test_an_empty_graph() -> None:
    arrays = broken("mask", (0,), 1)
    for array in arrays.values():
        array[2] = 0
    assert "graph 2 (counted from 0) has no node" in refused(**arrays).detail


def test_no_edges_anywhere() -> None:
    arrays = plain()
    arrays["adjacency"][:] = False
    assert "no graph has an edge" in refused(**arrays).detail


def test_a_fault_far_behind_is_found() -> None:
    """Graphs are checked in blocks."""
    arrays = graph_arrays(2100, m=4)
    arrays["adjacency"][2099, 0, 0, 0] = True
    assert "graph 2099 (counted from 0) joins a node to itself" in refused(**arrays).detail


# refused: the shapes


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": np.ones((N, 8))},
        {"nodes": np.ones((N, 7, 3))},
        {"nodes": np.ones((N - 1, 8, 3))},
        {"adjacency": np.zeros((N, 8, 7))},
        {"adjacency": np.zeros((N, 8, 8, 2, 1))},
        {"adjacency": np.zeros((N, 64))},
        {"mask": np.ones(N)},
        {"mask": np.ones((N, 8, 1))},
        {"nodes": np.full((N, 8, 3), "C")},
    ],
)
def test_shapes_that_do_not_fit(change: dict[str, Any]) -> None:
    error = refused(**{**plain(), **change})
    assert error.code is ErrorCode.DATASET_UNREADABLE
    assert "[n, m, features]" in error.advice


@pytest.mark.parametrize("missing", ["nodes", "adjacency"])
def test_half_a_graph(missing: str) -> None:
    arrays = plain()
    del arrays[missing]
    assert f"no array {missing}" in refused(**arrays).detail


@pytest.mark.parametrize(
    ("caps", "code"),
    [
        ({"minimum_images": N + 1}, ErrorCode.DATASET_TOO_SMALL),
        ({"images": N - 1}, ErrorCode.DATASET_TOO_LARGE),
        ({"graph_nodes": 7}, ErrorCode.DATASET_TOO_LARGE),
        ({"graph_features": 4}, ErrorCode.DATASET_TOO_LARGE),
        ({"decoded_bytes": N * 8 * 8 * 6 - 1}, ErrorCode.DATASET_TOO_LARGE),
    ],
)
def test_limits(caps: dict[str, int], code: ErrorCode) -> None:
    assert refused(DatasetCaps(**{"minimum_images": 4, **caps}), **plain()).code is code


def test_room_for_many_nodes_is_refused_before_anything_is_packed() -> None:
    arrays = {"nodes": np.zeros((4, 3000, 1), bool), "adjacency": np.zeros((4, 3000, 3000), bool)}
    error = refused(**arrays)
    assert error.code in (ErrorCode.DATASET_TOO_LARGE, ErrorCode.DATASET_ARCHIVE_UNSAFE)


@pytest.mark.parametrize(
    "names", [["C", "N"], ["C", "C", "O"], ["C", "", "O"], ["C", "N\n", "O"], [1, 2, 3], [["C", "N", "O"]]]
)
def test_names_of_features(names: list[Any]) -> None:
    error = refused(**plain(), node_names=np.array(names))
    assert error.code is ErrorCode.DATASET_UNREADABLE
    assert "node_names" in error.advice


def test_columns_have_one_entry_per_graph() -> None:
    error = refused(**plain(), size=np.arange(N + 1))
    assert error.code is ErrorCode.DATASET_ATTRIBUTES_INVALID
    assert "graph" in error.advice


def test_graphs_are_not_sketched() -> None:
    error = refused(**plain(), sketch_ring=random_images(2))
    assert error.code is ErrorCode.DATASET_CONCEPTS_INVALID
    assert "pairs" in error.advice


def test_a_concept_is_not_called_what_audits_count_themselves() -> None:
    pairs = np.array([[i, j] for i in range(7) for j in range(i)])
    assert "something else" in refused(**plain(), pairs_rings=pairs).detail
    assert inspect(**plain(), pairs_hue_of_atoms=pairs)[0].concepts[0].name == "hue_of_atoms"


# memory


def peak_of(arrays: dict[str, Any]) -> tuple[int, int]:
    """Bytes of the packed graphs, and the most that taking them held beside the upload."""
    tracemalloc.start()
    try:
        packed = take_graphs(arrays, DatasetCaps()).packed
        return packed.nbytes, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_intake_holds_the_packed_graphs_and_a_few_blocks(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large graphs are taken few at a time: the peak grows with the packed size, not with a multiple of it."""
    block = MIB // 8
    monkeypatch.setattr(graph_arrays_module, "BLOCK_BYTES", block)
    n, m, kinds = 256, 24, 32
    nodes, adjacency = np.zeros((n, m, 3), dtype), np.zeros((n, m, m, kinds), dtype)
    nodes[..., 0] = 1
    adjacency[:, 0, 1, 0] = adjacency[:, 1, 0, 0] = 1
    packed, peak = peak_of({"nodes": nodes, "adjacency": adjacency})
    assert packed > 40 * block
    assert peak < 1.6 * packed


def test_uploads_within_the_caps_stay_well_under_the_memory_of_the_child() -> None:
    """File, arrays, packed graphs and their canonical copy at their largest, and two dozen blocks beside them."""
    caps = DatasetCaps()
    most = caps.file_bytes + 3 * caps.decoded_bytes + 24 * BLOCK_BYTES
    assert most < 0.75 * Limits().memory_bytes
