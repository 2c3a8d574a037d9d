"""Intake of classifiers of graphs: which input is what, what running them proves, what is refused and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from schemas.classifiers import InputSpec
from schemas.problems import ErrorCode
from tests.builders import onnx_graph_nets, onnx_graphs
from tests.builders.classifiers import accepted
from tests.builders.onnx_graphs import GraphBuilder, to_bytes
from tests.builders.random_graphs import graph_arrays
from workers.errors import IntakeError
from workers.graphs.packing import valid
from workers.intake import intake_classifier
from workers.intake.models import inspect_model
from workers.intake.probe import probe_graphs


def refused(model: onnx.ModelProto, **spec: Any) -> IntakeError:
    with pytest.raises(IntakeError) as caught:
        inspect_model(to_bytes(model), InputSpec(**spec))
    assert caught.value.detail.isprintable()
    assert caught.value.advice
    return caught.value


def renamed(model: onnx.ModelProto, names: dict[str, str]) -> onnx.ModelProto:
    """The same model with other names of its inputs."""
    for value in model.graph.input:
        value.name = names.get(value.name, value.name)
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = names.get(name, name)
    return model


def declared(model: onnx.ModelProto, name: str, *shape: int | str | None) -> onnx.ModelProto:
    """The same model with another declared shape of one input."""
    for i, value in enumerate(model.graph.input):
        if value.name == name:
            kind = value.type.tensor_type.elem_type
            model.graph.input[i].CopyFrom(helper.make_tensor_value_info(name, kind, list(shape)))
    return model


def answers(model: bytes, count: int = 5) -> np.ndarray:
    """Scores of a few random graphs."""
    arrays = graph_arrays(count)
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    feeds = {one.name: arrays[one.name].astype(np.float32) for one in session.get_inputs()}
    found: np.ndarray = session.run(None, feeds)[0]
    return found


# accepted


def test_facts_of_three_inputs() -> None:
    facts, canonical = accepted(onnx_graph_nets.message_passing_net())
    assert facts.graph is not None
    assert (facts.layout, facts.input_name, facts.input_shape) == ("graph", "nodes", [None, None, 3])
    assert (facts.graph.nodes, facts.graph.adjacency, facts.graph.mask) == ("nodes", "adjacency", "mask")
    assert (facts.graph.node_features, facts.graph.edge_features, facts.graph.edge_axis) == (3, 2, True)
    assert facts.graph.size is None
    assert facts.dynamic_batch
    assert (facts.classes, facts.output_kind) == (3, "logits")
    names = [value.name for value in onnx.ModelProto.FromString(canonical).graph.input]
    assert names == ["nodes", "adjacency", "mask"]


def test_one_matrix_without_a_mask_of_one_size() -> None:
    facts, _ = accepted(onnx_graph_nets.matrix_net(n=7))
    assert facts.graph is not None
    assert (facts.graph.mask, facts.graph.size) == (None, 7)
    assert (facts.graph.edge_axis, facts.graph.edge_features) == (False, 1)


def test_inputs_that_the_model_does_not_read_stay() -> None:
    """Whether a classifier reads the edges is what an audit is to find out."""
    facts, canonical = accepted(onnx_graph_nets.bag_net())
    assert facts.graph is not None
    assert facts.graph.adjacency == "adjacency"
    assert len(onnx.ModelProto.FromString(canonical).graph.input) == 3


def test_canonical_is_a_fixed_point_whatever_the_order_of_inputs() -> None:
    model = onnx_graph_nets.message_passing_net()
    facts, canonical = accepted(model)
    assert inspect_model(canonical, InputSpec()) == (facts, canonical)
    inputs = list(model.graph.input)
    del model.graph.input[:]
    model.graph.input.extend(inputs[::-1])
    assert accepted(model)[1] == canonical


STRANGE = {"nodes": "x", "adjacency": "bonds", "mask": "there"}


def test_inputs_are_recognised_by_rank() -> None:
    facts, _ = accepted(renamed(onnx_graph_nets.message_passing_net(), STRANGE))
    assert facts.graph is not None
    assert (facts.graph.nodes, facts.graph.adjacency, facts.graph.mask) == ("x", "bonds", "there")
    facts, _ = accepted(renamed(onnx_graph_nets.matrix_net(), STRANGE))
    assert facts.graph is not None
    assert (facts.graph.nodes, facts.graph.adjacency) == ("x", "bonds")


def test_inputs_are_named_where_ranks_do_not_tell() -> None:
    """As many features as nodes: both inputs may be either."""
    model = renamed(onnx_graph_nets.matrix_net(n=3), STRANGE)
    assert "not clear" in refused(model).detail
    facts, _ = accepted(model, InputSpec(nodes_name="x", adjacency_name="bonds"))
    assert facts.graph is not None
    assert (facts.graph.nodes, facts.graph.adjacency) == ("x", "bonds")


def test_names_may_be_given_against_what_they_say() -> None:
    model = renamed(onnx_graph_nets.matrix_net(n=3), {"nodes": "adjacency", "adjacency": "nodes"})
    facts, _ = accepted(model, InputSpec(nodes_name="adjacency", adjacency_name="nodes"))
    assert facts.graph is not None
    assert facts.graph.nodes == "adjacency"


@pytest.mark.parametrize(("kind", "cast"), [("bool", TensorProto.BOOL), ("int64", TensorProto.INT64)])
def test_masks_and_edges_of_other_types(kind: str, cast: int) -> None:
    model = onnx_graph_nets.message_passing_net()
    for name in ("mask", "adjacency"):
        inner = renamed(model, {name: f"{name}_cast"})
        value = next(one for one in inner.graph.input if one.name == f"{name}_cast")
        value.name, value.type.tensor_type.elem_type = name, cast
        inner.graph.node.insert(0, helper.make_node("Cast", [name], [f"{name}_cast"], to=TensorProto.FLOAT))
    facts, _ = accepted(model)
    assert facts.graph is not None
    assert facts.dynamic_batch


def single(model: onnx.ModelProto) -> onnx.ModelProto:
    """Traced with one graph: a Reshape of the read-out holds the batch size."""
    node = next(one for one in model.graph.node if "readout" in one.input)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, -1], dtype=np.int64), "target"))
    model.graph.node.insert(
        list(model.graph.node).index(node), helper.make_node("Reshape", ["readout", "target"], ["flat"])
    )
    node.input[0] = "flat"
    return model


@pytest.mark.parametrize("batch", [1, "batch"])
def test_a_fixed_batch_is_freed_in_all_inputs(batch: int | str) -> None:
    facts, canonical = accepted(single(onnx_graph_nets.message_passing_net(batch)))
    assert facts.dynamic_batch
    inputs = onnx.ModelProto.FromString(canonical).graph.input
    assert all(not value.type.tensor_type.shape.dim[0].HasField("dim_value") for value in inputs)
    np.testing.assert_allclose(answers(canonical), answers(to_bytes(onnx_graph_nets.message_passing_net())), rtol=1e-4)


def test_a_batch_that_only_one_input_fixes_is_freed_too() -> None:
    model = declared(single(onnx_graph_nets.message_passing_net()), "adjacency", 1, "n", "n", 2)
    facts, canonical = accepted(model)
    assert facts.dynamic_batch
    assert answers(canonical).shape == (5, 3)


def test_through_the_sandbox() -> None:
    facts, canonical = intake_classifier(to_bytes(onnx_graph_nets.message_passing_net(1)), InputSpec())
    assert facts.layout == "graph"
    assert answers(canonical).shape == (5, 3)


def test_probes_are_graphs_of_many_sizes() -> None:
    for size, features, edges in ((2, 1, 1), (9, 5, 4), (128, 3, 1)):
        graphs = probe_graphs(size, features, edges)
        assert valid(graphs, edges).all()
        assert len({graph.tobytes() for graph in graphs}) == 6 or size == 2
        assert graphs[..., -edges:].any(axis=(1, 2, 3)).all(), "each has an edge"


# refused


def nodes_alone() -> onnx.ModelProto:
    b = GraphBuilder()
    b.node("ReduceSum", ["nodes", b.constant("axes", np.array([1], dtype=np.int64))], "sum", keepdims=0)
    b.gemm("sum", "scores", (3, 3))
    return onnx_graph_nets.build(b, {"nodes": ["batch", "n", 3]})


def test_nodes_alone_are_told_to_keep_the_adjacency() -> None:
    error = refused(nodes_alone())
    assert error.code is ErrorCode.MODEL_INPUT_UNSUPPORTED
    assert "no input for adjacency" in error.detail
    assert "even if the model reads only one" in error.advice


def test_edges_alone_are_told_to_keep_the_nodes() -> None:
    b = GraphBuilder()
    b.node("ReduceSum", ["adjacency", b.constant("axes", np.array([1], dtype=np.int64))], "degrees", keepdims=0)
    b.gemm("degrees", "scores", (9, 3))
    error = refused(onnx_graph_nets.build(b, {"adjacency": ["batch", 9, 9]}))
    assert "no input for nodes" in error.detail


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        ("adjacency", ("batch", 8, 9, 2), "[8, 9] as the number of nodes"),
        ("nodes", ("batch", 200, 3), "[200] as the number of nodes"),
        ("nodes", ("batch", "n", "f"), "does not say how many features"),
        ("nodes", ("batch", "n", 2**20), "does not say how many features"),
        ("adjacency", ("batch", "n", "n", 0), "adjacency cannot be"),
        ("adjacency", ("batch", "n"), "adjacency cannot be"),
        ("adjacency", ("batch", "n", "n", 2, 2), "adjacency cannot be"),
        ("mask", ("batch", "n", 1), "mask cannot be"),
        ("mask", (4, "n"), "[2, 4]"),
    ],
)
def test_declared_shapes(name: str, shape: tuple[Any, ...], says: str) -> None:
    batch = 2 if name == "mask" else "batch"
    model = declared(onnx_graph_nets.message_passing_net(batch), name, *shape)
    error = refused(model)
    assert error.code is ErrorCode.MODEL_INPUT_UNSUPPORTED
    assert says in error.detail


def test_a_fourth_input() -> None:
    model = onnx_graph_nets.message_passing_net()
    model.graph.input.append(helper.make_tensor_value_info("positions", TensorProto.FLOAT, ["batch", "n", 3]))
    error = refused(model)
    assert "'positions'" in error.detail


def test_text_is_no_feature() -> None:
    model = onnx_graph_nets.bag_net()
    model.graph.input[1].type.tensor_type.elem_type = TensorProto.STRING
    assert "STRING" in refused(model).detail


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"mean": [0.5]}, "describes images"),
        ({"std": [0.5]}, "describes images"),
        ({"high": 255.0}, "describes images"),
        ({"layout": "nchw"}, "describes images"),
        ({"input_name": "nodes"}, "describes images"),
        ({"mask_name": "there"}, "names 'there'"),
        ({"nodes_name": "adjacency"}, "one input for two parts"),
        ({"nodes_name": "mask", "mask_name": "nodes"}, "cannot be"),
    ],
)
def test_specifications_that_do_not_fit(spec: dict[str, Any], says: str) -> None:
    assert says in refused(onnx_graph_nets.message_passing_net(), **({"adjacency_name": "adjacency"} | spec)).detail


def test_a_model_of_images_is_no_model_of_graphs() -> None:
    error = refused(onnx_graphs.convnet(), nodes_name="image")
    assert error.code is ErrorCode.MODEL_INPUT_UNSUPPORTED


def test_scores_that_read_no_input() -> None:
    b = GraphBuilder()
    b.node("Identity", [b.constant("fixed", np.zeros((1, 3), np.float32))], "scores")
    error = refused(onnx_graph_nets.build(b, onnx_graph_nets.three_inputs()))
    assert error.code is ErrorCode.MODEL_OUTPUT_UNSUPPORTED
    assert "does not depend on the graph" in error.detail


def mixing_net() -> onnx.ModelProto:
    """Subtracts the mean read-out of the batch."""
    model = onnx_graph_nets.bag_net()
    node = next(one for one in model.graph.node if "readout" in one.input)
    place = list(model.graph.node).index(node)
    model.graph.node.insert(place, helper.make_node("ReduceMean", ["readout"], ["mean"], axes=[0], keepdims=1))
    model.graph.node.insert(place + 1, helper.make_node("Sub", ["readout", "mean"], ["centred"]))
    node.input[0] = "centred"
    return model


def noisy_net() -> onnx.ModelProto:
    model = onnx_graph_nets.bag_net()
    node = next(one for one in model.graph.node if "readout" in one.input)
    place = list(model.graph.node).index(node)
    model.graph.node.insert(place, helper.make_node("RandomNormalLike", ["readout"], ["noise"]))
    model.graph.node.insert(place + 1, helper.make_node("Add", ["readout", "noise"], ["noisy"]))
    node.input[0] = "noisy"
    return model


def infinite_net() -> onnx.ModelProto:
    """Divides by what the last node holds: nothing where it is absent."""
    model = onnx_graph_nets.bag_net()
    node = next(one for one in model.graph.node if one.op_type == "ReduceSum")
    place = list(model.graph.node).index(node)
    model.graph.node.insert(place, helper.make_node("Div", ["kept", "column"], ["share"]))
    node.input[0] = "share"
    return model


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (mixing_net, ErrorCode.MODEL_BATCH_DEPENDENT),
        (noisy_net, ErrorCode.MODEL_NOT_DETERMINISTIC),
        (infinite_net, ErrorCode.MODEL_OUTPUT_UNSUPPORTED),
    ],
)
def test_what_running_shows(build: Callable[[], onnx.ModelProto], code: ErrorCode) -> None:
    assert refused(build()).code is code


def test_sizes_that_contradict_the_weights() -> None:
    """Declared open, but the first layer holds the number of nodes that it was traced with, and no size fits it."""
    model = onnx_graph_nets.flat_net(5)
    for name, shape in (("nodes", ("batch", "n", 3)), ("adjacency", ("batch", "n", "n"))):
        declared(model, name, *shape)
    assert refused(model).code is ErrorCode.MODEL_NOT_RUNNABLE
