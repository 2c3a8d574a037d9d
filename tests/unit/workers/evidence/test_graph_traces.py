"""An exact edit of a graph is trusted only where nothing that it leaves tells the number that it changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from workers.evidence.graph_statistics import graph_statistics
from workers.graphs.packing import Packed

N, SIZE = 400, 10
TYPES = ["a", "b", "c"]
"""Of nodes, channels 1 to 3; edges have the channels 4 and 5."""

Mark = Callable[[Packed, list[int], np.random.Generator], None]


def chains(mark: Mark) -> Packed:
    """Chains of ten nodes with up to three triangles, nodes in random order; ``mark`` is told who is in a triangle."""
    rng, graphs = np.random.default_rng(0), np.zeros((N, SIZE, SIZE, 6), np.uint8)
    for graph in graphs:
        count, places = int(rng.integers(0, 4)), rng.permutation(SIZE)
        pairs = [*((i, i + 1) for i in range(SIZE - 1)), *((3 * k, 3 * k + 2) for k in range(count))]
        graph[places, places, 0] = 255
        for i, j in pairs:
            graph[places[i], places[j], 4] = graph[places[j], places[i], 4] = 255
        mark(graph, [int(one) for one in places[: 3 * count]], rng)
    return graphs


def unmarked(graph: Packed, ringed: list[int], rng: np.random.Generator) -> None:
    graph[range(SIZE), range(SIZE), rng.integers(1, 4, SIZE)] = 255


def named(graph: Packed, ringed: list[int], rng: np.random.Generator) -> None:
    """Types that say, of most nodes, whether they are in a ring: aromatic carbon and carbon."""
    for i in range(SIZE):
        graph[i, i, rng.choice([1 if i in ringed else 2, 3], p=[0.85, 0.15])] = 255


def flagged(graph: Packed, ringed: list[int], rng: np.random.Generator) -> None:
    """A type, and a mark at nodes in a ring."""
    graph[range(SIZE), range(SIZE), rng.integers(1, 3, SIZE)] = 255
    graph[ringed, ringed, 3] = 255


def placed(graph: Packed, ringed: list[int], rng: np.random.Generator) -> None:
    """Coordinates: no census of them shows the rings, but distances do."""
    graph[range(SIZE), range(SIZE), 1:4] = rng.integers(1, 256, (SIZE, 3))


def aromatic(graph: Packed, ringed: list[int], rng: np.random.Generator) -> None:
    """Edges within rings are of a type of their own, most of them."""
    unmarked(graph, ringed, rng)
    for i in ringed:
        for j in ringed:
            if i < j and graph[i, j, 4] and rng.random() < 0.8:
                graph[i, j, 4:] = graph[j, i, 4:] = (0, 255)


def coupled(graph: Packed, ringed: list[int], rng: np.random.Generator) -> None:
    """As many edges of the second type as nodes of the first, nearly."""
    unmarked(graph, ringed, rng)
    joined = np.argwhere(np.triu(graph[..., 4]))
    for i, j in rng.permutation(joined)[: int((graph[range(SIZE), range(SIZE), 1] > 0).sum())]:
        graph[i, j, 4:] = graph[j, i, 4:] = (0, 255)


def exact(graphs: Packed) -> set[str]:
    names = graph_statistics(graphs, TYPES, ["single", "double"])
    return {one.name for one in names if one.edit is not None}


def test_types_that_say_nothing_leave_every_exact_edit() -> None:
    found = exact(chains(unmarked))
    assert "rings" in found
    assert sum(name.startswith("share of") for name in found) == 2


@pytest.mark.parametrize("mark", [named, flagged, placed, aromatic])
def test_rings_that_nodes_or_edges_tell_of_have_no_exact_edit(mark: Mark) -> None:
    """A model may read the marks: it would not see edges move, and seem to ignore rings."""
    assert "rings" not in exact(chains(mark))


def test_types_that_the_structure_tells_have_no_exact_edit() -> None:
    assert "share of a" not in exact(chains(named))


def test_types_of_nodes_and_edges_that_tell_each_other_have_no_exact_edit() -> None:
    found = exact(chains(coupled))
    assert not found & {"share of a", "share of single", "share of double"}


def test_too_few_graphs_show_no_absence() -> None:
    assert not exact(chains(unmarked)[:40])


def test_edges_that_follow_the_rings_in_number_alone_are_no_trace() -> None:
    """A fifth of all edges are double: more rings, more double edges, and so it stays when the edit copies edges."""

    def mixed(graph: Packed, ringed: list[int], rng: np.random.Generator) -> None:
        unmarked(graph, ringed, rng)
        for i, j in np.argwhere(np.triu(graph[..., 4])):
            if rng.random() < 0.2:
                graph[i, j, 4:] = graph[j, i, 4:] = (0, 255)

    assert "rings" in exact(chains(mixed))
