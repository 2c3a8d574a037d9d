"""What the references of an audit are called, and how to read drawings of graphs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from schemas.graphs import EDGE_WIDTHS, NODE_COLOURS, GraphFacts
from schemas.results import DatasetSummary

PIXEL_CLAUSE = re.compile(r"[;,][^;.]*\bpixels\b[^;.]*|,[^;,.]*\bresampling\b[^;,.]*")


@dataclass(frozen=True)
class InputWords:
    """``one`` and ``many`` of the references; ``picture`` and ``pictures`` of what the classifier looks at, ``posed``
    of one that a symmetry has moved.
    """

    one: str
    many: str
    picture: str
    pictures: str
    posed: str

    def say(self, text: str, names: frozenset[str] = frozenset()) -> str:
        """``text`` of ours, which speaks of pictures, in words that fit the references; ``names`` in it stay."""
        if self.one == "image":
            return text
        said = _pictures(names).sub(self._put, text)
        return said.replace("measured from the pixels", "measured on the graph")

    def fitting(self, text: str) -> str:
        """``text`` of ours without the clauses on pixels and on resampling, of which graphs have none."""
        return text if self.one == "image" else PIXEL_CLAUSE.sub("", text)

    def _put(self, found: re.Match[str]) -> str:
        if found["word"] is None:
            return found.group()
        article = "" if found["an"] is None else f"{found['an'][0]} "
        return article + (self.one.capitalize() if found["word"][0].isupper() else self.one)


@cache
def _pictures(names: frozenset[str]) -> re.Pattern[str]:
    """The words to be replaced, each with its article; names that hold one of them match as a whole, without it."""
    word = r"\b(?:(?P<an>[Aa]n) )?(?P<word>[Pp]icture|[Ii]mage)"
    held = sorted((name for name in names if re.search(word, name)), key=len, reverse=True)
    return re.compile("|".join([*(rf"(?<!\w){re.escape(name)}(?!\w)" for name in held), word]))


IMAGES = InputWords("image", "images", "picture", "pictures", "picture in another pose")
GRAPHS = InputWords("graph", "graphs", "graph", "graphs", "graph with its nodes in another order, which is its pose")


@dataclass(frozen=True)
class Legend:
    """What the drawings of graphs show: the colour of each kind of node, the number of lines of each kind of edge."""

    nodes: list[tuple[str, str]]
    edges: list[tuple[int, str]]


def input_words(dataset: DatasetSummary) -> InputWords:
    """How the report speaks of the references."""
    return GRAPHS if dataset.kind == "graphs" else IMAGES


def graph_legend(graph: GraphFacts | None) -> Legend | None:
    """The legend of drawings; ``None`` for images. Features without a name have a number."""
    if graph is None:
        return None
    nodes = _named(graph.node_names, graph.node_features, "node feature")
    edges = _named(graph.edge_names, graph.edge_features, "edge feature")
    widths = EDGE_WIDTHS + EDGE_WIDTHS[-1:] * len(edges)
    return Legend(
        nodes=[(NODE_COLOURS[at % len(NODE_COLOURS)], name) for at, name in enumerate(nodes)],
        edges=list(zip(widths, edges, strict=False)),
    )


def _named(names: Sequence[str] | None, count: int, what: str) -> list[str]:
    given = list(names or [])[:count]
    return given + [f"{what} {at + 1}" for at in range(len(given), count)]
