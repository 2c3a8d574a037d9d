"""Small ONNX classifiers for everybody's tests: hand-made graphs with known cuts, seeded weights, no torch.

Every builder returns an ``onnx.ModelProto``; ``to_bytes`` serialises one. The input is called ``image``, the output
``scores`` unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class GraphBuilder:
    """Adds nodes one after the other; each method returns the name of the tensor that it made."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._generator = np.random.default_rng(seed)

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def weights(self, name: str, *shape: int, scale: float | None = None) -> str:
        fan_in = int(np.prod(shape[1:])) or 1
        deviation = scale if scale is not None else (2.0 / fan_in) ** 0.5
        return self.constant(name, (self._generator.standard_normal(shape) * deviation).astype(np.float32))

    def node(self, op_type: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op_type, list(inputs), [name], name=f"node_{name}", **attributes))
        return name

    def conv(self, source: str, name: str, channels: tuple[int, int], kernel: int = 3, **attributes: Any) -> str:
        before, after = channels
        groups = attributes.get("group", 1)
        weight = self.weights(f"{name}.weight", after, before // groups, kernel, kernel)
        pad = kernel // 2
        return self.node("Conv", [source, weight], name, pads=[pad] * 4, **attributes)

    def gemm(self, source: str, name: str, features: tuple[int, int]) -> str:
        before, after = features
        inputs = [source, self.weights(f"{name}.weight", after, before), self.weights(f"{name}.bias", after, scale=0.1)]
        return self.node("Gemm", inputs, name, transB=1)

    def build(
        self,
        shape: Sequence[int | str] = ("batch", 3, 16, 16),
        classes: int = 5,
        *,
        output: str = "scores",
        input_type: int = TensorProto.FLOAT,
        opset: int = OPSET,
    ) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "test",
            [helper.make_tensor_value_info("image", input_type, list(shape))],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [shape[0], classes])],
            self.initializers,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def to_bytes(model: onnx.ModelProto) -> bytes:
    return bytes(model.SerializeToString())


def mlp(batch: int | str = "batch", *, size: int = 8, channels: int = 1, classes: int = 4) -> onnx.ModelProto:
    """image -> flat -> hidden -> relu -> scores (Gemm heads)."""
    b = GraphBuilder(1)
    b.node("Flatten", ["image"], "flat")
    b.gemm("flat", "hidden", (channels * size * size, 12))
    b.node("Relu", ["hidden"], "relu")
    b.gemm("relu", "scores", (12, classes))
    return b.build((batch, channels, size, size), classes)


def convnet(batch: int | str = "batch", *, size: int | str = 16, channels: int = 3) -> onnx.ModelProto:
    """Two convolutions, global pooling, a Gemm head. Cuts: conv1 relu1 conv2 relu2 pool(=flat) scores."""
    b = GraphBuilder(2)
    b.conv("image", "conv1", (channels, 8))
    b.node("Relu", ["conv1"], "relu1")
    b.conv("relu1", "conv2", (8, 16), strides=[2, 2])
    b.node("Relu", ["conv2"], "relu2")
    b.node("GlobalAveragePool", ["relu2"], "pool")
    b.node("Flatten", ["pool"], "flat")
    b.gemm("flat", "scores", (16, 5))
    return b.build((batch, channels, size, size))


def residual_net() -> onnx.ModelProto:
    """A stem, two residual blocks (the second with a projection), pooling, head.

    Cuts: stem, stem_relu, block1, block1_relu, block2, block2_relu, pool (=flat), scores; nothing inside the blocks.
    """
    b = GraphBuilder(3)
    b.conv("image", "stem", (3, 8))
    b.node("Relu", ["stem"], "stem_relu")
    _block(b, "stem_relu", "block1", (8, 8))
    _block(b, "block1_relu", "block2", (8, 16))
    b.node("GlobalAveragePool", ["block2_relu"], "pool")
    b.node("Flatten", ["pool"], "flat")
    b.gemm("flat", "scores", (16, 5))
    return b.build()


def _block(b: GraphBuilder, source: str, name: str, channels: tuple[int, int]) -> None:
    before, after = channels
    b.conv(source, f"{name}_a", channels)
    b.node("Relu", [f"{name}_a"], f"{name}_a_relu")
    b.conv(f"{name}_a_relu", f"{name}_b", (after, after))
    skip = source if before == after else b.conv(source, f"{name}_skip", channels, kernel=1)
    b.node("Add", [f"{name}_b", skip], name)
    b.node("Relu", [name], f"{name}_relu")


def depthwise_net() -> onnx.ModelProto:
    """Depthwise separable convolutions with Clip (ReLU6), no residual: every tensor is a cut."""
    b = GraphBuilder(4)
    b.constant("zero", np.float32(0))
    b.constant("six", np.float32(6))
    b.conv("image", "expand", (3, 12), kernel=1)
    b.node("Clip", ["expand", "zero", "six"], "expand6")
    b.conv("expand6", "depthwise", (12, 12), group=12)
    b.node("Clip", ["depthwise", "zero", "six"], "depthwise6")
    b.conv("depthwise6", "project", (12, 8), kernel=1)
    b.node("ReduceMean", ["project"], "mean", axes=[2, 3], keepdims=0)
    b.gemm("mean", "scores", (8, 5))
    return b.build()


