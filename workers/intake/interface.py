"""Which inputs are the image or the graph and which output holds the class scores, from what the model declares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import onnx

from schemas.classifiers import GraphInputs, InputSpec
from schemas.problems import ErrorCode

from .graph_interface import find_graph_inputs, means_graphs
from .limits import ModelCaps
from .refusals import refuse, show

IMAGE_TYPES = frozenset(
    {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE, onnx.TensorProto.UINT8}
)
SCORE_TYPES = IMAGE_TYPES - {onnx.TensorProto.UINT8}
CHANNELS = (1, 3)
INPUT_ADVICE = (
    "Export a model with one image input of shape [batch, channels, height, width] or channels last, or a classifier "
    "of graphs with inputs nodes, adjacency and, if it needs one, mask."
)
OUTPUT_ADVICE = "Export a model with one output of shape [batch, classes], or name it in the input specification."

Layout = Literal["nchw", "nhwc"]


@dataclass(frozen=True)
class GraphInterface:
    """The inputs of a classifier of graphs and the score output."""

    inputs: GraphInputs
    output_name: str

    @property
    def input_names(self) -> list[str]:
        """Nodes, adjacency and, if there is one, the mask."""
        names = (self.inputs.nodes, self.inputs.adjacency, self.inputs.mask)
        return [name for name in names if name is not None]


@dataclass(frozen=True)
class Interface:
    """The image input and the score output. ``shape`` has ``None`` where the graph leaves a size open."""

    input_name: str
    layout: Layout
    shape: tuple[int | None, ...]
    channels: int
    output_name: str

    @property
    def input_names(self) -> list[str]:
        """The image."""
        return [self.input_name]


def find_interface(model: onnx.ModelProto, spec: InputSpec, caps: ModelCaps) -> Interface | GraphInterface:
    """The interface of ``model``, as ``spec`` says where it says anything.

    Raises:
        IntakeError: ``MODEL_INPUT_UNSUPPORTED`` or ``MODEL_OUTPUT_UNSUPPORTED``.
    """
    inputs = given_inputs(model.graph)
    if not means_graphs(inputs, spec):
        return find_image_interface(model, spec, caps)
    return GraphInterface(find_graph_inputs(inputs, spec), _score_output(model.graph, spec, caps).name)


def find_image_interface(model: onnx.ModelProto, spec: InputSpec, caps: ModelCaps) -> Interface:
    """The interface of a ``model`` that takes images.

    Raises:
        IntakeError: ``MODEL_INPUT_UNSUPPORTED`` or ``MODEL_OUTPUT_UNSUPPORTED``.
    """
    image = _image_input(model.graph, spec)
    shape = sizes(image)
    layout = _layout(shape, spec)
    channels = shape[1 if layout == "nchw" else 3]
    _check_image(image, shape, channels)
    _check_spec(spec, channels or 0)
    return Interface(image.name, layout, shape, channels or 0, _score_output(model.graph, spec, caps).name)


def sizes(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    """Declared sizes, ``None`` for open ones."""
    dims = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)


def given_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Inputs that a caller has to give: old files list their weights among them."""
    stored = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in stored]


def _image_input(graph: onnx.GraphProto, spec: InputSpec) -> onnx.ValueInfoProto:
    inputs = given_inputs(graph)
    if len(inputs) != 1 or spec.input_name not in (None, inputs[0].name):
        names = ", ".join(show(value.name) for value in inputs[:8]) or "none"
        wanted = "" if spec.input_name is None else f"; the specification names {show(spec.input_name)}"
        raise refuse(ErrorCode.MODEL_INPUT_UNSUPPORTED, f"the inputs are: {names}{wanted}", INPUT_ADVICE)
    return inputs[0]


def _layout(shape: tuple[int | None, ...], spec: InputSpec) -> Layout:
    """Channels are where 1 or 3 is; the caller's word decides when both ends would do."""
    if spec.layout != "auto":
        return spec.layout
    if len(shape) == 4 and shape[3] in CHANNELS and shape[1] not in CHANNELS:
        return "nhwc"
    return "nchw"


def _check_image(image: onnx.ValueInfoProto, shape: tuple[int | None, ...], channels: int | None) -> None:
    element = image.type.tensor_type.elem_type
    if len(shape) == 4 and element in IMAGE_TYPES and channels in CHANNELS and 0 not in shape:
        return
    type_name = onnx.TensorProto.DataType.Name(element) if element in onnx.TensorProto.DataType.values() else element
    detail = f"input {show(image.name)} has type {type_name} and shape {show(str(list(shape)))}"
    raise refuse(ErrorCode.MODEL_INPUT_UNSUPPORTED, f"{detail}; 1 or 3 channels are needed", INPUT_ADVICE)


def _check_spec(spec: InputSpec, channels: int) -> None:
    numbers = [spec.low, spec.high, *(spec.mean or []), *(spec.std or [])]
    lengths_fit = all(len(part) in (1, channels) for part in (spec.mean, spec.std) if part is not None)
    positive = spec.low < spec.high and all(value > 0 for value in spec.std or [])
    if not (lengths_fit and positive and all(math.isfinite(value) for value in numbers)):
        raise refuse(
            ErrorCode.MODEL_INPUT_UNSUPPORTED,
            f"the specification's range or normalisation does not fit {channels} channels",
            "Give low < high, and one mean and one positive std per channel (or one for all).",
        )


def _score_output(graph: onnx.GraphProto, spec: InputSpec, caps: ModelCaps) -> onnx.ValueInfoProto:
    outputs = [value for value in graph.output if spec.output_name in (None, value.name)]
    scores: list[onnx.ValueInfoProto] = [value for value in outputs if _may_be_scores(value, caps)]
    if len(scores) != 1:
        found = ", ".join(f"{show(value.name)} {list(sizes(value))}" for value in graph.output[:8])
        raise refuse(ErrorCode.MODEL_OUTPUT_UNSUPPORTED, f"the outputs are: {found or 'none'}", OUTPUT_ADVICE)
    return scores[0]


def _may_be_scores(value: onnx.ValueInfoProto, caps: ModelCaps) -> bool:
    """Two axes as far as is declared; what is left open is checked on real outputs."""
    tensor = value.type.tensor_type
    if tensor.elem_type not in SCORE_TYPES:
        return False
    if not tensor.HasField("shape"):
        return True
    shape = sizes(value)
    return len(shape) == 2 and (shape[1] is None or 2 <= shape[1] <= caps.classes)
