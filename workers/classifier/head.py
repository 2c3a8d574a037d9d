"""The rest of a classifier: from a tap to the logits, cut out of the file.

A tap is a single tensor through which every path from the image runs (:mod:`workers.classifier.cuts`). So whatever
stands behind it is a complete model of its own, and a changed representation can be shown to it without any image. The
same holds for graphs: where a mask is read once more, there was no cut.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from schemas.classifiers import ClassifierFacts

from .feeds import blank_shapes
from .graph import node_inputs
from .logits import logit_tensor, recovered
from .runtime import NUMPY_TYPES, open_session, with_outputs
from .selection import Tap
from .session import Outputs

TOLERANCE = 1e-4
"""Largest error of a logit, as a share of the largest: beyond it the head is not the rest of that model."""
BATCH = 1024


class HeadError(ValueError):
    """What stands behind the tap cannot be run by itself, or does not answer as the whole model does."""


class Head:
    """Logits of a tap's values.

    Args:
        model: canonical model from intake.
        facts: what intake found in it.
        tap: where to cut; its shape is that of one image as the model computes it, before any pooling.
        image_size: height and width of the images (the number of nodes, twice), for a model that takes any size.

    Raises:
        HeadError: ONNX Runtime cannot open what stands behind the tap.
    """

    def __init__(
        self, model: bytes, facts: ClassifierFacts, tap: Tap, image_size: tuple[int, int] | None = None
    ) -> None:
        self.facts, self.tap = facts, tap
        self._batch = BATCH if facts.dynamic_batch else 1
        self._blank = blank_shapes(facts, image_size)
        proto = onnx.ModelProto.FromString(model)
        raw = None if facts.output_kind == "logits" else logit_tensor(proto, facts.output_name)
        self._output = raw or facts.output_name
        self._kind = facts.output_kind if raw is None else "logits"
        try:
            part = behind(proto, tap, self._output, _element_type(model, tap.tensor))
            self._session = open_session(part.SerializeToString())
        except Exception as error:
            raise HeadError(f"the rest of the model behind {tap.name!r} does not open by itself") from error
        self._types = {one.name: np.dtype(NUMPY_TYPES[one.type]) for one in self._session.get_inputs()}

    def run(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits ``(n, classes)`` of the tap's values ``(n, ...)``, float32; one image's may be flat.

        Raises:
            HeadError: the values do not fit.
        """
        parts = [self._forward(values[i : i + self._batch]) for i in range(0, max(1, len(values)), self._batch)]
        return np.concatenate(parts)

    def error(self, outputs: Outputs) -> float:
        """Largest difference between the whole model's logits and the head's, as a share of the largest logit."""
        again = self.run(outputs.taps[self.tap.name])
        scale = max(float(np.abs(outputs.logits).max(initial=0.0)), 1e-6)
        return float(np.abs(again - outputs.logits).max(initial=0.0)) / scale

    def _forward(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        given: dict[str, NDArray[Any]] = {}
        for name, kind in self._types.items():
            if name == self.tap.tensor:
                given[name] = np.ascontiguousarray(values.reshape(len(values), *self.tap.shape), dtype=kind)
            else:  # an input, read for its size alone
                given[name] = np.zeros((len(values), *self._blank[name]), kind)
        try:
            found = self._session.run([self._output], given)[0]
        except Exception as error:
            raise HeadError(f"the rest of the model refuses values of {self.tap.name!r}") from error
        return recovered(found.astype(np.float32, copy=False).reshape(len(values), self.facts.classes), self._kind)


def open_head(
    model: bytes, facts: ClassifierFacts, tap: Tap, known: Outputs, image_size: tuple[int, int] | None = None
) -> Head:
    """The rest of ``model`` behind ``tap``, checked: on ``known`` images it answers as the whole model did.

    Args:
        model: canonical model from intake.
        facts: what intake found in it.
        tap: where to cut.
        known: what the whole model answered to some images, the tap's values among it.
        image_size: height and width of the images, for a model that takes any size.

    Raises:
        HeadError: it cannot be run by itself, or differs by more than 1e-4 of the largest logit.
    """
    head = Head(model, facts, tap, image_size)
    error = head.error(known)
    if not error <= TOLERANCE:  # a NaN is no agreement either
        raise HeadError(f"behind {tap.name!r} the model answers otherwise by itself: {error:.1e} of the largest score")
    return head


def behind(model: onnx.ModelProto, tap: Tap, output: str, element_type: int) -> onnx.ModelProto:
    """The nodes that make ``output`` from ``tap``, as a model with the tap as its input.

    The image stays an input where its size is read behind the tap (a ``Shape`` of it).
    """
    nodes, needed = _back_to(model.graph, output, tap.tensor)
    stored = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    kept = [value for value in model.graph.input if value.name in needed]
    given = onnx.helper.make_tensor_value_info(tap.tensor, element_type, [None, *tap.shape])
    made = onnx.helper.make_graph(nodes, model.graph.name, [given, *kept], [onnx.ValueInfoProto(name=output)], stored)
    made.sparse_initializer.extend(one for one in model.graph.sparse_initializer if one.values.name in needed)
    part = onnx.ModelProto()
    part.CopyFrom(model)
    part.graph.CopyFrom(made)
    return part


def _back_to(graph: onnx.GraphProto, output: str, source: str) -> tuple[list[onnx.NodeProto], set[str]]:
    """The nodes that ``output`` needs, none of which makes ``source``; and every tensor that they read from outside."""
    needed, nodes = {output}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output) - {source}:
            nodes.append(node)
            needed |= node_inputs(node)
    return nodes[::-1], needed - {source}


def _element_type(model: bytes, tensor: str) -> int:
    """ONNX number of the tensor's type, as ONNX Runtime infers it."""
    [made] = open_session(with_outputs(model, [tensor])).get_outputs()
    return int(onnx.helper.np_dtype_to_tensor_dtype(np.dtype(NUMPY_TYPES[made.type])))
