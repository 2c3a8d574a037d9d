"""Reports on graphs: their words, their size, and the legend of their drawings."""

from __future__ import annotations

import re

import pytest

from schemas.graphs import EDGE_WIDTHS, NODE_COLOURS, GraphFacts
from schemas.results import Gate
from services.reports import render_report
from services.reports.inputs import GRAPHS, IMAGES, graph_legend
from services.reports.retold import WRITTEN, retold
from services.reports.symmetry_words import STATES
from services.reports.vocabulary import SECTIONS, SOURCES
from tests.builders import symmetries
from tests.builders.pages import page_text as text


@pytest.fixture(scope="module")
def html() -> str:
    return render_report(symmetries.graph_result(), symmetries.graph_sheets())


def test_graphs_are_never_called_images(html: str) -> None:
    said = text(html)
    assert "4,000 graphs" in said
    assert "Graphs that a tap cannot tell apart" in said
    assert "4,000, of up to 9 nodes with 4 features each, 3 features per edge" in said
    ours = re.findall(r"(?i)[^.]*\bimages?\b[^.]*", said)
    assert ours == []
    assert "pixels" not in said.partition("The references hold")[0]


def test_words_of_ours_are_turned_and_images_keep_theirs() -> None:
    assert GRAPHS.say("Pictures and one picture, images") == "Graphs and one graph, graphs"
    assert GRAPHS.say(SOURCES[next(iter(SOURCES))]) == SOURCES[next(iter(SOURCES))]
    assert [GRAPHS.say(word) for word in SOURCES.values()][1] == "measured on the graph"
    for word in SECTIONS.values():
        assert not re.search("picture|image", GRAPHS.say(f"{word.title}. {word.lead}").lower())
        assert IMAGES.say(word.lead) == word.lead


def test_articles_fit_and_names_of_the_user_stay() -> None:
    assert GRAPHS.say("An image's code; near an image") == "A graph's code; near a graph"
    names = frozenset({"image_size", "an image", "size", "picture.1"})
    assert (
        GRAPHS.say("image_size of an image, picture.1 of pictures", names)
        == "image_size of an image, picture.1 of graphs"
    )
    assert GRAPHS.say("image_sizes", names) == "graph_sizes"
    assert IMAGES.say("an image", names) == "an image"


def test_signs_of_graphs_say_nothing_of_pixels() -> None:
    said = "no error; where they fall between pixels, hardly any, and some else: as trained, or as resampling does"
    assert GRAPHS.fitting(said) == "no error"
    assert GRAPHS.fitting("neither, resampling blurs, or nothing changes") == "neither, or nothing changes"
    assert IMAGES.fitting(said) == said
    for state in STATES.values():
        kept = GRAPHS.fitting(state.meaning)
        assert len(kept) > 10
        assert not re.search("pixel|resampling", kept)


def test_sentences_of_the_stages_are_retold_and_nothing_else_changes() -> None:
    result, sheets = symmetries.graph_result(), symmetries.graph_sheets()
    features = [result.features[0].model_copy(update={"name": "image size"}), *result.features[1:]]
    gate = Gate(name="image gate", passed=True, value=1, threshold=0, detail="image size of an image, per picture")
    given = result.model_copy(update={"features": features, "gates": [gate], "limits": ["Holds for these images."]})
    told, shown = retold(given, sheets)
    assert told.gates[0].detail == "image size of a graph, per graph"
    assert told.gates[0].name == "image gate"
    assert told.limits == ["Holds for these graphs."]
    assert told.features == given.features
    assert given.limits == ["Holds for these images."]  # what result.json says
    assert shown is not None
    assert [len(gallery.rows) for gallery in shown.galleries] == [len(gallery.rows) for gallery in sheets.galleries]
    images = given.model_copy(update={"dataset": given.dataset.model_copy(update={"kind": "images"})})
    assert retold(images, sheets) == (images, sheets)


def test_every_field_that_is_retold_exists() -> None:
    for kind, fields in WRITTEN.items():
        assert fields <= set(kind.model_fields), kind


def test_the_legend_names_colours_and_lines_in_their_order(html: str) -> None:
    legend = html.partition('<ul class="legend"')[2].partition("</ul>")[0]
    assert re.findall(r'fill="(#\w+)"', legend) == list(NODE_COLOURS[:4])
    assert re.findall(r'class="name">(\w+)<', legend) == ["C", "N", "O", "F", "single", "double", "triple"]
    assert [path.count("h24") for path in re.findall(r'<path d="([^"]+)"', legend)] == list(EDGE_WIDTHS[:3])


def test_features_without_names_are_numbered_and_colours_come_again() -> None:
    told = graph_legend(GraphFacts(nodes=9, node_features=10, edge_features=6, node_names=["C"]))
    assert told is not None
    assert [name for _, name in told.nodes[:2]] == ["C", "node feature 2"]
    assert told.nodes[8][0] == NODE_COLOURS[0]
    assert [width for width, _ in told.edges] == [*EDGE_WIDTHS, EDGE_WIDTHS[-1], EDGE_WIDTHS[-1]]
    assert graph_legend(None) is None


def test_the_pose_of_a_graph_is_the_order_of_its_nodes(html: str) -> None:
    said = text(html)
    assert (
        "With its nodes in another order, the answer stays the same, exactly. Inside, layer1 is reordered along" in said
    )
    assert "rows along many directions, each sorted" in said
    assert "The order in which the nodes of a graph are listed" in said
