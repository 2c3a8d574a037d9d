"""Where the logits are: the output itself, what a last Softmax or Sigmoid reads, or what one that is hidden hides."""

from __future__ import annotations

from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray

OutputKind = Literal["logits", "probabilities", "sigmoid"]
SMALLEST = 1e-12
"""Probabilities below it are taken as it when logits are recovered: float32 cannot tell them from zero in a softmax."""
PASSING = frozenset({"Identity", "Cast", "Flatten", "Reshape", "Squeeze", "Dropout"})
ACTIVATIONS: dict[str, OutputKind] = {"Softmax": "probabilities", "Sigmoid": "sigmoid"}


def final_activation(model: onnx.ModelProto, output: str) -> onnx.NodeProto | None:
    """The Softmax (over classes) or Sigmoid that makes ``output``, reshaping and casts aside; ``None`` without one."""
    producers = {name: node for node in model.graph.node for name in node.output}
    node = producers.get(output)
    while node is not None and node.op_type in PASSING:
        node = producers.get(node.input[0])
    return node if node is not None and node.op_type in ACTIVATIONS else None


def logit_tensor(model: onnx.ModelProto, output: str) -> str | None:
    """The tensor of logits when ``output`` is a visible Softmax or Sigmoid of it, else ``None``."""
    node = final_activation(model, output)
    return None if node is None else node.input[0]


def recovered(values: NDArray[np.float32], kind: OutputKind) -> NDArray[np.float32]:
    """Logits of a graph's answers ``(n, classes)``: as they are, or by the inverse of the softmax or sigmoid."""
    if kind == "logits":
        return values
    clipped = np.clip(values, SMALLEST, None)
    if kind == "probabilities":
        return np.asarray(np.log(clipped), dtype=np.float32)
    return np.asarray(np.log(clipped) - np.log(np.clip(1.0 - values, SMALLEST, None)), dtype=np.float32)
