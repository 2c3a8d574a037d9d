"""Single-tensor cuts: tensors that every path from an input (the image; a graph's nodes or edges) to the output passes.

What is missing from a cut is missing for the prediction. In topological order a tensor is a cut exactly when no edge
jumps over it: if one did, its ends would lie on a path that avoids the tensor, and any path that avoids the tensor has
such an edge. One sweep with a running maximum finds them all (the dominators of the output, in linear time).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx

from .graph import TensorGraph, build_graph

RESHAPING = frozenset({"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Dropout", "Cast", "Transpose", "Pad"})
AFFINE = frozenset({"Add", "Sub", "Mul", "Div", "Neg", "BatchNormalization"})
"""Undoable when the other operand is a constant: same information, another coordinate system."""


@dataclass(frozen=True)
class Cut:
    """A cut of the graph.

    Args:
        name: the tensor.
        op_type: operator that makes it.
        depth: 0 at the image, 1 at the logits; share of the tensors in between that come before.
        shape: sizes without the batch axis as far as the graph tells, ``None`` where it does not.
        equivalents: other cuts that hold the same information (reshaped, cast, shifted or scaled by constants).
    """

    name: str
    op_type: str
    depth: float
    shape: tuple[int | None, ...] | None
    equivalents: tuple[str, ...] = ()


def find_cuts(model: onnx.ModelProto, sources: str | Sequence[str], target: str) -> list[Cut]:
    """Cuts from the first after the image to ``target``, by depth. Tensors equivalent to the image are left out.

    Of several ``sources`` each is an input: a tensor beside which any of them is still read is no cut.

    Raises:
        ValueError: ``target`` depends on none of ``sources``.
    """
    graph = build_graph(model, sources, target)
    groups = list(_group(graph, [graph.tensors[i] for i in _uncrossed(graph.reach)]))
    position = {name: i for i, name in enumerate(graph.tensors)}
    shapes = infer_shapes(model)
    last = max(1, len(graph.tensors) - 1)
    cuts = []
    for group in groups[1:]:
        name = target if target in group else _representative(graph, group)
        others = tuple(member for member in group if member != name)
        depth = position[name] / last
        cuts.append(Cut(name, graph.producers[name].op_type, depth, shapes.get(name), others))
    return cuts


def infer_shapes(model: onnx.ModelProto) -> dict[str, tuple[int | None, ...]]:
    """Shapes without the batch axis, of every tensor whose shape ONNX can infer."""
    try:
        graph = onnx.shape_inference.infer_shapes(model).graph
    except Exception:  # a best-effort note for people; the session measures real shapes
        return {}
    values = [*graph.input, *graph.value_info, *graph.output]
    return {value.name: _sizes(value)[1:] for value in values if value.type.tensor_type.HasField("shape")}


def _sizes(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in value.type.tensor_type.shape.dim)


def _uncrossed(reach: list[int]) -> Iterator[int]:
    """Positions that no edge jumps over."""
    farthest = 0
    for i, far in enumerate(reach):
        if farthest <= i:
            yield i
        farthest = max(farthest, far)


def _group(graph: TensorGraph, cuts: list[str]) -> Iterator[list[str]]:
    """Runs of consecutive cuts that hold the same information."""
    group = [cuts[0]]
    for previous, name in itertools.pairwise(cuts):
        if _same_information(graph, previous, name):
            group.append(name)
        else:
            yield group
            group = [name]
    yield group


def _same_information(graph: TensorGraph, before: str, after: str) -> bool:
    node = graph.producers[after]
    if before not in node.input:
        return False
    if node.op_type in RESHAPING:
        return bool(node.input[0] == before)
    others = [name for name in node.input if name and name != before]
    once = list(node.input).count(before) == 1
    return bool(node.op_type in AFFINE and once and graph.constants.issuperset(others))


def _representative(graph: TensorGraph, group: list[str]) -> str:
    """The last member that is not a mere reshaping: it has the natural layout (channels first) and a telling name."""
    computed = [name for name in group if graph.producers[name].op_type not in RESHAPING]
    return (computed or group)[-1]
