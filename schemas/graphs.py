"""Graphs as inputs: what the contract says of their size and their names."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from .scalars import Contract

NODE_COLOURS: Final = (
    "#4a4d54", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442",
)  # fmt: skip
"""Colours of node features in drawings and in the legend beside them, in the order of ``node_names``; then again from
the first (Okabe and Ito 2008, told apart by colour-blind readers; on carbon, nitrogen, oxygen and fluorine near the
colours that chemists use)."""

EDGE_WIDTHS: Final = (1, 2, 3, 4)
"""How many lines draw an edge, by its feature in the order of ``edge_names``; then the last."""


class GraphFacts(Contract):
    """Size of the graphs of a dataset: at most ``nodes`` each, with so many features per node and per edge.

    ``node_names`` and ``edge_names``, where the upload gives them, are what the features stand for (C, N, O; single,
    double).
    """

    nodes: int = Field(ge=2)
    node_features: int = Field(ge=1)
    edge_features: int = Field(ge=1)
    node_names: list[str] | None = None
    edge_names: list[str] | None = None
