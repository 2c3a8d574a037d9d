"""A canonical order is one order for all numberings of a graph, and coordinates move with their nodes."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.random_graphs import graph_arrays
from workers.graphs.canonical import canonical_order, distances
from workers.graphs.packing import Packed, pack, permuted, presence
from workers.graphs.positions import positions


def typed(seed: int, n: int = 12, m: int = 8) -> Packed:
    found = graph_arrays(n, m, seed=seed)
    return pack(found["nodes"], found["adjacency"], found["mask"])


def of(graph: nx.Graph, size: int | None = None) -> Packed:
    """One untyped graph, with room for ``size`` nodes."""
    k = graph.number_of_nodes()
    size = size or k
    adjacency = np.zeros((1, size, size))
    adjacency[0, :k, :k] = nx.to_numpy_array(graph)
    mask = (np.arange(size) < k)[None]
    return pack(mask[..., None].astype(float), adjacency, mask)


def shuffled(graphs: Packed, seed: int) -> tuple[Packed, np.ndarray]:
    order = np.argsort(np.random.default_rng(seed).random(graphs.shape[:2]), axis=1)
    return permuted(graphs, order), order


def canonical(graphs: Packed) -> Packed:
    return permuted(graphs, canonical_order(graphs))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_one_order_for_all_numberings(graph: int, numbering: int) -> None:
    graphs = typed(graph)
    other, _ = shuffled(graphs, numbering)
    assert (canonical(graphs) == canonical(other)).all()


@pytest.mark.parametrize(
    "graph", [nx.cycle_graph(7), nx.star_graph(6), nx.complete_bipartite_graph(3, 4), nx.cubical_graph(),
              nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(4)), nx.petersen_graph(), nx.empty_graph(4)],
)  # fmt: skip
@pytest.mark.parametrize("numbering", [1, 2, 3])
def test_symmetric_graphs_too(graph: nx.Graph, numbering: int) -> None:
    """All ties between nodes are broken, and to break them one way or another gives the same graph."""
    graphs = of(graph, graph.number_of_nodes() + 2)
    assert (canonical(graphs) == canonical(shuffled(graphs, numbering)[0])).all()


def test_different_graphs_stay_different() -> None:
    """Six nodes of degree two: a ring, or two triangles, which plain colour refinement cannot tell apart."""
    ring, triangles = of(nx.cycle_graph(6)), of(nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3)))
    assert (canonical(ring) != canonical(triangles)).any()


def test_absent_nodes_come_last_and_central_ones_first() -> None:
    graphs, _ = shuffled(of(nx.path_graph(5), 9), 0)
    ordered = canonical(graphs)
    assert presence(ordered)[0].tolist() == [True] * 5 + [False] * 4
    assert distances(ordered)[0, 0, :5].sum() == 2 + 2 + 1 + 1


@pytest.mark.parametrize("graph", [nx.cycle_graph(8), nx.path_graph(6), nx.lollipop_graph(4, 3)])
def test_distances_are_shortest_paths(graph: nx.Graph) -> None:
    assert (distances(of(graph))[0] == nx.floyd_warshall_numpy(graph)).all()


def test_parts_of_a_graph_are_out_of_reach() -> None:
    assert distances(of(nx.empty_graph(3)))[0].tolist() == [[0, 3, 3], [3, 0, 3], [3, 3, 0]]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_coordinates_move_with_their_nodes(graph: int, numbering: int) -> None:
    graphs = typed(graph)
    other, _ = shuffled(graphs, numbering)
    # Equal nodes may change places, and with them their coordinates: so nodes are compared in canonical order.
    here, there = (
        np.take_along_axis(positions(one, 5), canonical_order(one)[:, :, None], axis=1) for one in (graphs, other)
    )
    assert here == pytest.approx(there, abs=1e-5)
    assert (positions(other, 5)[~presence(other)] == 0).all()


def test_the_nodes_of_a_path_lie_on_a_line_one_apart() -> None:
    graphs, order = shuffled(of(nx.path_graph(6)), 4)
    found = positions(graphs, 3)[0]
    assert found[:, 1:] == pytest.approx(0, abs=1e-4)
    assert np.sort(found[:, 0]) == pytest.approx(np.arange(6) - 2.5, abs=1e-4)
    assert np.abs(np.diff(found[np.argsort(order[0]), 0])) == pytest.approx(1, abs=1e-4)


def test_equal_nodes_get_different_coordinates() -> None:
    """The corners of a square look alike from each; a decoder must tell sides from diagonals."""
    found = positions(of(nx.cycle_graph(4)), 3)[0]
    gaps = np.linalg.norm(found[:, None] - found[None], axis=2)
    assert gaps[0, 2] > 1.5 > gaps[0, 1] > 0.5
