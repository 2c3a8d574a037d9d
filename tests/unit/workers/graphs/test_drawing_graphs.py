"""Pictures of graphs: the same for every numbering, in the colours of the legend, and of any shape of graph."""

from __future__ import annotations

import base64
import io

import networkx as nx
import numpy as np
import pytest
from PIL import Image

from schemas.graphs import EDGE_WIDTHS, NODE_COLOURS
from workers.figures import graphs_with, to_png
from workers.graphs import drawing
from workers.graphs.drawing import SIDE, draw, layout
from workers.graphs.packing import Packed, pack, permuted


def chain(kinds: list[int], bonds: list[int], features: int = 4) -> Packed:
    m = len(kinds) + 1
    nodes, adjacency = np.zeros((1, m, features)), np.zeros((1, m, m, 3))
    for i, kind in enumerate(kinds):
        nodes[0, i, kind] = 1
    for i, bond in enumerate(bonds):
        adjacency[0, i, i + 1, bond] = adjacency[0, i + 1, i, bond] = 1
    return pack(nodes, adjacency, (np.arange(m) < len(kinds))[None])


def share(picture: np.ndarray, colour: str) -> float:
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return float((np.abs(picture.astype(int) - wanted).max(axis=2) < 12).mean())


def test_the_legend_shows_what_is_drawn() -> None:
    assert drawing.COLOURS == NODE_COLOURS
    assert drawing.WIDTHS == EDGE_WIDTHS


def test_one_picture_for_all_numberings() -> None:
    graphs = chain([0, 1, 2, 0, 3], [0, 1, 0, 2])
    for seed in range(3):
        order = np.argsort(np.random.default_rng(seed).random(graphs.shape[:2]), axis=1)
        assert (draw(permuted(graphs, order)[0]) == draw(graphs[0])).all()


def test_nodes_have_the_colour_of_their_type() -> None:
    shown = draw(chain([1, 2, 2], [0, 0])[0])
    assert shown.shape == (SIDE, SIDE, 3)
    assert share(shown, NODE_COLOURS[2]) == pytest.approx(2 * share(shown, NODE_COLOURS[1]), rel=0.2)
    assert share(shown, NODE_COLOURS[1]) > 0.005
    assert share(shown, NODE_COLOURS[3]) == 0


def test_a_double_bond_takes_more_ink_than_a_single_one() -> None:
    ink = [(draw(chain([0, 0], [bond])[0], 3) < 250).any(axis=2).sum() for bond in range(3)]
    assert ink[0] < ink[1] < ink[2]


def test_a_report_draws_by_the_number_of_edge_features() -> None:
    """Of a graph whose every bond is double the array does not tell that there are single ones too."""
    double = chain([0, 0], [1])[0]
    with graphs_with(3):
        assert to_png(double) != to_png(chain([0, 0], [0])[0])
    with graphs_with(2):
        single = to_png(double)
    with graphs_with(3):
        assert single == to_png(chain([0, 0], [0])[0])


def test_a_ring_is_drawn_as_a_ring_inside_the_picture() -> None:
    places = layout(nx.to_numpy_array(nx.cycle_graph(6)).astype(bool))
    radii = np.linalg.norm(places - places.mean(axis=0), axis=1)
    assert radii == pytest.approx(radii.mean(), rel=0.05)
    assert places.min() >= 0
    assert places.max() <= 1


@pytest.mark.parametrize("kinds", [[0], [0, 1]])
def test_lone_nodes_and_separate_parts_are_drawn(kinds: list[int]) -> None:
    shown = draw(chain(kinds, [])[0])
    assert all(share(shown, NODE_COLOURS[kind]) > 0 for kind in kinds)


def test_a_report_gets_a_picture_of_a_graph() -> None:
    graph = chain([0, 1, 2], [0, 1])[0]
    picture = Image.open(io.BytesIO(base64.b64decode(to_png(graph))))
    assert np.asarray(picture.convert("RGB")).tolist() == draw(graph).tolist()