def matmul_head() -> onnx.ModelProto:
    """Ends in MatMul + Add: both are the logits up to a constant, the last hidden tensor is ``flat``."""
    b = GraphBuilder(5)
    b.conv("image", "conv", (3, 8))
    b.node("Relu", ["conv"], "relu")
    b.node("GlobalMaxPool", ["relu"], "pool")
    b.node("Flatten", ["pool"], "flat")
    b.node("MatMul", ["flat", b.weights("w", 8, 5)], "product")
    b.node("Add", ["product", b.weights("b", 5)], "scores")
    return b.build()


def softmax_net(activation: str = "Softmax") -> onnx.ModelProto:
    """Ends in ``activation`` (Softmax or Sigmoid); the logits are the tensor ``raw``."""
    b = GraphBuilder(6)
    b.node("Flatten", ["image"], "flat")
    b.gemm("flat", "hidden", (3 * 16 * 16, 12))
    b.node("Tanh", ["hidden"], "tanh")
    b.gemm("tanh", "raw", (12, 5))
    b.node(activation, ["raw"], "scores", **({"axis": 1} if activation == "Softmax" else {}))
    return b.build()


def hidden_softmax_net() -> onnx.ModelProto:
    """Probabilities made by Exp and a division: no Softmax to see."""
    b = GraphBuilder(7)
    b.node("Flatten", ["image"], "flat")
    b.gemm("flat", "raw", (3 * 16 * 16, 5))
    b.node("Exp", ["raw"], "exponentials")
    b.constant("axes", np.array([1], dtype=np.int64))
    b.node("ReduceSum", ["exponentials", "axes"], "total", keepdims=1)
    b.node("Div", ["exponentials", "total"], "scores")
    return b.build()


def channels_last_net() -> onnx.ModelProto:
    """NHWC input that a Transpose brings to NCHW, as exported from TensorFlow."""
    b = GraphBuilder(8)
    b.node("Transpose", ["image"], "first", perm=[0, 3, 1, 2])
    b.conv("first", "conv", (3, 8))
    b.node("Relu", ["conv"], "relu")
    b.node("GlobalAveragePool", ["relu"], "pool")
    b.node("Flatten", ["pool"], "flat")
    b.gemm("flat", "scores", (8, 5))
    return b.build(("batch", 16, 16, 3))


def uint8_net() -> onnx.ModelProto:
    """Takes raw uint8 pixels and casts them itself."""
    b = GraphBuilder(9)
    b.node("Cast", ["image"], "cast", to=TensorProto.FLOAT)
    b.node("Div", ["cast", b.constant("full", np.float32(255))], "scaled")
    b.node("Flatten", ["scaled"], "flat")
    b.gemm("flat", "scores", (3 * 16 * 16, 5))
    return b.build(input_type=TensorProto.UINT8)


def fixed_reshape_net(batch: int = 1, *, declared: int | str | None = None) -> onnx.ModelProto:
    """Traced with ``batch`` images: a Reshape target holds the batch size. ``declared`` is what the input says."""
    b = GraphBuilder(10)
    b.conv("image", "conv", (3, 4))
    b.node("Reshape", ["conv", b.constant("target", np.array([batch, 4 * 16 * 16], dtype=np.int64))], "flat")
    b.gemm("flat", "scores", (4 * 16 * 16, 5))
    return b.build((batch if declared is None else declared, 3, 16, 16))


def stubborn_single_net() -> onnx.ModelProto:
    """Batch 1 that cannot be made dynamic: the batch size hides in an Expand."""
    b = GraphBuilder(11)
    b.node("Flatten", ["image"], "flat")
    b.gemm("flat", "raw", (3 * 16 * 16, 5))
    b.constant("ones", np.ones((1, 1, 5), dtype=np.float32))
    b.constant("flat_shape", np.array([5], dtype=np.int64))
    b.node("Reshape", ["raw", "flat_shape"], "vector")
    b.constant("row_shape", np.array([1, 5], dtype=np.int64))
    b.node("Reshape", ["vector", "row_shape"], "scores")
    return b.build((1, 3, 16, 16))


def batch_normalising_net(batch: int | str = "batch") -> onnx.ModelProto:
    """Subtracts the mean over the batch: an image's answer depends on its neighbours."""
    b = GraphBuilder(12)
    b.node("Flatten", ["image"], "flat")
    b.gemm("flat", "raw", (3 * 16 * 16, 5))
    b.node("ReduceMean", ["raw"], "mean", axes=[0], keepdims=1)
    b.node("Sub", ["raw", "mean"], "scores")
    return b.build((batch, 3, 16, 16))


