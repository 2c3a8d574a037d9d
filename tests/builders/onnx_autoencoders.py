"""A user's encoder and decoder as ONNX files: hand-made linear ones, and exports of a torch autoencoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CODES = 6
SHAPE = (3, 8, 8)


def basis(codes: int = CODES, shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> NDArray[np.float32]:
    """Orthonormal rows ``(codes, c * h * w)``: encoding by it and decoding by its transpose is a projection."""
    values = np.random.default_rng(seed).standard_normal((int(np.prod(shape)), codes))
    return np.ascontiguousarray(np.linalg.qr(values)[0].T, dtype=np.float32)


def linear_encoder(
    rows: NDArray[np.float32], shape: tuple[int | str, ...] = ("batch", *SHAPE), shift: float = 0.0
) -> onnx.ModelProto:
    """``image -> rows (flat(image) + shift)``."""
    flat = helper.make_node("Flatten", ["image"], ["flat"])
    moved = helper.make_node("Add", ["flat", "shift"], ["moved"])
    gemm = helper.make_node("MatMul", ["moved", "rows"], ["code"])
    weights = {"rows": rows.T.copy(), "shift": np.array(shift, np.float32)}
    return _model([flat, moved, gemm], ("image", list(shape)), ("code", [shape[0], len(rows)]), weights)


def linear_decoder(
    rows: NDArray[np.float32], shape: tuple[int, int, int] = SHAPE, batch: int | str = "batch", shift: float = 0.0
) -> onnx.ModelProto:
    """``code -> reshape(code rows) + shift``."""
    gemm = helper.make_node("MatMul", ["code", "rows"], ["flat"])
    moved = helper.make_node("Add", ["flat", "shift"], ["moved"])
    image = helper.make_node("Reshape", ["moved", "shape"], ["drawn"])
    sizes = np.array([-1, *shape], np.int64)
    weights = {"rows": rows, "shape": sizes, "shift": np.array(shift, np.float32)}
    return _model([gemm, moved, image], ("code", [batch, len(rows)]), ("drawn", [batch, *shape]), weights)


def linear_pair(codes: int = CODES, shape: tuple[int, int, int] = SHAPE) -> tuple[bytes, bytes]:
    """An encoder and a decoder that fit each other; images in [0, 1]."""
    rows = basis(codes, shape)
    encoder = linear_encoder(rows, ("batch", *shape), shift=-0.5)
    return encoder.SerializeToString(), linear_decoder(rows, shape, shift=0.5).SerializeToString()


def _model(
    nodes: list[onnx.NodeProto], given: tuple[str, list[Any]], made: tuple[str, list[Any]],
    weights: dict[str, NDArray[Any]],
) -> onnx.ModelProto:  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "half",
        [helper.make_tensor_value_info(given[0], TensorProto.FLOAT, given[1])],
        [helper.make_tensor_value_info(made[0], TensorProto.FLOAT, made[1])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
