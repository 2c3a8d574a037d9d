"""Cuts of hand-made graphs, known by hand, and against brute force."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.builders import onnx_graphs
from workers.classifier.cuts import find_cuts
from workers.classifier.graph import build_graph

KNOWN = {
    "mlp": ["hidden", "relu", "scores"],
    "convnet": ["conv1", "relu1", "conv2", "relu2", "pool", "scores"],
    "residual_net": ["stem", "stem_relu", "block1", "block1_relu", "block2", "block2_relu", "pool", "scores"],
    "depthwise_net": ["expand", "expand6", "depthwise", "depthwise6", "project", "mean", "scores"],
    "matmul_head": ["conv", "relu", "pool", "scores"],
    "channels_last_net": ["conv", "relu", "pool", "scores"],
    "shape_path_net": ["conv", "scores"],
    "transformer_net": ["patches", "residual", "mean", "scores"],
    "uint8_net": ["scores"],
}


def names(model: onnx.ModelProto, target: str = "scores") -> list[str]:
    return [cut.name for cut in find_cuts(model, "image", target)]


@pytest.mark.parametrize("builder", KNOWN)
def test_cuts_known_by_hand(builder: str) -> None:
    assert names(getattr(onnx_graphs, builder)()) == KNOWN[builder]


def test_depth_rises_to_one() -> None:
    depths = [cut.depth for cut in find_cuts(onnx_graphs.residual_net(), "image", "scores")]
    assert depths == sorted(set(depths))
    assert depths[0] > 0
    assert depths[-1] == 1.0


def test_equivalents_are_grouped_with_the_tensor_they_equal() -> None:
    by_name = {cut.name: cut for cut in find_cuts(onnx_graphs.matmul_head(), "image", "scores")}
    assert by_name["pool"].equivalents == ("flat",)
    assert by_name["scores"].equivalents == ("product",)
    assert by_name["conv"].op_type == "Conv"
    assert by_name["conv"].shape == (8, 16, 16)


def test_an_addition_of_two_images_parts_is_no_affine_copy() -> None:
    """x + relu(x): the sum is a cut but holds less than x."""
    b = onnx_graphs.GraphBuilder()
    b.node("Flatten", ["image"], "flat")
    b.gemm("flat", "hidden", (768, 6))
    b.node("Relu", ["hidden"], "relu")
    b.node("Add", ["hidden", "relu"], "sum")
    b.node("Add", ["sum", "sum"], "twice")
    b.gemm("twice", "scores", (6, 5))
    assert names(b.build()) == ["hidden", "sum", "twice", "scores"]


def test_values_captured_by_a_subgraph_are_paths() -> None:
    model = onnx_graphs.nested_if_net(2)
    graph = build_graph(model, "image", "scores")
    assert "raw" in graph.tensors
    assert graph.tensors[0] == "image"
    assert names(model)[0] == "raw"


def test_cuts_end_at_the_target() -> None:
    assert names(onnx_graphs.softmax_net(), "raw") == ["hidden", "tanh", "raw"]


def test_an_output_without_the_image_is_refused() -> None:
    model = onnx_graphs.mlp()
    model.graph.node.append(helper.make_node("Identity", ["hidden.bias"], ["alone"]))
    with pytest.raises(ValueError, match="does not depend"):
        find_cuts(model, "image", "alone")


def graph_of(parents: list[list[int]]) -> onnx.ModelProto:
    """Tensor ``t<i>`` is the Sum of its parents (0 is the image); the last one is the output."""
    nodes = [
        helper.make_node("Max", ["image" if p == 0 else f"t{p}" for p in chosen], [f"t{i + 1}"])
        for i, chosen in enumerate(parents)
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "g", [value("image", TensorProto.FLOAT, [1, 3])], [value(f"t{len(parents)}", TensorProto.FLOAT, [1, 3])]
    )
    return helper.make_model(graph)


@st.composite
def acyclic_graphs(draw: st.DrawFn) -> list[list[int]]:
    count = draw(st.integers(1, 12))
    return [sorted(draw(st.sets(st.integers(max(0, i - 3), i), min_size=1, max_size=3))) for i in range(count)]


def connected(parents: list[list[int]], without: int | None) -> bool:
    """Whether the last tensor still reaches the image when tensor ``without`` is taken out."""
    seen, waiting = set(), [len(parents)]
    while waiting:
        tensor = waiting.pop()
        if tensor not in seen and tensor != without:
            seen.add(tensor)
            waiting += parents[tensor - 1] if tensor else []
    return 0 in seen


@settings(max_examples=200, deadline=None)
@given(acyclic_graphs())
def test_cuts_are_the_tensors_without_which_nothing_arrives(parents: list[list[int]]) -> None:
    last = len(parents)
    expected = [i for i in range(1, last + 1) if i == last or not connected(parents, i)]
    cuts = find_cuts(graph_of(parents), "image", f"t{last}")
    found = sorted(int(name[1:]) for cut in cuts for name in (cut.name, *cut.equivalents))
    assert found == expected


def test_a_thousand_layers_take_no_recursion() -> None:
    parents = [[i] for i in range(3000)]
    assert len(names(graph_of(parents), "t3000")) == 3000
    assert np.isclose(find_cuts(graph_of(parents), "image", "t3000")[1499].depth, 0.5)
