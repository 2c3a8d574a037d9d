"""Where the logits are: the output itself, or what a last Softmax or Sigmoid reads."""

from __future__ import annotations

from typing import Literal

import onnx

OutputKind = Literal["logits", "probabilities", "sigmoid"]
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
