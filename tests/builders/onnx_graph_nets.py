"""Small ONNX classifiers of graphs, hand-made, with seeded weights and known cuts.

Inputs ``nodes [batch, n, 3]``, ``adjacency [batch, n, n, 2]`` and ``mask [batch, n]`` unless said otherwise; the output
is ``scores``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.builders.onnx_graphs import OPSET, GraphBuilder

FEATURES, EDGES, CLASSES, WIDTH = 3, 2, 3, 6
Size = int | str


def build(
    b: GraphBuilder, inputs: dict[str, Sequence[Size]], classes: int = CLASSES, types: dict[str, int] | None = None
) -> onnx.ModelProto:
    """The model of what was added to ``b``; ``inputs`` by name with their declared shapes."""
    batch = next(iter(inputs.values()))[0]
    given = [
        helper.make_tensor_value_info(name, (types or {}).get(name, TensorProto.FLOAT), list(shape))
        for name, shape in inputs.items()
    ]
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, classes])
    graph = helper.make_graph(b.nodes, "test", given, [scores], b.initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def three_inputs(
    batch: Size = "batch", n: Size = "n", features: int = FEATURES, edges: int | None = EDGES
) -> dict[str, Sequence[Size]]:
    """Declared shapes of the inputs; ``edges`` is ``None`` for one matrix."""
    matrix = [batch, n, n] if edges is None else [batch, n, n, edges]
    return {"nodes": [batch, n, features], "adjacency": matrix, "mask": [batch, n]}


def message_passing_net(
    batch: Size = "batch", n: Size = "n", features: int = FEATURES, edges: int = EDGES, seed: int = 1
) -> onnx.ModelProto:
    """Two layers of messages along each kind of edge, a sum over nodes, a head.

    Adjacency and mask are read up to the second layer. Cuts: kept1 (n, 6), readout (6,), hidden, active, scores.
    """
    b = GraphBuilder(seed)
    _shared(b)
    _layer(b, "nodes", 0, (edges, features))
    _layer(b, "kept0", 1, (edges, WIDTH))
    _head(b, "kept1")
    return build(b, three_inputs(batch, n, features, edges))


def matrix_net(batch: Size = "batch", n: Size = "n", features: int = FEATURES, mask: bool = False) -> onnx.ModelProto:
    """One matrix of edges, and no mask unless asked for: messages of neighbours, a sum over nodes, a head.

    Cuts: active0 (n, 6) (kept with a mask), readout, hidden, active, scores.
    """
    b = GraphBuilder(2)
    b.constant("over_nodes", np.array([1], dtype=np.int64))
    b.node("MatMul", ["nodes", b.weights("embed.weight", features, WIDTH)], "embedded")
    b.node("MatMul", ["adjacency", "embedded"], "messages")
    b.node("Add", ["embedded", "messages"], "sum0")
    b.node("Relu", ["sum0"], "active0")
    if mask:
        b.node("Unsqueeze", ["mask", b.constant("last", np.array([-1], dtype=np.int64))], "column")
        b.node("Mul", ["active0", "column"], "kept")
    _head(b, "kept" if mask else "active0")
    inputs = three_inputs(batch, n, features, None)
    return build(b, {name: shape for name, shape in inputs.items() if mask or name != "mask"})


def bag_net(batch: Size = "batch", n: Size = "n", features: int = FEATURES, edges: int = EDGES) -> onnx.ModelProto:
    """Counts the kinds of nodes and reads no edge at all, though it takes them: it cannot tell a ring from a chain.

    Cuts: readout (3,), hidden, active, scores.
    """
    b = GraphBuilder(3)
    b.constant("over_nodes", np.array([1], dtype=np.int64))
    b.node("Unsqueeze", ["mask", b.constant("last", np.array([-1], dtype=np.int64))], "column")
    b.node("Mul", ["nodes", "column"], "kept")
    _head(b, "kept", features)
    return build(b, three_inputs(batch, n, features, edges))


def edge_sum_net(batch: Size = "batch", n: Size = "n", features: int = FEATURES, edges: int = EDGES) -> onnx.ModelProto:
    """Keeps an array of pairs to the end: cut ``pairs`` (n, n, 4) before the sum over both axes of nodes."""
    b = GraphBuilder(4)
    b.node("MatMul", ["nodes", b.weights("rows.weight", features, 4)], "rows")
    b.node("Unsqueeze", ["rows", b.constant("second", np.array([2], dtype=np.int64))], "row_pairs")
    b.node("Unsqueeze", ["rows", b.constant("first", np.array([1], dtype=np.int64))], "column_pairs")
    b.node("MatMul", ["adjacency", b.weights("edges.weight", edges, 4)], "edges")
    b.node("Add", ["row_pairs", "column_pairs"], "both")
    b.node("Mul", ["both", "edges"], "product")
    b.node("Tanh", ["product"], "pairs")
    b.node("ReduceSum", ["pairs", b.constant("axes", np.array([1, 2], dtype=np.int64))], "readout", keepdims=0)
    b.gemm("readout", "scores", (4, CLASSES))
    inputs = three_inputs(batch, n, features, edges)
    return build(b, {name: inputs[name] for name in ("nodes", "adjacency")})


def flat_net(n: int = 5, features: int = FEATURES, batch: Size = "batch") -> onnx.ModelProto:
    """A dense layer on everything: it takes graphs and cares for the order of their nodes. Size fixed."""
    b = GraphBuilder(5)
    b.node("Flatten", ["nodes"], "flat_nodes")
    b.node("Flatten", ["adjacency"], "flat_edges")
    b.node("Concat", ["flat_nodes", "flat_edges"], "everything", axis=1)
    b.gemm("everything", "hidden", (n * features + n * n, 10))
    b.node("Relu", ["hidden"], "active")
    b.gemm("active", "scores", (10, CLASSES))
    inputs = three_inputs(batch, n, features, None)
    return build(b, {name: inputs[name] for name in ("nodes", "adjacency")})


def _shared(b: GraphBuilder) -> None:
    """Axes, the adjacency by kind of edge ``(batch, edges, n, n)`` and the mask as a column ``(batch, n, 1)``."""
    b.constant("over_kinds", np.array([1], dtype=np.int64))
    b.constant("over_nodes", np.array([1], dtype=np.int64))
    b.constant("last", np.array([-1], dtype=np.int64))
    b.node("Transpose", ["adjacency"], "kinds", perm=[0, 3, 1, 2])
    b.node("Unsqueeze", ["mask", "last"], "column")


def _layer(b: GraphBuilder, source: str, i: int, sizes: tuple[int, int]) -> None:
    """``relu(h W + sum over kinds of A_k h W_k + bias)``, zero where there is no node."""
    kinds, before = sizes
    b.node("Unsqueeze", [source, "over_kinds"], f"spread{i}")
    b.node("MatMul", ["kinds", f"spread{i}"], f"gathered{i}")
    b.node("MatMul", [f"gathered{i}", b.weights(f"message{i}.weight", kinds, before, WIDTH)], f"turned{i}")
    b.node("ReduceSum", [f"turned{i}", "over_kinds"], f"messages{i}", keepdims=0)
    b.node("MatMul", [source, b.weights(f"self{i}.weight", before, WIDTH)], f"own{i}")
    b.node("Add", [f"own{i}", f"messages{i}"], f"sum{i}")
    b.node("Add", [f"sum{i}", b.weights(f"bias{i}", WIDTH, scale=0.1)], f"shifted{i}")
    b.node("Relu", [f"shifted{i}"], f"active{i}")
    b.node("Mul", [f"active{i}", "column"], f"kept{i}")


def _head(b: GraphBuilder, source: str, width: int = WIDTH, classes: int = CLASSES) -> None:
    b.node("ReduceSum", [source, "over_nodes"], "readout", keepdims=0)
    b.gemm("readout", "hidden", (width, 8))
    b.node("Relu", ["hidden"], "active")
    b.gemm("active", "scores", (8, classes))
