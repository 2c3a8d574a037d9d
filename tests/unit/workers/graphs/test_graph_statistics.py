"""Counts of graphs against networkx."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest

from tests.builders.random_graphs import graph_arrays
from workers.graphs import statistics
from workers.graphs.packing import pack, permuted, presence

FOUND = graph_arrays(40, 8, features=3, edges=2, seed=5)
CUT = FOUND["adjacency"] & (np.random.default_rng(0).random(FOUND["adjacency"].shape[:3]) < 0.8)[..., None]
CUT &= CUT.swapaxes(1, 2)
GRAPHS = pack(FOUND["nodes"], CUT, FOUND["mask"])


def as_networkx(i: int) -> nx.Graph:
    graph = nx.from_numpy_array(CUT[i].any(axis=2).astype(int))
    graph.remove_nodes_from(np.flatnonzero(~FOUND["mask"][i]))
    return graph


COUNTS: dict[Callable[[np.ndarray], np.ndarray], Callable[[nx.Graph], float]] = {
    statistics.nodes: nx.Graph.number_of_nodes,
    statistics.edges: nx.Graph.number_of_edges,
    statistics.components: nx.number_connected_components,
    statistics.rings: lambda graph: len(nx.cycle_basis(graph)),
    statistics.max_degree: lambda graph: max(dict(graph.degree).values()),
    statistics.mean_degree: lambda graph: float(np.mean(list(dict(graph.degree).values()))),
    statistics.branching: lambda graph: sum(degree >= 3 for _, degree in graph.degree),
}


@pytest.mark.parametrize("count", COUNTS, ids=lambda count: count.__name__)
def test_counts_are_those_of_networkx(count: Callable[[np.ndarray], np.ndarray]) -> None:
    expected = [COUNTS[count](as_networkx(i)) for i in range(len(GRAPHS))]
    assert count(GRAPHS) == pytest.approx(np.array(expected, dtype=float))


def test_shares_of_kinds() -> None:
    share = FOUND["nodes"][..., 1].sum(axis=1) / FOUND["mask"].sum(axis=1)
    assert statistics.node_mean(GRAPHS, 2) == pytest.approx(share)
    edges = CUT.sum(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        expected = edges[:, 1] / edges.sum(axis=1)
    assert statistics.edge_mean(GRAPHS, 5) == pytest.approx(expected, nan_ok=True)


def test_a_graph_without_edges_has_no_share_of_them() -> None:
    bare = pack(FOUND["nodes"], np.zeros_like(CUT), FOUND["mask"])
    assert np.isnan(statistics.edge_mean(bare, 4)).all()
    assert (statistics.rings(bare) == 0).all()


def test_the_numbering_is_of_no_matter() -> None:
    order = np.argsort(np.random.default_rng(1).random(GRAPHS.shape[:2]), axis=1)
    moved = permuted(GRAPHS, order)
    for count in COUNTS:
        assert (count(moved) == count(GRAPHS)).all()
    assert statistics.census(moved) == pytest.approx(statistics.census(GRAPHS))


def test_the_census_counts_kinds_and_degrees() -> None:
    found = statistics.census(GRAPHS)
    channels = GRAPHS.shape[3]
    assert (found[:, 0] == presence(GRAPHS).sum(axis=1)).all()
    assert found[:, 1 : 1 + 3] == pytest.approx(FOUND["nodes"].sum(axis=1))
    assert found[:, 2 * channels - 2 : 2 * channels] == pytest.approx(CUT.sum(axis=(1, 2)) / 2)
    by_degree = [[sum(d == k for _, d in as_networkx(i).degree) for k in (1, 2, 3)] for i in range(len(GRAPHS))]
    assert found[:, 2 * channels : 2 * channels + 3].tolist() == by_degree
