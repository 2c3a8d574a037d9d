"""Cuts of classifiers with several inputs: known by hand, and against taking tensors out one by one."""

from __future__ import annotations

from collections.abc import Callable

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.builders import onnx_graph_nets
from workers.classifier.cuts import find_cuts
from workers.classifier.graph import EVERYTHING, build_graph

INPUTS = ["nodes", "adjacency", "mask"]
KNOWN: list[tuple[Callable[[], onnx.ModelProto], list[str], list[str]]] = [
    (onnx_graph_nets.message_passing_net, INPUTS, ["kept1", "readout", "hidden", "active", "scores"]),
    (onnx_graph_nets.matrix_net, INPUTS[:2], ["sum0", "active0", "readout", "hidden", "active", "scores"]),
    (lambda: onnx_graph_nets.matrix_net(mask=True), INPUTS, ["kept", "readout", "hidden", "active", "scores"]),
    (onnx_graph_nets.bag_net, INPUTS, ["kept", "readout", "hidden", "active", "scores"]),
    (onnx_graph_nets.edge_sum_net, INPUTS[:2], ["product", "pairs", "readout", "scores"]),
    (onnx_graph_nets.flat_net, INPUTS[:2], ["everything", "hidden", "active", "scores"]),
]  # fmt: skip


@pytest.mark.parametrize(("build", "inputs", "cuts"), KNOWN)
def test_cuts_known_by_hand(build: Callable[[], onnx.ModelProto], inputs: list[str], cuts: list[str]) -> None:
    assert [cut.name for cut in find_cuts(build(), inputs, "scores")] == cuts


def test_what_is_computed_before_the_mask_is_read_again_is_no_cut() -> None:
    names = {
        name
        for cut in find_cuts(onnx_graph_nets.message_passing_net(), INPUTS, "scores")
        for name in (cut.name, *cut.equivalents)
    }
    assert not names & {"kept0", "active1", "messages1", "column", "kinds", *INPUTS}


def test_an_input_that_is_not_read_is_left_out() -> None:
    graph = build_graph(onnx_graph_nets.bag_net(), INPUTS, "scores")
    assert graph.tensors[:3] == [EVERYTHING, "nodes", "mask"]
    assert "adjacency" not in graph.tensors


def test_one_input_that_is_read_stands_for_itself() -> None:
    """Without the mask a bag reads its nodes alone; what equals them is no cut worth looking at."""
    b = onnx_graph_nets.GraphBuilder()
    b.node("Identity", ["nodes"], "same")
    b.node("Relu", ["same"], "relu")
    b.node("Flatten", ["relu"], "flat")
    b.gemm("flat", "scores", (15, 3))
    model = onnx_graph_nets.build(b, onnx_graph_nets.three_inputs(n=5))
    assert [cut.name for cut in find_cuts(model, INPUTS, "scores")] == ["relu", "scores"]


def test_an_optional_input_that_is_left_out_is_not_taken_for_all_inputs() -> None:
    """``Clip`` without a lower bound reads a tensor without a name."""
    b = onnx_graph_nets.GraphBuilder()
    b.node("MatMul", ["adjacency", "nodes"], "messages")
    b.node("Clip", ["messages", "", b.constant("top", onnx_graph_nets.np.float32(1))], "clipped")
    b.node("Flatten", ["clipped"], "flat")
    b.gemm("flat", "scores", (15, 3))
    model = onnx_graph_nets.build(b, onnx_graph_nets.three_inputs(n=5, edges=None))
    assert [cut.name for cut in find_cuts(model, INPUTS, "scores")] == ["messages", "clipped", "scores"]


def test_no_input_at_all() -> None:
    model = onnx_graph_nets.bag_net()
    model.graph.node.append(helper.make_node("Identity", ["hidden.bias"], ["alone"]))
    with pytest.raises(ValueError, match="does not depend"):
        find_cuts(model, INPUTS, "alone")


def graph_of(sources: int, parents: list[list[int]]) -> onnx.ModelProto:
    """Tensors ``t0`` on are inputs up to ``sources``, then each is the Max of its parents; the last is the output."""
    nodes = [
        helper.make_node("Max", [f"t{p}" for p in chosen], [f"t{sources + i}"]) for i, chosen in enumerate(parents)
    ]
    given_inputs = [helper.make_tensor_value_info(f"t{i}", TensorProto.FLOAT, [1, 3]) for i in range(sources)]
    last = helper.make_tensor_value_info(f"t{sources + len(parents) - 1}", TensorProto.FLOAT, [1, 3])
    return helper.make_model(helper.make_graph(nodes, "g", given_inputs, [last]))


@st.composite
def graphs_with_inputs(draw: st.DrawFn) -> tuple[int, list[list[int]]]:
    sources, count = draw(st.integers(1, 4)), draw(st.integers(1, 10))
    return sources, [
        sorted(draw(st.sets(st.integers(max(0, i - 4), i - 1), min_size=1, max_size=3)))
        for i in range(sources, sources + count)
    ]


def reached(sources: int, parents: list[list[int]], without: int | None) -> set[int]:
    """The inputs that the last tensor still reaches when tensor ``without`` is taken out."""
    seen: set[int] = set()
    waiting = [sources + len(parents) - 1]
    while waiting:
        tensor = waiting.pop()
        if tensor not in seen and tensor != without:
            seen.add(tensor)
            waiting += parents[tensor - sources] if tensor >= sources else []
    return {tensor for tensor in seen if tensor < sources}


@settings(max_examples=300, deadline=None)
@given(graphs_with_inputs())
def test_cuts_are_the_tensors_without_which_no_input_arrives(graph: tuple[int, list[list[int]]]) -> None:
    sources, parents = graph
    last = sources + len(parents) - 1
    inner = range(sources, last)
    expected = [i for i in inner if reached(sources, parents, None) and not reached(sources, parents, i)]
    names = [f"t{i}" for i in range(sources)]
    cuts = find_cuts(graph_of(sources, parents), names, f"t{last}")
    found = sorted(int(name[1:]) for cut in cuts for name in (cut.name, *cut.equivalents))
    assert found == [*expected, last]
