"""Layers of the planted nets as ONNX nodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import nn

from tests.builders.onnx_graphs import GraphBuilder, to_bytes
from tests.builders.planted_scenes import SIDE

Weights = NDArray[np.float32]
Parameters = tuple[Weights, Weights]
"""Weight and bias."""


def parameters(net: nn.Sequential, layer: int) -> Parameters:
    """Weight and bias of a layer."""
    found = net[layer]
    return found.weight.detach().numpy(), found.bias.detach().numpy()


def convolution(b: GraphBuilder, source: str, name: str, parameters: Parameters, stride: int = 1) -> None:
    """A convolution that keeps the size but for its stride, and its ReLU ``<name>_relu``."""
    weight, bias = parameters
    inputs = [source, b.constant(f"{name}.weight", weight), b.constant(f"{name}.bias", bias)]
    b.node("Conv", inputs, name, pads=[weight.shape[-1] // 2] * 4, strides=[stride, stride])
    b.node("Relu", [name], f"{name}_relu")


def dense(b: GraphBuilder, source: str, name: str, parameters: Parameters) -> str:
    """A linear layer."""
    weight, bias = parameters
    inputs = [source, b.constant(f"{name}.weight", weight), b.constant(f"{name}.bias", bias)]
    return b.node("Gemm", inputs, name, transB=1)


def finish(b: GraphBuilder, classes: int) -> bytes:
    """The file: the picture to ``scores``."""
    return to_bytes(b.build(("batch", 3, SIDE, SIDE), classes))
