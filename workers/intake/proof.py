"""Proof by running: which form of a model repeats itself, and answers each sample of a batch on its own."""

from __future__ import annotations

from collections.abc import Callable

import onnx

from schemas.problems import ErrorCode

from .canonical import batch_size, copy_model, model_bytes, with_dynamic_batch
from .probe import CannotRun, Probe
from .refusals import refuse

Attempt = Callable[[bytes], Probe]
"""Probes the bytes of a model; raises ``CannotRun`` or a refusal."""

RUN_ADVICE = "Check that ONNX Runtime on the CPU can run the file, with one input at a time and with batches."
BATCH_ADVICE = "Export the model in evaluation mode (batch normalisation frozen), so that inputs do not mix."


def prove(model: onnx.ModelProto, attempt: Attempt) -> tuple[onnx.ModelProto, Probe]:
    """The form of the model to keep, and its probe: with batches where it runs them right, else one image at a time.

    Raises:
        IntakeError: ``MODEL_NOT_RUNNABLE``, ``MODEL_NOT_DETERMINISTIC``, ``MODEL_BATCH_DEPENDENT``, or wrong outputs.
    """
    fixed = batch_size(model)
    if fixed is None:
        probe = _probe(model, attempt)
        if probe.together is not None:
            return model, _independent(probe)
    freed = with_dynamic_batch(model) if fixed is not None else _freed_inside(model)
    rewritten = _probe_quietly(freed, attempt)
    if rewritten is not None and rewritten.batch_independent:
        return freed, rewritten
    single = _with_fixed_batch(model)
    alone = _probe(single, attempt)
    return single, Probe(None, alone.alone, alone.dtype)


def _probe(model: onnx.ModelProto, attempt: Attempt) -> Probe:
    try:
        return attempt(model_bytes(model))
    except CannotRun as error:
        raise refuse(ErrorCode.MODEL_NOT_RUNNABLE, f"ONNX Runtime answers: {error}", RUN_ADVICE) from error


def _probe_quietly(model: onnx.ModelProto, attempt: Attempt) -> Probe | None:
    """A probe of a rewritten model, whose failure only means that the rewriting did not work."""
    try:
        return attempt(model_bytes(model))
    except CannotRun:
        return None


def _independent(probe: Probe) -> Probe:
    if not probe.batch_independent:
        raise refuse(
            ErrorCode.MODEL_BATCH_DEPENDENT,
            "an input gets another answer in a batch than alone",
            BATCH_ADVICE,
        )
    return probe


def _freed_inside(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model that declares a free batch but has the size 1 in its Reshape targets (traced with one image)."""
    return with_dynamic_batch(_with_fixed_batch(model))


def _with_fixed_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that declares batches of one (the only size that is accepted when batches do not run)."""
    copy = copy_model(model)
    fixed = batch_size(model)
    if fixed not in (None, 1):
        raise refuse(
            ErrorCode.MODEL_INPUT_UNSUPPORTED,
            f"the model takes batches of exactly {fixed}, and freeing the size did not work",
            "Export with a dynamic batch axis, or with a batch of one.",
        )
    for value in (*copy.graph.input, *copy.graph.output):
        dims = value.type.tensor_type.shape.dim
        if dims:
            dims[0].dim_value = 1
    return copy
