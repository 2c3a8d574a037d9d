"""The tensor graph of a canonical ONNX model: which tensors depend on what is classified, and by which nodes.

A classifier of graphs has several inputs. They hang on one virtual source, so that a cut is what every path from any of
them passes through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import onnx

SHAPE_OPERATORS = frozenset({"Shape", "Size"})
"""Their outputs depend on the size of the image, not on its pixels: no information passes through them."""

EVERYTHING = "\0inputs"
"""The virtual source of several inputs; no name in an accepted file holds such a character."""


@dataclass(frozen=True)
class TensorGraph:
    """Tensors on some path from the image to the output, in topological order.

    Args:
        tensors: names, the first is the image (or :data:`EVERYTHING`, followed by the inputs), the last is the output.
        producers: the node that makes each tensor (inputs have none).
        reach: for each tensor, the position of the farthest tensor made directly from it.
        constants: names of tensors that do not depend on any input.
    """

    tensors: list[str]
    producers: dict[str, onnx.NodeProto]
    reach: list[int]
    constants: frozenset[str] = field(default=frozenset())


def build_graph(model: onnx.ModelProto, sources: str | Sequence[str], target: str) -> TensorGraph:
    """The tensors between ``sources`` and ``target``. Constants, initializers and shapes are not paths.

    Inputs that ``target`` does not depend on are left out.

    Raises:
        ValueError: ``target`` depends on none of ``sources``.
    """
    inputs = [sources] if isinstance(sources, str) else list(sources)
    edges, producers = _forward_edges(model.graph, inputs)
    relevant = _ancestors(edges, target)
    start = [name for name in inputs if name in relevant]
    if not start:
        raise ValueError(f"{target!r} does not depend on {', '.join(map(repr, inputs))}")
    if len(start) > 1:
        edges |= {name: [EVERYTHING] for name in start}
        start.insert(0, EVERYTHING)
    tensors = [*start, *(name for name in producers if name in relevant)]
    position = {name: i for i, name in enumerate(tensors)}
    reach = list(range(len(tensors)))
    for name, parents in edges.items():
        for parent in parents:
            if name in position and parent in position:
                reach[position[parent]] = max(reach[position[parent]], position[name])
    constants = frozenset(_all_tensors(model.graph) - set(producers) - set(inputs))
    return TensorGraph(tensors, producers, reach, constants)


def node_inputs(node: onnx.NodeProto) -> set[str]:
    """Tensors that ``node`` reads, those that its subgraphs capture included."""
    names = {name for name in node.input if name}
    for graph in subgraphs(node):
        inner = {name for child in graph.node for name in child.output}
        inner |= {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
        read = {value.name for value in graph.output}.union(*(node_inputs(child) for child in graph.node))
        names |= read - inner
    return names


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Graphs held in the attributes of ``node`` (If, Loop, Scan)."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == onnx.AttributeProto.GRAPHS:
            yield from attribute.graphs


def _forward_edges(
    graph: onnx.GraphProto, sources: Sequence[str]
) -> tuple[dict[str, list[str]], dict[str, onnx.NodeProto]]:
    """Pixel-dependent tensors, in the file's (topological) order, each with its pixel-dependent parents."""
    edges: dict[str, list[str]] = {source: [] for source in sources}
    producers: dict[str, onnx.NodeProto] = {}
    for node in graph.node:
        parents = sorted(name for name in node_inputs(node) if name in edges)
        if not parents or node.op_type in SHAPE_OPERATORS:
            continue
        for name in filter(None, node.output):
            edges[name] = parents
            producers[name] = node
    return edges, producers


def _ancestors(edges: dict[str, list[str]], target: str) -> set[str]:
    """``target`` and everything that it depends on."""
    seen: set[str] = set()
    waiting = [target]
    while waiting:
        name = waiting.pop()
        if name in edges and name not in seen:
            seen.add(name)
            waiting.extend(edges[name])
    return seen


def _all_tensors(graph: onnx.GraphProto) -> set[str]:
    names = {tensor.name for tensor in graph.initializer}
    return names.union(*(set(node.output) | set(node.input) for node in graph.node)) - {""}
