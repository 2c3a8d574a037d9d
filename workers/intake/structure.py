"""What an ONNX file may be made of, checked on the parsed message before anything of it is interpreted."""

from __future__ import annotations

import math
from collections.abc import Iterator

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from schemas.problems import ErrorCode
from workers.classifier.graph import subgraphs

from .limits import ModelCaps
from .refusals import refuse, show

STANDARD_DOMAINS = frozenset({"", "ai.onnx"})
OLDEST_OPSET, NEWEST_OPSET, NEWEST_IR = 11, 26, 13
"""The newest that ONNX Runtime 1.31 supports."""

ITEM_BYTES: dict[int, int] = {
    onnx.TensorProto.FLOAT: 4, onnx.TensorProto.DOUBLE: 8, onnx.TensorProto.FLOAT16: 2, onnx.TensorProto.BFLOAT16: 2,
    onnx.TensorProto.INT64: 8, onnx.TensorProto.INT32: 4, onnx.TensorProto.INT16: 2, onnx.TensorProto.INT8: 1,
    onnx.TensorProto.UINT64: 8, onnx.TensorProto.UINT32: 4, onnx.TensorProto.UINT16: 2, onnx.TensorProto.UINT8: 1,
    onnx.TensorProto.BOOL: 1,
}  # fmt: skip

SELF_CONTAINED = "Save the model as one self-contained file: onnx.save(model, path, save_as_external_data=False)."
STANDARD_ONLY = "Export with standard ai.onnx operators only, with local functions inlined (onnx.inliner)."
EXPORT_AGAIN = "Export the model again and upload the .onnx file itself."


def parse_model(data: bytes, caps: ModelCaps) -> onnx.ModelProto:
    """Parse the bytes; no external data is looked for.

    Raises:
        IntakeError: ``MODEL_TOO_LARGE`` or ``MODEL_UNREADABLE``.
    """
    if len(data) > caps.file_bytes:
        detail = f"the file has {len(data)} bytes, more than {caps.file_bytes}"
        raise refuse(ErrorCode.MODEL_TOO_LARGE, detail, "Upload a smaller model, for example in float16.")
    try:
        model = onnx.ModelProto()
        model.ParseFromString(data)
    except DecodeError as error:
        raise refuse(ErrorCode.MODEL_UNREADABLE, "the file is not an ONNX model", EXPORT_AGAIN) from error
    if not model.HasField("graph") or not model.graph.node:
        raise refuse(ErrorCode.MODEL_UNREADABLE, "the file holds no graph", EXPORT_AGAIN)
    return model


def check_structure(model: onnx.ModelProto, caps: ModelCaps) -> int:
    """Check everything that a file can declare, and return its opset.

    Raises:
        IntakeError: see the checks below; ``MODEL_UNREADABLE`` when ONNX's own checker finds the model invalid.
    """
    opset = _check_opset(model)
    if model.functions:
        detail = f"the model defines {len(model.functions)} local functions"
        raise refuse(ErrorCode.MODEL_CUSTOM_DOMAIN, detail, STANDARD_ONLY)
    graphs = list(_graphs(model.graph, caps.subgraph_depth))
    _check_counts(graphs, caps)
    for graph in graphs:
        _check_graph(graph, opset, caps)
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # the checker raises many types, std::exception translations among them
        detail = f"ONNX's checker finds it invalid: {show(str(error), 300)}"
        raise refuse(ErrorCode.MODEL_UNREADABLE, detail, EXPORT_AGAIN) from error
    return opset


def checked_elements(dims: list[int], caps: ModelCaps, name: str) -> int:
    """Product of ``dims`` in exact integers.

    Raises:
        IntakeError: ``MODEL_TENSOR_TOO_LARGE``: a negative size, too many axes, or too many elements.
    """
    elements = math.prod(dims) if len(dims) <= caps.rank else None
    if elements is None or any(size < 0 for size in dims) or max(elements, *dims, 0) > caps.tensor_elements:
        sizes = show(str(dims[:16]))
        raise refuse(
            ErrorCode.MODEL_TENSOR_TOO_LARGE,
            f"tensor {show(name)} declares the sizes {sizes}",
            f"At most {caps.rank} axes and {caps.tensor_elements} elements are accepted, no negative size.",
        )
    return elements


def _check_opset(model: onnx.ModelProto) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in STANDARD_DOMAINS]
    opset = versions[0] if len(set(versions)) == 1 else -1
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET or not 0 < model.ir_version <= NEWEST_IR:
        raise refuse(
            ErrorCode.MODEL_UNSUPPORTED_OPSET,
            f"the model declares opset {versions or 'none'} and IR version {model.ir_version}",
            f"Export with an opset from {OLDEST_OPSET} to {NEWEST_OPSET} (IR version at most {NEWEST_IR}).",
        )
    return opset


