"""Exact changes of a graph: the count reaches its target, what has nothing to do with it stays."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders.random_graphs import graph_arrays
from workers.evidence.graph_statistics import graph_statistics
from workers.graphs import statistics
from workers.graphs.packing import Packed, pack, valid
from workers.graphs.rewiring import with_node_share, with_rings

FOUND = graph_arrays(150, 8, features=3, edges=2, seed=4)
GRAPHS = pack(FOUND["nodes"], FOUND["adjacency"], FOUND["mask"])


def nodes_of(graphs: Packed) -> np.ndarray:
    return np.diagonal(graphs, axis1=1, axis2=2)


@pytest.mark.parametrize("more", [1, 2])
def test_rings_are_closed_one_by_one_and_nothing_falls_apart(more: int) -> None:
    now = statistics.rings(GRAPHS)
    room = statistics.nodes(GRAPHS) * (statistics.nodes(GRAPHS) - 1) / 2 - statistics.edges(GRAPHS) >= more
    changed = with_rings(GRAPHS, now, now + more)
    assert (statistics.rings(changed)[room] == now[room] + more).all()
    assert (nodes_of(changed) == nodes_of(GRAPHS)).all()
    assert (statistics.components(changed) == 1).all()
    assert valid(changed, 2).all()


def test_rings_are_opened_and_trees_stay_as_they_are() -> None:
    now = statistics.rings(GRAPHS)
    changed = with_rings(GRAPHS, now, np.zeros(len(now)))
    assert (statistics.rings(changed) == 0).all()
    assert (statistics.components(changed) == 1).all()
    assert (changed[now == 0] == GRAPHS[now == 0]).all()
    beyond = with_rings(changed, np.zeros(len(now)), np.full(len(now), -1.0))
    assert (beyond == changed).all()


@pytest.mark.parametrize("more", [-200, 200])
def test_hundreds_of_rings_of_dense_graphs_change_at_once(more: int) -> None:
    """Sixty-four nodes, half of all pairs joined: to look for bridges ring by ring took minutes."""
    joined = np.triu(np.random.default_rng(0).random((8, 64, 64)) < 0.5, 1)
    ones = np.ones((8, 64), bool)
    graphs = pack(ones[..., None], (joined | joined.swapaxes(1, 2))[..., None], ones)
    now = statistics.rings(graphs)
    changed = with_rings(graphs, now, now + more)
    assert (statistics.rings(changed) == now + more).all()
    assert (statistics.components(changed) == 1).all()
    assert valid(changed, 1).all()


def test_any_edge_of_a_ring_may_be_taken_and_no_other() -> None:
    """A triangle with a tail, in many numberings."""
    rng, taken = np.random.default_rng(0), set()
    pairs = [(0, 1), (1, 2), (0, 2), (2, 3)]
    for _ in range(60):
        order, adjacency = rng.permutation(4), np.zeros((1, 4, 4, 1), bool)
        for i, j in pairs:
            adjacency[0, order[i], order[j]] = adjacency[0, order[j], order[i]] = True
        graph = pack(np.ones((1, 4, 1), bool), adjacency, np.ones((1, 4), bool))
        left = with_rings(graph, np.ones(1), np.zeros(1))[0, ..., -1]
        taken |= {(i, j) for i, j in pairs if not left[order[i], order[j]]}
    assert taken == {(0, 1), (1, 2), (0, 2)}


def test_a_graph_without_room_for_its_target_stays() -> None:
    now = statistics.rings(GRAPHS)
    assert (with_rings(GRAPHS, now, now + 100) == GRAPHS).all()


def test_new_edges_are_of_a_type_that_the_graph_has() -> None:
    single = GRAPHS.copy()
    single[..., -2:] = (GRAPHS[..., -2:] != 0).any(axis=3, keepdims=True) * np.array([255, 0], np.uint8)
    now = statistics.rings(single)
    assert not with_rings(single, now, now + 2)[..., -1].any()


def test_shares_reach_what_the_number_of_nodes_allows_and_edges_stay() -> None:
    now, wanted = statistics.node_mean(GRAPHS, 2), np.full(len(GRAPHS), 0.5)
    changed = with_node_share(GRAPHS, now, wanted, channel=2, others=np.array([0, 5.0, 3, 2, 0, 0]))
    assert np.abs(statistics.node_mean(changed, 2) - 0.5).max() <= 0.5 / 3 + 1e-9
    assert (changed[..., -2:] == GRAPHS[..., -2:]).all()
    kinds = nodes_of(changed)[:, 1:4].sum(axis=1) // 255
    assert (kinds == FOUND["mask"]).all()


def test_every_exact_edit_of_the_registry_confirms_and_rests() -> None:
    rng = np.random.default_rng(0)
    exact = [one for one in graph_statistics(GRAPHS) if one.edit is not None and one.floor is not None]
    assert {one.name for one in exact} >= {"rings", "share of node type 2"}
    for one in exact:
        now = one.measure(GRAPHS)
        goal = rng.permutation(now)
        assert one.edit is not None
        assert one.floor is not None
        edited = one.edit(GRAPHS, now, goal)
        assert one.confirms(edited, goal, now).mean() > 0.5  # few edges allow few shares: others are drawn then
        assert valid(edited, 2).all()
        assert (one.edit(GRAPHS, now, goal) == edited).all()
        assert (one.floor(GRAPHS, now, goal) == GRAPHS).all()


def test_the_most_frequent_type_is_left_out_and_names_are_used() -> None:
    names = [one.name for one in graph_statistics(GRAPHS, ["C", "N", "O"], ["single", "double"])]
    counts = [int(FOUND["nodes"][..., k].sum()) for k in range(3)]
    frequent = "CNO"[int(np.argmax(counts))]
    assert [name for name in names if name.startswith("share of") and name[-1] in "CNO"] == [
        f"share of {name}" for name in "CNO" if name != frequent
    ]
    assert sum(name in ("share of single", "share of double") for name in names) == 1


def test_numbers_have_means_and_no_exact_edit() -> None:
    graphs = pack(FOUND["nodes"] * 0.4, FOUND["adjacency"] * 0.7, FOUND["mask"])
    means = [one for one in graph_statistics(graphs) if one.name.startswith("mean ") and one.listed]
    assert [one.name for one in means] == [
        "mean node feature 1", "mean node feature 2", "mean node feature 3", "mean edge feature 1",
        "mean edge feature 2",
    ]  # fmt: skip
    assert all(one.edit is None for one in means)
