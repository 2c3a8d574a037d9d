"""The same graph with nothing learned in it: what any training starts from.

A map or a score that a classifier of random weights gets as well says nothing about what was learned (Adebayo et al.
2018, "Sanity checks for saliency maps"). Weights are their own entries in another order, each with a random sign: the
magnitudes, hence the scale of every activation, stay those of the trained file, and the mean becomes 0, so that no
layer of rectifiers goes silent at once. Biases, normalisation statistics and other vectors get another order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from .graph import SHAPE_OPERATORS, node_inputs, subgraphs

WEIGHING = frozenset({
    "Attention", "Conv", "ConvInteger", "ConvTranspose", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "MatMulInteger",
    "QLinearConv", "QLinearMatMul", "RNN",
})  # fmt: skip
ALWAYS_WEIGHTS = frozenset({"Einsum", "MatMul"})
"""Their constants are weights even as vectors; elsewhere a vector is a bias."""
SHIFTING = frozenset({
    "Add", "Concat", "Div", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "Mul", "PRelu", "Sub",
    "Sum",
})  # fmt: skip
"""After the first weight their constants are learned (biases, gains, tokens); before it they are preprocessing."""
FLOATS = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE})
QUANTISED = frozenset({TensorProto.INT8, TensorProto.UINT8})


def randomise(model: bytes, rng: np.random.Generator) -> bytes:
    """A twin of the canonical ``model`` with every learned tensor redrawn; names, shapes and operators are the same.

    What is structural stays: single numbers, shapes, axes, masks, and constants that act on the image before any
    weight does (a mean and a deviation of preprocessing). The same generator state gives the same bytes.
    """
    proto = onnx.ModelProto.FromString(model)
    constants = _constants(proto.graph)
    learned = _learned(proto.graph, constants)
    for name in sorted(learned.weights):
        _replace(constants[name], _redrawn(constants[name], rng))
    for name in sorted(learned.vectors - learned.weights):
        _replace(constants[name], _shuffled(numpy_helper.to_array(constants[name]), rng))
    for channels in learned.normalisations:
        _shuffle_together([constants[name] for name in channels], rng)
    return bytes(proto.SerializeToString(deterministic=True))


@dataclass
class _Learned:
    """Names of the tensors that training set; ``normalisations`` hold the vectors of one batch normalisation each."""

    weights: set[str] = field(default_factory=set)
    vectors: set[str] = field(default_factory=set)
    normalisations: list[list[str]] = field(default_factory=list)


def _learned(graph: onnx.GraphProto, constants: dict[str, TensorProto]) -> _Learned:
    found = _Learned()
    pixels = {value.name for value in graph.input} - set(constants)
    weighed: set[str] = set()
    makers: dict[str, onnx.NodeProto] = {}
    for node in _nodes(graph):
        read = node_inputs(node)
        if not read & pixels or node.op_type in SHAPE_OPERATORS:
            makers.update(dict.fromkeys(node.output, node))
            continue
        pixels.update(node.output)
        if node.op_type in WEIGHING or read & weighed:
            weighed.update(node.output)
            origins = [_origin(name, makers, constants) for name in node.input if name not in pixels]
            _sort(node, [name for name in origins if name is not None], constants, found)
    return found


def _sort(node: onnx.NodeProto, names: list[str], constants: dict[str, TensorProto], found: _Learned) -> None:
    """Put the constants of one node where they belong."""
    free = [name for name in names if _is_free(constants[name])]
    if node.op_type in WEIGHING:
        always = node.op_type in ALWAYS_WEIGHTS
        weights = {name for name in free if always or len(constants[name].dims) > 1}
        found.weights |= weights
        found.vectors |= {name for name in set(free) - weights if constants[name].data_type in FLOATS}
    elif node.op_type == "BatchNormalization":
        if free and not any(set(free) & set(other) for other in found.normalisations):
            found.normalisations.append(list(dict.fromkeys(free)))
    elif node.op_type in SHIFTING:
        found.vectors |= {name for name in free if constants[name].data_type in FLOATS}


def _is_free(tensor: TensorProto) -> bool:
    """Whether the tensor can be redrawn: numbers, more than one, and all finite (a mask holds infinities)."""
    if tensor.data_type not in FLOATS | QUANTISED:
        return False
    values = numpy_helper.to_array(tensor)
    return values.size > 1 and bool(np.isfinite(values).all())


def _origin(name: str, makers: dict[str, onnx.NodeProto], constants: dict[str, TensorProto]) -> str | None:
    """The stored tensor behind a constant one: transposed, cast, dequantised, expanded; ``None`` without one."""
    while name not in constants:
        node = makers.get(name)
        if node is None or not node.input:
            return None
        name = node.input[0]
    return name


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Every node, those of the branches before the node that holds them."""
    for node in graph.node:
        for branch in subgraphs(node):
            yield from _nodes(branch)
        yield node


def _constants(graph: onnx.GraphProto) -> dict[str, TensorProto]:
    """Stored tensors by name, of the branches too: initialisers, and the values of Constant nodes."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            found.update((node.output[0], a.t) for a in node.attribute if a.type == onnx.AttributeProto.TENSOR)
        for branch in subgraphs(node):
            found.update(_constants(branch))
    return found


def _redrawn(tensor: TensorProto, rng: np.random.Generator) -> NDArray[np.generic]:
    values = _shuffled(numpy_helper.to_array(tensor), rng)
    if tensor.data_type in QUANTISED:
        return values
    signs = rng.choice(np.array([-1, 1], values.dtype), size=values.shape)
    return np.asarray(values * signs)


def _shuffled(values: NDArray[np.generic], rng: np.random.Generator) -> NDArray[np.generic]:
    return rng.permutation(values.reshape(-1)).reshape(values.shape)


def _shuffle_together(tensors: list[TensorProto], rng: np.random.Generator) -> None:
    """One order for scale, shift, mean and variance: a channel's gain stays that of some trained channel."""
    order = rng.permutation(tensors[0].dims[0])
    for tensor in tensors:
        _replace(tensor, numpy_helper.to_array(tensor)[order])


def _replace(tensor: TensorProto, values: NDArray[np.generic]) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))