def _graphs(graph: onnx.GraphProto, depth: int) -> Iterator[onnx.GraphProto]:
    """``graph`` and its subgraphs, at most ``depth`` levels of them.

    Raises:
        IntakeError: ``MODEL_TOO_DEEP``.
    """
    yield graph
    for inner in (inner for node in graph.node for inner in subgraphs(node)):
        if depth == 0:
            raise refuse(
                ErrorCode.MODEL_TOO_DEEP,
                "control flow (If, Loop, Scan) is nested too deeply",
                "Export a model without nested control flow.",
            )
        yield from _graphs(inner, depth - 1)


def _check_counts(graphs: list[onnx.GraphProto], caps: ModelCaps) -> None:
    counted = {"nodes": sum(len(graph.node) for graph in graphs)}
    counted["initializers"] = sum(len(graph.initializer) + len(graph.sparse_initializer) for graph in graphs)
    for what, most in (("nodes", caps.nodes), ("initializers", caps.initializers)):
        if counted[what] > most:
            detail = f"the graph has {counted[what]} {what}, more than {most}"
            raise refuse(ErrorCode.MODEL_TOO_LARGE, detail, "Simplify the model before uploading it.")


def _check_graph(graph: onnx.GraphProto, opset: int, caps: ModelCaps) -> None:
    for tensor in _tensors(graph):
        _check_tensor(tensor, caps)
    for value in (*graph.input, *graph.output, *graph.value_info):
        _check_value(value, caps)
    for node in graph.node:
        _check_node(node, opset, caps)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of the graph itself: initializers and attributes, dense and sparse."""
    yield from graph.initializer
    sparse = list(graph.sparse_initializer)
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        yield from attribute.tensors
        if attribute.HasField("t"):
            yield attribute.t
        sparse += attribute.sparse_tensors
        if attribute.HasField("sparse_tensor"):
            sparse.append(attribute.sparse_tensor)
    for tensor in sparse:
        yield tensor.values
        yield tensor.indices
        yield onnx.TensorProto(name=tensor.values.name, dims=tensor.dims)


def _check_tensor(tensor: onnx.TensorProto, caps: ModelCaps) -> None:
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        detail = f"tensor {show(tensor.name)} is kept in another file"
        raise refuse(ErrorCode.MODEL_EXTERNAL_DATA, detail, SELF_CONTAINED)
    _check_name(tensor.name, caps)
    elements = checked_elements(list(tensor.dims), caps, tensor.name)
    size = ITEM_BYTES.get(tensor.data_type)
    if size is not None and tensor.raw_data and len(tensor.raw_data) != elements * size:
        detail = f"tensor {show(tensor.name)} has {len(tensor.raw_data)} bytes, its sizes say {elements * size}"
        raise refuse(ErrorCode.MODEL_UNREADABLE, detail, EXPORT_AGAIN)


def _check_value(value: onnx.ValueInfoProto, caps: ModelCaps) -> None:
    _check_name(value.name, caps)
    dims = value.type.tensor_type.shape.dim
    checked_elements([dim.dim_value if dim.HasField("dim_value") else 1 for dim in dims], caps, value.name)


def _check_node(node: onnx.NodeProto, opset: int, caps: ModelCaps) -> None:
    for name in (node.op_type, *node.input, *node.output):
        _check_name(name, caps)
    if node.domain not in STANDARD_DOMAINS:
        detail = f"operator {show(node.op_type)} comes from the domain {show(node.domain)}"
        raise refuse(ErrorCode.MODEL_CUSTOM_DOMAIN, detail, STANDARD_ONLY)
    if not _known(node.op_type, opset):
        detail = f"operator {show(node.op_type)} is not part of ai.onnx opset {opset}"
        raise refuse(ErrorCode.MODEL_UNKNOWN_OPERATOR, detail, STANDARD_ONLY)


def _known(op_type: str, opset: int) -> bool:
    try:
        return not onnx.defs.get_schema(op_type, opset, "").deprecated
    except onnx.defs.SchemaError:
        return False


def _check_name(name: str | bytes, caps: ModelCaps) -> None:
    """Protobuf hands out text that is not UTF-8 as bytes."""
    if isinstance(name, bytes) or len(name) > caps.name_length or not name.isprintable():
        raise refuse(
            ErrorCode.MODEL_UNREADABLE,
            f"the name {show(name)} is too long or holds control characters",
            f"Use printable names of at most {caps.name_length} characters.",
        )
