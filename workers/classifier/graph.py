"""The tensor graph of a canonical ONNX model: which tensors depend on the pixels, and by which nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import onnx

SHAPE_OPERATORS = frozenset({"Shape", "Size"})
"""Their outputs depend on the size of the image, not on its pixels: no information passes through them."""


@dataclass(frozen=True)
class TensorGraph:
    """Tensors on some path from the image to the output, in topological order.

    Args:
        tensors: names, the first is the image, the last is the output.
        producers: the node that makes each tensor (the image has none).
        reach: for each tensor, the position of the farthest tensor made directly from it.
        constants: names of tensors that do not depend on the pixels.
    """

    tensors: list[str]
    producers: dict[str, onnx.NodeProto]
    reach: list[int]
    constants: frozenset[str] = field(default=frozenset())


def build_graph(model: onnx.ModelProto, source: str, target: str) -> TensorGraph:
    """The tensors between ``source`` and ``target``. Constants, initializers and shapes are not paths.

    Raises:
        ValueError: ``target`` does not depend on ``source``.
    """
    edges, producers = _forward_edges(model.graph, source)
    relevant = _ancestors(edges, target)
    if source not in relevant:
        raise ValueError(f"{target!r} does not depend on {source!r}")
    tensors = [source, *(name for name in producers if name in relevant)]
    position = {name: i for i, name in enumerate(tensors)}
    reach = list(range(len(tensors)))
    for name, parents in edges.items():
        for parent in parents:
            if name in position and parent in position:
                reach[position[parent]] = max(reach[position[parent]], position[name])
    constants = frozenset(_all_tensors(model.graph) - set(producers) - {source})
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


def _forward_edges(graph: onnx.GraphProto, source: str) -> tuple[dict[str, list[str]], dict[str, onnx.NodeProto]]:
    """Pixel-dependent tensors, in the file's (topological) order, each with its pixel-dependent parents."""
    edges: dict[str, list[str]] = {source: []}
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
