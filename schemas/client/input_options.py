"""Options that say how the references become the model's input."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..classifiers import InputSpec
from . import parsing

LayoutName = Literal["auto", "nchw", "nhwc"]

Numbers = Annotated[str | None, typer.Option(help="Per channel: 0.485,0.456,0.406", show_default=False)]
Low = Annotated[float, typer.Option(help="Value of black before mean and std.")]
High = Annotated[float, typer.Option(help="Value of white before mean and std.")]
Layout = Annotated[LayoutName, typer.Option(help="Order of the input's axes (images).")]
Classes = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Class names: one per line, or a JSON list.", show_default=False),
]
NodesInput = Annotated[
    str | None,
    typer.Option("--nodes-name", help="Graphs: the input of node features. Default: nodes.", show_default=False),
]
AdjacencyInput = Annotated[
    str | None,
    typer.Option("--adjacency-name", help="Graphs: the input of edges. Default: adjacency.", show_default=False),
]
MaskInput = Annotated[
    str | None,
    typer.Option("--mask-name", help="Graphs: the input that marks real nodes. Default: mask.", show_default=False),
]


@dataclass(frozen=True)
class GraphNames:
    """What the inputs of a classifier of graphs are called, where not as expected."""

    nodes: str | None
    adjacency: str | None
    mask: str | None


def input_spec(
    mean: str | None, std: str | None, low: float, high: float, layout: LayoutName, graph: GraphNames
) -> InputSpec:
    """The options as the service takes them.

    Raises:
        BadParameter: mean or std are not numbers.
    """
    return InputSpec(
        low=low,
        high=high,
        layout=layout,
        mean=parsing.floats(mean),
        std=parsing.floats(std),
        nodes_name=graph.nodes,
        adjacency_name=graph.adjacency,
        mask_name=graph.mask,
    )
