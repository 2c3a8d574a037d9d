"""Intake of one ONNX classifier: checks, canonical copy, proof by running. Runs inside the sandbox."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from schemas.classifiers import ClassifierFacts, InputSpec
from schemas.problems import ErrorCode
from workers.classifier.graph import build_graph
from workers.classifier.logits import ACTIVATIONS, OutputKind, final_activation

from .canonical import canonical_model, model_bytes
from .interface import GraphInterface, Interface, find_interface, sizes
from .limits import ModelCaps
from .probe import Probe, ProbeSession
from .proof import prove
from .refusals import refuse, show
from .structure import check_structure, parse_model


def inspect_guest(files: dict[str, bytes], arguments: dict[str, Any]) -> tuple[Any, dict[str, bytes]]:
    """:func:`inspect_model` as the sandbox calls it."""
    spec = InputSpec.model_validate(arguments["spec"])
    facts, canonical = inspect_model(files["model"], spec, ModelCaps(**arguments["caps"]))
    return facts.model_dump(mode="json"), {"canonical": canonical}


def inspect_model(data: bytes, spec: InputSpec, caps: ModelCaps | None = None) -> tuple[ClassifierFacts, bytes]:
    """Facts about the classifier in ``data``, and its canonical self-contained copy.

    Raises:
        IntakeError: the file is refused; every ``MODEL_*`` code.
    """
    caps = caps or ModelCaps()
    model = parse_model(data, caps)
    opset = check_structure(model, caps)
    interface = find_interface(model, spec, caps)
    candidate = canonical_model(model, opset, interface.input_names, interface.output_name)
    _check_connected(candidate, interface)
    canonical, probe = prove(candidate, lambda data: ProbeSession(data, interface, spec).probe())
    kind = _output_kind(candidate, interface, spec, probe.alone)
    return _facts(canonical, opset, interface, kind, probe), model_bytes(canonical)


def _check_connected(model: onnx.ModelProto, interface: Interface | GraphInterface) -> None:
    try:
        build_graph(model, interface.input_names, interface.output_name)
    except ValueError as error:
        thing = "graph" if isinstance(interface, GraphInterface) else "image"
        raise refuse(
            ErrorCode.MODEL_OUTPUT_UNSUPPORTED,
            f"output {show(interface.output_name)} does not depend on the {thing}",
            "Name the output that holds the class scores in the input specification.",
        ) from error


def _output_kind(
    model: onnx.ModelProto, interface: Interface | GraphInterface, spec: InputSpec, answers: NDArray[np.float64]
) -> OutputKind:
    """Declared kind when it can be true, else by the last operator, else by the numbers."""
    unit = bool((answers >= -1e-4).all() and (answers <= 1 + 1e-4).all())
    sums_to_one = unit and bool(np.allclose(answers.sum(axis=1), 1.0, atol=1e-2))
    possible = {"logits": True, "probabilities": sums_to_one, "sigmoid": unit}
    if spec.output_kind != "auto":
        if not possible[spec.output_kind]:
            detail = f"the scores are declared as {spec.output_kind}, and run from {answers.min():.3g} to "
            detail += f"{answers.max():.3g} with rows that sum to {answers.sum(axis=1).mean():.3g}"
            raise refuse(ErrorCode.MODEL_OUTPUT_UNSUPPORTED, detail, "Leave the output kind out to have it detected.")
        return spec.output_kind
    last = final_activation(model, interface.output_name)
    if last is not None and possible[ACTIVATIONS[last.op_type]]:
        return ACTIVATIONS[last.op_type]
    return "probabilities" if sums_to_one else "logits"


def _facts(
    model: onnx.ModelProto, opset: int, interface: Interface | GraphInterface, kind: OutputKind, probe: Probe
) -> ClassifierFacts:
    return ClassifierFacts(
        canonical_digest=hashlib.sha256(model_bytes(model)).hexdigest(),
        opset=opset,
        parameters=sum(math.prod(tensor.dims) for tensor in model.graph.initializer),
        nodes=len(model.graph.node),
        layout="graph" if isinstance(interface, GraphInterface) else interface.layout,
        graph=interface.inputs if isinstance(interface, GraphInterface) else None,
        input_name=interface.input_names[0],
        input_shape=list(sizes(model.graph.input[0])),
        output_name=interface.output_name,
        output_kind=kind,
        classes=probe.alone.shape[1],
        dynamic_batch=probe.together is not None,
        deterministic=True,
    )
