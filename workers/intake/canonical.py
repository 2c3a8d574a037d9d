"""The canonical model: the inputs of a classifier, one output, only what it needs, no words, always the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import numpy_helper

from workers.classifier.graph import node_inputs, subgraphs

BATCH = "batch"
WORDS = ("doc_string", "metadata_props")


def canonical_model(
    model: onnx.ModelProto, opset: int, input_names: Sequence[str], output_name: str
) -> onnx.ModelProto:
    """A self-contained copy with ``input_names``, in that order, and ``output_name`` only, without unused parts,
    documentation, metadata, intermediate shapes and unknown fields.
    """
    source = copy_model(model)
    source.DiscardUnknownFields()
    nodes = _needed_nodes(source.graph, output_name)
    read = {output_name}.union(*(node_inputs(node) for node in nodes))
    graph = onnx.GraphProto(name="classifier")
    graph.node.extend(nodes)
    graph.initializer.extend(tensor for tensor in source.graph.initializer if tensor.name in read)
    graph.sparse_initializer.extend(t for t in source.graph.sparse_initializer if t.values.name in read)
    declared = {value.name: value for value in source.graph.input}
    graph.input.extend(declared[name] for name in input_names)
    graph.output.extend(value for value in source.graph.output if value.name == output_name)
    _strip_words(graph)
    return onnx.ModelProto(
        ir_version=source.ir_version, opset_import=[onnx.OperatorSetIdProto(domain="", version=opset)], graph=graph
    )


def model_bytes(model: onnx.ModelProto) -> bytes:
    """Deterministic serialisation."""
    return bytes(model.SerializeToString(deterministic=True))


def copy_model(model: onnx.ModelProto) -> onnx.ModelProto:
    """A deep copy."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def with_dynamic_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose first axis is free: in all declarations, and in Reshape targets that start with the old size.

    Such a target gets 0 there, "as in the input". Whether the result still computes the same is proved by running it.
    """
    copy = copy_model(model)
    fixed = batch_size(copy)
    for value in (*copy.graph.input, *copy.graph.output):
        dims = value.type.tensor_type.shape.dim
        if dims:
            dims[0].dim_param = BATCH
    if fixed is not None:
        _free_reshapes(copy.graph, fixed)
    return copy


def batch_size(model: onnx.ModelProto) -> int | None:
    """The fixed size of the first axis of the inputs, or ``None`` where all of them leave it open."""
    shapes = (value.type.tensor_type.shape.dim for value in model.graph.input)
    return next((dims[0].dim_value for dims in shapes if dims and dims[0].HasField("dim_value")), None)


def _needed_nodes(graph: onnx.GraphProto, output: str) -> list[onnx.NodeProto]:
    """Nodes that ``output`` depends on, in their order."""
    needed, kept = {output}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed |= node_inputs(node)
    return kept[::-1]


def _strip_words(graph: onnx.GraphProto) -> None:
    for tensor in (*graph.initializer, *graph.input, *graph.output):
        _clear_words(tensor)
    for node in graph.node:
        _clear_words(node)
        for attribute in node.attribute:
            attribute.ClearField("doc_string")
        for inner in subgraphs(node):
            _clear_words(inner)
            inner.ClearField("value_info")
            _strip_words(inner)


def _clear_words(message: onnx.NodeProto | onnx.TensorProto | onnx.ValueInfoProto | onnx.GraphProto) -> None:
    for field in WORDS:
        message.ClearField(field)


def _free_reshapes(graph: onnx.GraphProto, fixed: int) -> None:
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    constants = {node.output[0]: a.t for node in graph.node if node.op_type == "Constant" for a in node.attribute}
    for node in graph.node:
        keeps_zero = any(attribute.name == "allowzero" and attribute.i for attribute in node.attribute)
        if node.op_type != "Reshape" or keeps_zero:
            continue
        target = tensors.get(node.input[1]) or constants.get(node.input[1])
        if target is not None:
            _free_leading(target, fixed)


def _free_leading(target: onnx.TensorProto, fixed: int) -> None:
    sizes = numpy_helper.to_array(target).copy()
    if sizes.ndim == 1 and len(sizes) > 1 and sizes[0] == fixed:
        sizes[0] = 0
        target.CopyFrom(numpy_helper.from_array(sizes, target.name))
