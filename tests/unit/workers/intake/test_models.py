"""Intake of classifiers: what is accepted and how, what is refused and why."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from schemas.classifiers import InputSpec
from schemas.problems import ErrorCode
from tests.builders import onnx_graphs
from tests.builders.classifiers import accepted
from tests.builders.onnx_graphs import GraphBuilder, to_bytes
from workers.errors import IntakeError
from workers.intake import intake_classifier
from workers.intake.limits import ModelCaps
from workers.intake.models import inspect_model


def refused(data: bytes, spec: InputSpec | None = None, caps: ModelCaps | None = None) -> IntakeError:
    with pytest.raises(IntakeError) as caught:
        inspect_model(data, spec or InputSpec(), caps)
    assert caught.value.detail
    assert caught.value.advice
    return caught.value


def code_of(model: onnx.ModelProto, **spec: Any) -> ErrorCode:
    return refused(to_bytes(model), InputSpec(**spec)).code


# accepted


def test_facts() -> None:
    facts, canonical = accepted(onnx_graphs.convnet())
    assert facts.canonical_digest == hashlib.sha256(canonical).hexdigest()
    assert (facts.opset, facts.layout, facts.classes, facts.nodes) == (17, "nchw", 5, 7)
    assert facts.input_shape == [None, 3, 16, 16]
    assert facts.parameters == 8 * 27 + 16 * 72 + 5 * 16 + 5
    assert facts.dynamic_batch
    assert facts.deterministic


@pytest.mark.parametrize(
    ("builder", "kind", "layout"),
    [
        ("mlp", "logits", "nchw"),
        ("softmax_net", "probabilities", "nchw"),
        ("hidden_softmax_net", "probabilities", "nchw"),
        ("channels_last_net", "logits", "nhwc"),
        ("uint8_net", "logits", "nchw"),
        ("transformer_net", "logits", "nchw"),
    ],
)
def test_detection(builder: str, kind: str, layout: str) -> None:
    facts, _ = accepted(getattr(onnx_graphs, builder)())
    assert (facts.output_kind, facts.layout) == (kind, layout)


def test_sigmoid_outputs() -> None:
    assert accepted(onnx_graphs.softmax_net("Sigmoid"))[0].output_kind == "sigmoid"


@pytest.mark.parametrize(("batch", "declared"), [(1, None), (1, "batch"), (4, None)])
def test_a_fixed_batch_becomes_dynamic(batch: int, declared: str | None) -> None:
    original = onnx_graphs.fixed_reshape_net(batch, declared=declared)
    facts, canonical = accepted(original)
    assert facts.dynamic_batch
    assert facts.input_shape[0] is None
    x = np.random.default_rng(0).random((batch, 3, 16, 16)).astype(np.float32)
    providers = ["CPUExecutionProvider"]
    want = ort.InferenceSession(to_bytes(original), providers=providers).run(None, {"image": x})[0]
    got = ort.InferenceSession(canonical, providers=providers).run(None, {"image": np.concatenate([x, x, x])})[0]
    np.testing.assert_allclose(got, np.concatenate([want, want, want]), rtol=1e-5)


def test_what_cannot_take_batches_runs_one_by_one() -> None:
    facts, _ = accepted(onnx_graphs.stubborn_single_net())
    assert not facts.dynamic_batch
    assert facts.input_shape[0] == 1


def test_a_batch_of_one_that_would_mix_stays_single() -> None:
    """Freed, this model would answer by its neighbours; with one image at a time it is a function of the image."""
    assert not accepted(onnx_graphs.batch_normalising_net(1))[0].dynamic_batch


def test_the_canonical_copy_holds_no_words_and_only_what_is_needed() -> None:
    plain = onnx_graphs.convnet()
    wordy = onnx_graphs.convnet()
    wordy.doc_string = "by Ann"
    wordy.producer_name = "exporter"
    wordy.metadata_props.add(key="author", value="Ann")
    wordy.graph.doc_string = wordy.graph.node[0].doc_string = "words"
    wordy.graph.node[1].metadata_props.add(key="source", value="/home/ann/model.py")
    wordy.graph.node.append(helper.make_node("Neg", ["pool"], ["unused"]))
    wordy.graph.initializer.append(numpy_helper.from_array(np.zeros(100, np.float32), "unused_weight"))
    wordy.opset_import.append(helper.make_opsetid("com.example.unused", 3))
    canonical = accepted(wordy)[1]
    assert canonical == accepted(plain)[1]
    assert b"ann" not in canonical.lower()


def test_canonical_is_a_fixed_point() -> None:
    facts, canonical = accepted(onnx_graphs.softmax_net())
    again, same = inspect_model(canonical, InputSpec())
    assert same == canonical
    assert again == facts


def test_one_of_several_outputs_by_name() -> None:
    model = onnx_graphs.convnet()
    model.graph.output.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, ["batch", 16]))
    assert code_of(model) is ErrorCode.MODEL_OUTPUT_UNSUPPORTED
    facts, canonical = inspect_model(to_bytes(model), InputSpec(output_name="scores"))
    assert facts.classes == 5
    assert len(onnx.ModelProto.FromString(canonical).graph.output) == 1


def test_any_size() -> None:
    assert accepted(onnx_graphs.convnet(size="side"))[0].input_shape == [None, 3, None, None]


# refused: the file


@pytest.mark.parametrize("data", [b"", b"\x00", b"PK\x03\x04", b"hello world" * 50, b"\xff" * 1000])
def test_not_onnx(data: bytes) -> None:
    assert refused(data).code is ErrorCode.MODEL_UNREADABLE


def test_too_large_is_refused_before_parsing() -> None:
    assert refused(b"\xff" * 100, caps=ModelCaps(file_bytes=99)).code is ErrorCode.MODEL_TOO_LARGE


def test_too_many_nodes() -> None:
    assert refused(to_bytes(onnx_graphs.convnet()), caps=ModelCaps(nodes=3)).code is ErrorCode.MODEL_TOO_LARGE


def external(tensor: onnx.TensorProto, location: str = "/etc/passwd") -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)


@pytest.mark.parametrize("location", ["/etc/passwd", "../../x", "weights.bin", "*/_ORT_MEM_ADDR_/*", ""])
def test_external_initializer(location: str) -> None:
    model = onnx_graphs.mlp()
    external(model.graph.initializer[0], location)
    assert code_of(model) is ErrorCode.MODEL_EXTERNAL_DATA


def test_external_data_without_the_flag() -> None:
    model = onnx_graphs.mlp()
    model.graph.initializer[0].external_data.add(key="location", value="weights.bin")
    assert code_of(model) is ErrorCode.MODEL_EXTERNAL_DATA


def test_external_attribute() -> None:
    model = onnx_graphs.mlp()
    node = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.zeros(3, np.float32), "v"))
    external(node.attribute[0].t)
    model.graph.node.insert(0, node)
    assert code_of(model) is ErrorCode.MODEL_EXTERNAL_DATA


def test_external_sparse() -> None:
    model = onnx_graphs.mlp()
    sparse = model.graph.sparse_initializer.add(dims=[4])
    sparse.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), "s"))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.zeros(1, np.int64), "i"))
    external(sparse.values)
    assert code_of(model) is ErrorCode.MODEL_EXTERNAL_DATA


def test_external_in_a_subgraph() -> None:
    model = onnx_graphs.nested_if_net(1)
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "inner")
    external(tensor)
    next(node for node in model.graph.node if node.op_type == "If").attribute[0].g.initializer.append(tensor)
    assert code_of(model) is ErrorCode.MODEL_EXTERNAL_DATA


@pytest.mark.parametrize("domain", ["com.microsoft", "ai.onnx.ml", "com.example", "ai.onnx.contrib", "onnx "])
def test_custom_domains(domain: str) -> None:
    model = onnx_graphs.convnet()
    model.graph.node[1].domain = domain
    model.opset_import.append(helper.make_opsetid(domain, 1))
    assert code_of(model) is ErrorCode.MODEL_CUSTOM_DOMAIN


def test_local_functions() -> None:
    model = onnx_graphs.convnet()
    body = [helper.make_node("Relu", ["x"], ["y"])]
    model.functions.append(helper.make_function("local", "F", ["x"], ["y"], body, [helper.make_opsetid("", 17)]))
    assert code_of(model) is ErrorCode.MODEL_CUSTOM_DOMAIN


@pytest.mark.parametrize("op_type", ["Nonsense", "FusedConv", "BatchAttention2"])
def test_unknown_operators(op_type: str) -> None:
    model = onnx_graphs.convnet()
    model.graph.node[1].op_type = op_type
    assert code_of(model) is ErrorCode.MODEL_UNKNOWN_OPERATOR


def test_an_operator_newer_than_the_opset() -> None:
    model = onnx_graphs.mlp()
    model.graph.node[1].op_type = "Gelu"  # since opset 20
    assert code_of(model) is ErrorCode.MODEL_UNKNOWN_OPERATOR


@pytest.mark.parametrize("opset", [0, 1, 10, 27, 99, 2**40])
def test_opsets(opset: int) -> None:
    model = onnx_graphs.mlp()
    model.opset_import[0].version = opset
    assert code_of(model) is ErrorCode.MODEL_UNSUPPORTED_OPSET


@pytest.mark.parametrize("opset", [11, 13, 18, 21, 26])
def test_opsets_in_between_are_accepted(opset: int) -> None:
    model = onnx_graphs.mlp()
    model.opset_import[0].version = opset
    assert accepted(model)[0].opset == opset


def test_future_ir() -> None:
    model = onnx_graphs.mlp()
    model.ir_version = 99
    assert code_of(model) is ErrorCode.MODEL_UNSUPPORTED_OPSET


def test_two_opsets_for_one_domain() -> None:
    model = onnx_graphs.mlp()
    model.opset_import.append(helper.make_opsetid("ai.onnx", 12))
    assert code_of(model) is ErrorCode.MODEL_UNSUPPORTED_OPSET


@pytest.mark.parametrize("dims", [[2**32, 2**32], [2**62, 4], [-1, 4], [2**40], [0, 2**40], [1] * 9])
def test_sizes_that_overflow(dims: list[int]) -> None:
    model = onnx_graphs.mlp()
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend(dims)
    assert code_of(model) is ErrorCode.MODEL_TENSOR_TOO_LARGE


def test_declared_input_that_overflows() -> None:
    model = onnx_graphs.mlp()
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 2**50
    assert code_of(model) is ErrorCode.MODEL_TENSOR_TOO_LARGE


def test_sizes_that_lie_about_the_bytes() -> None:
    model = onnx_graphs.mlp()
    model.graph.initializer[0].dims[0] = 11
    assert code_of(model) is ErrorCode.MODEL_UNREADABLE


def test_nesting() -> None:
    assert accepted(onnx_graphs.nested_if_net(2))[0].classes == 5
    assert code_of(onnx_graphs.nested_if_net(3)) is ErrorCode.MODEL_TOO_DEEP


@pytest.mark.parametrize("name", ["x" * 600, "a\x1b[31mb", "line\nbreak"])
def test_names(name: str) -> None:
    model = onnx_graphs.mlp()
    model.graph.node[0].output[0] = model.graph.node[1].input[0] = name
    error = refused(to_bytes(model))
    assert error.code is ErrorCode.MODEL_UNREADABLE
    assert error.detail.isprintable()
    assert len(error.detail) < 300


def test_cycles_are_invalid() -> None:
    model = onnx_graphs.mlp()
    model.graph.node[0].input[0] = "relu"
    assert code_of(model) is ErrorCode.MODEL_UNREADABLE


# refused: the interface


def test_two_inputs() -> None:
    model = onnx_graphs.mlp()
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["batch", 1]))
    assert code_of(model) is ErrorCode.MODEL_INPUT_UNSUPPORTED


@pytest.mark.parametrize("shape", [["b", 64], ["b", 5, 8, 8], ["b", 3, 8, 8, 8], ["b", "c", 8, 8], ["b", 3, 0, 8]])
def test_inputs_that_are_no_images(shape: list[Any]) -> None:
    b = GraphBuilder()
    b.node("Flatten", ["image"], "flat")
    b.gemm("flat", "scores", (64, 5))
    assert code_of(b.build(shape)) is ErrorCode.MODEL_INPUT_UNSUPPORTED


def test_input_of_integers() -> None:
    assert code_of(onnx_graphs_with_input(TensorProto.INT64)) is ErrorCode.MODEL_INPUT_UNSUPPORTED


def onnx_graphs_with_input(kind: int) -> onnx.ModelProto:
    b = GraphBuilder()
    b.node("Cast", ["image"], "cast", to=TensorProto.FLOAT)
    b.node("Flatten", ["cast"], "flat")
    b.gemm("flat", "scores", (768, 5))
    return b.build(input_type=kind)


@pytest.mark.parametrize(
    "spec",
    [
        {"mean": [0.5, 0.5]},
        {"std": [0.0]},
        {"std": [-1.0, 1.0, 1.0]},
        {"low": 1.0, "high": 1.0},
        {"high": float("inf")},
        {"mean": [float("nan")]},
        {"input_name": "other"},
    ],
)
def test_specifications_that_do_not_fit(spec: dict[str, Any]) -> None:
    assert code_of(onnx_graphs.convnet(), **spec) is ErrorCode.MODEL_INPUT_UNSUPPORTED


def test_one_class_is_no_choice() -> None:
    assert code_of(onnx_graphs.mlp(classes=1)) is ErrorCode.MODEL_OUTPUT_UNSUPPORTED


def test_feature_maps_are_no_scores() -> None:
    b = GraphBuilder()
    b.conv("image", "scores", (3, 5))
    model = b.build()
    assert code_of(model) in (ErrorCode.MODEL_NOT_RUNNABLE, ErrorCode.MODEL_OUTPUT_UNSUPPORTED)  # declared as scores
    model.graph.output[0].type.tensor_type.shape.dim.add().dim_value = 16
    assert code_of(model) is ErrorCode.MODEL_OUTPUT_UNSUPPORTED


def test_scores_that_do_not_depend_on_the_image() -> None:
    b = GraphBuilder()
    b.node("Identity", [b.weights("w", 1, 5)], "scores")
    assert code_of(b.build((1, 3, 16, 16))) is ErrorCode.MODEL_OUTPUT_UNSUPPORTED


@pytest.mark.parametrize("kind", ["probabilities", "sigmoid"])
def test_a_declared_kind_that_cannot_be(kind: str) -> None:
    assert code_of(onnx_graphs.convnet(), output_kind=kind, mean=[-9.0]) is ErrorCode.MODEL_OUTPUT_UNSUPPORTED


# refused: the behaviour


@pytest.mark.parametrize(
    ("builder", "code"),
    [
        ("random_net", ErrorCode.MODEL_NOT_DETERMINISTIC),
        ("batch_normalising_net", ErrorCode.MODEL_BATCH_DEPENDENT),
        ("nan_net", ErrorCode.MODEL_OUTPUT_UNSUPPORTED),
    ],
)
def test_behaviour(builder: str, code: ErrorCode) -> None:
    assert code_of(getattr(onnx_graphs, builder)()) is code


def test_seeded_randomness_is_randomness() -> None:
    model = onnx_graphs.random_net()
    node = next(node for node in model.graph.node if node.op_type == "RandomNormalLike")
    node.attribute.append(helper.make_attribute("seed", 1.0))
    assert code_of(model) is ErrorCode.MODEL_NOT_DETERMINISTIC


def test_softmax_over_the_batch_mixes_images() -> None:
    model = onnx_graphs.softmax_net()
    model.graph.node[-1].attribute[0].i = 0
    assert code_of(model) is ErrorCode.MODEL_BATCH_DEPENDENT


def test_a_model_that_does_not_run() -> None:
    model = onnx_graphs.mlp()
    w = next(t for t in model.graph.initializer if t.name == "hidden.weight")
    w.CopyFrom(numpy_helper.from_array(np.zeros((12, 65), np.float32), "hidden.weight"))
    assert code_of(model) is ErrorCode.MODEL_NOT_RUNNABLE


# through the sandbox


def test_the_entry_point_agrees_with_the_inside() -> None:
    data = to_bytes(onnx_graphs.residual_net())
    assert intake_classifier(data, InputSpec()) == inspect_model(data, InputSpec())


def test_a_refusal_comes_through_whole() -> None:
    data = to_bytes(onnx_graphs.random_net())
    with pytest.raises(IntakeError) as caught:
        intake_classifier(data, InputSpec())
    inside = refused(data)
    assert (caught.value.code, caught.value.detail, caught.value.advice) == (inside.code, inside.detail, inside.advice)


def test_an_expanding_model_meets_the_memory_limit() -> None:
    b = GraphBuilder()
    b.node("Flatten", ["image"], "flat")
    b.constant("many", np.array([1, 2**26], dtype=np.int64))
    b.node("Tile", ["flat", "many"], "huge")
    b.constant("axis", np.array([1], dtype=np.int64))
    b.node("ReduceMean", ["huge"], "mean", axes=[1], keepdims=1)
    b.gemm("mean", "scores", (1, 5))
    with pytest.raises(IntakeError) as caught:
        intake_classifier(to_bytes(b.build()), InputSpec())
    assert caught.value.code in (ErrorCode.INTAKE_LIMIT_EXCEEDED, ErrorCode.MODEL_NOT_RUNNABLE)


def test_an_endless_loop_meets_the_time_limit() -> None:
    from workers.intake import Limits

    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["going_out"]),
            helper.make_node("Neg", ["state"], ["state_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("going_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state_out", TensorProto.FLOAT, None),
        ],
    )
    b = GraphBuilder()
    b.node("Flatten", ["image"], "flat")
    b.gemm("flat", "raw", (768, 5))
    b.constant("trips", np.array(2**62, dtype=np.int64))
    b.constant("yes", np.array(True))
    b.node("Loop", ["trips", "yes", "raw"], "scores", body=body)
    with pytest.raises(IntakeError) as caught:
        intake_classifier(to_bytes(b.build()), InputSpec(), Limits(cpu_seconds=2, wall_seconds=20))
    assert caught.value.code is ErrorCode.INTAKE_LIMIT_EXCEEDED


def test_text_that_is_not_utf8_is_refused() -> None:
    """Protobuf hands such names out as bytes."""
    data = to_bytes(onnx_graphs.mlp()).replace(b"relu", b"\xff\xfelu")
    assert refused(data).code is ErrorCode.MODEL_UNREADABLE
