"""Graphs as inputs: what the contract says of their size and their names."""

from __future__ import annotations

from pydantic import Field

from .scalars import Contract


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
