"""A built graph, taken through intake in this process."""

from __future__ import annotations

import onnx

from schemas.classifiers import ClassifierFacts, InputSpec
from tests.builders.onnx_graphs import to_bytes
from workers.intake.models import inspect_model


def accepted(model: onnx.ModelProto, spec: InputSpec | None = None) -> tuple[ClassifierFacts, bytes]:
    """Facts and canonical bytes of ``model``."""
    return inspect_model(to_bytes(model), spec or InputSpec())