def random_net() -> onnx.ModelProto:
    """Adds fresh noise to every answer."""
    b = GraphBuilder(13)
    b.node("Flatten", ["image"], "flat")
    b.gemm("flat", "raw", (3 * 16 * 16, 5))
    b.node("RandomNormalLike", ["raw"], "noise")
    b.node("Add", ["raw", "noise"], "scores")
    return b.build()


def nan_net() -> onnx.ModelProto:
    """Takes the logarithm of negative numbers."""
    b = GraphBuilder(14)
    b.node("Flatten", ["image"], "flat")
    b.node("Neg", ["flat"], "negative")
    b.node("Log", ["negative"], "logarithm")
    b.gemm("logarithm", "scores", (3 * 16 * 16, 5))
    return b.build()


def constant_classifier(channels: int = 3, size: int = 16, classes: int = 5) -> onnx.ModelProto:
    """The same scores for every image (the control of the evidence stage)."""
    b = GraphBuilder(15)
    b.node("Flatten", ["image"], "flat")
    b.node("MatMul", ["flat", b.constant("zeros", np.zeros((channels * size * size, classes), np.float32))], "nothing")
    b.node("Add", ["nothing", b.constant("bias", np.arange(classes, dtype=np.float32))], "scores")
    return b.build(("batch", channels, size, size), classes)


def shape_path_net() -> onnx.ModelProto:
    """Flattens by Shape, Gather and Concat: a path of sizes around the convolution, which carries no pixels."""
    b = GraphBuilder(16)
    b.conv("image", "conv", (3, 4))
    b.node("Shape", ["image"], "shape")
    b.node("Gather", ["shape", b.constant("zero_index", np.array([0], dtype=np.int64))], "rows")
    b.node("Concat", ["rows", b.constant("rest", np.array([-1], dtype=np.int64))], "target", axis=0)
    b.node("Reshape", ["conv", "target"], "flat")
    b.gemm("flat", "scores", (4 * 16 * 16, 5))
    return b.build()


def nested_if_net(depth: int) -> onnx.ModelProto:
    """``depth`` levels of If around an Identity of the captured tensor ``raw``."""
    b = GraphBuilder(17)
    b.node("Flatten", ["image"], "flat")
    b.gemm("flat", "raw", (3 * 16 * 16, 5))
    b.constant("condition", np.array(True))
    inner = helper.make_node("Identity", ["raw"], ["leaf"])
    for level in range(depth):
        name = f"level{level}"
        branch = helper.make_graph(
            [inner], name, [], [helper.make_tensor_value_info(inner.output[0], TensorProto.FLOAT, None)]
        )
        inner = helper.make_node("If", ["condition"], [name], then_branch=branch, else_branch=branch)
    b.nodes.append(inner)
    b.node("Identity", [inner.output[0]], "scores")
    return b.build()


def transformer_net() -> onnx.ModelProto:
    """Patches as tokens, one self-attention block with a residual, mean over tokens, head. Cuts of rank 3."""
    b = GraphBuilder(18)
    b.conv("image", "patches", (3, 8), kernel=1, strides=[4, 4])
    b.node("Reshape", ["patches", b.constant("grid", np.array([0, 8, 16], dtype=np.int64))], "grid_tokens")
    b.node("Transpose", ["grid_tokens"], "tokens", perm=[0, 2, 1])
    for part in ("query", "key", "value"):
        b.node("MatMul", ["tokens", b.weights(f"{part}.weight", 8, 8)], part)
    b.node("Transpose", ["key"], "key_t", perm=[0, 2, 1])
    b.node("MatMul", ["query", "key_t"], "similarity")
    b.node("Softmax", ["similarity"], "attention", axis=-1)
    b.node("MatMul", ["attention", "value"], "mixed")
    b.node("Add", ["mixed", "tokens"], "residual")
    b.node("ReduceMean", ["residual"], "mean", axes=[1], keepdims=0)
    b.gemm("mean", "scores", (8, 5))
    return b.build()


def many_sigmoids_net(bias: float, labels: int = 6) -> onnx.ModelProto:
    """Independent labels, each a sigmoid of a weighted sum of the pixels and ``bias``; +-30 saturates float32."""
    b = GraphBuilder(19)
    b.node("Flatten", ["image"], "flat")
    b.node("MatMul", ["flat", b.weights("w", 3 * 16 * 16, labels, scale=0.05)], "sums")
    b.node("Add", ["sums", b.constant("bias", np.full(labels, bias, dtype=np.float32))], "raw")
    b.node("Sigmoid", ["raw"], "scores")
    return b.build(classes=labels)


def dividing_net() -> onnx.ModelProto:
    """Divides by the picture's own energy: 0 / 0 where it is black."""
    b = GraphBuilder(20)
    b.node("Flatten", ["image"], "flat")
    b.node("MatMul", ["flat", b.weights("w", 3 * 16 * 16, 5, scale=0.05)], "sums")
    b.node("Mul", ["flat", "flat"], "squares")
    b.node("MatMul", ["squares", b.constant("ones", np.ones((3 * 16 * 16, 1), dtype=np.float32))], "energy")
    b.node("Div", ["sums", "energy"], "scores")
    return b.build()
