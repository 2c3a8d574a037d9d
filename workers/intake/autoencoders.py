"""Intake of a user's own autoencoder: two ONNX files, each checked like a classifier, then proved to fit each other.

Runs inside the sandbox.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from schemas.autoencoders import AutoencoderFacts
from schemas.classifiers import InputSpec
from schemas.problems import ErrorCode
from workers.classifier.runtime import input_dtype, open_session
from workers.errors import IntakeError

from .canonical import canonical_model, copy_model, model_bytes
from .images import SMALLEST_SIDE
from .interface import CHANNELS, SCORE_TYPES, find_image_interface, sizes
from .limits import ModelCaps
from .probe import BATCH_TOLERANCE, PROBE_IMAGES, CannotRun, Probe, ProbeSession, attempt, probe_with
from .proof import prove
from .refusals import refuse, show
from .structure import check_structure, parse_model

MOST_CODES = 512
MOST_SIDE = 1024
ENCODER_ADVICE = (
    "Export an encoder with one image input [batch, channels, height, width] and one output [batch, codes], 2 codes at "
    "least, in evaluation mode and with a dynamic batch axis: the mean of the posterior, without a random draw."
)
DECODER_ADVICE = (
    "Export a decoder with one input [batch, codes] of the encoder's size and one output [batch, channels, height, "
    "width], in evaluation mode and with a dynamic batch axis."
)


@dataclass(frozen=True)
class _Decoder:
    model: onnx.ModelProto
    code_dim: int
    channels: int
    height: int
    width: int


def inspect_guest(files: dict[str, bytes], arguments: dict[str, Any]) -> tuple[Any, dict[str, bytes]]:
    """:func:`inspect_autoencoder` as the sandbox calls it."""
    low, high = arguments["value_range"]
    caps = ModelCaps(**arguments["caps"])
    facts, encoder, decoder = inspect_autoencoder(files["encoder"], files["decoder"], (low, high), caps)
    return facts.model_dump(mode="json"), {"encoder": encoder, "decoder": decoder}


def inspect_autoencoder(
    encoder: bytes, decoder: bytes, value_range: tuple[float, float], caps: ModelCaps | None = None
) -> tuple[AutoencoderFacts, bytes, bytes]:
    """Facts about both files, and their canonical self-contained copies: encoder, decoder.

    Raises:
        IntakeError: a file is refused (every ``MODEL_*`` code; the detail names the file), or the two do not fit.
    """
    caps = caps or ModelCaps()
    with _about("decoder", DECODER_ADVICE):
        drawn = _inspect_decoder(decoder, caps)
    with _about("encoder", ENCODER_ADVICE):
        reading = _inspect_encoder(encoder, drawn, value_range, caps)
    read, draw = model_bytes(reading), model_bytes(drawn.model)
    facts = AutoencoderFacts(
        encoder_digest=hashlib.sha256(read).hexdigest(),
        decoder_digest=hashlib.sha256(draw).hexdigest(),
        code_dim=drawn.code_dim,
        height=drawn.height,
        width=drawn.width,
        channels=drawn.channels,
    )
    return facts, read, draw


def _inspect_decoder(data: bytes, caps: ModelCaps) -> _Decoder:
    model = parse_model(data, caps)
    opset = check_structure(model, caps)
    code, code_dim = _code_input(model.graph)
    if len(model.graph.output) != 1:
        names = ", ".join(show(value.name) for value in model.graph.output[:8]) or "none"
        raise refuse(ErrorCode.MODEL_OUTPUT_UNSUPPORTED, f"the outputs are: {names}", DECODER_ADVICE)
    candidate = canonical_model(model, opset, [code.name], model.graph.output[0].name)
    proved, probe = prove(candidate, lambda proto: _probe_decoder(proto, code_dim))
    _require_batches(probe)
    channels, height, width = probe.alone.shape[1:]
    return _Decoder(proved, code_dim, channels, height, width)


def _inspect_encoder(
    data: bytes, drawn: _Decoder, value_range: tuple[float, float], caps: ModelCaps
) -> onnx.ModelProto:
    """The encoder, for images of the size that the decoder draws."""
    model = parse_model(data, caps)
    opset = check_structure(model, caps)
    spec = InputSpec(layout="nchw", low=value_range[0], high=value_range[1])
    found = find_image_interface(model, spec, caps)
    candidate = canonical_model(model, opset, found.input_names, found.output_name)
    sized = _with_size(candidate, drawn)
    interface = find_image_interface(sized, spec, caps)
    proved, probe = prove(sized, lambda proto: ProbeSession(proto, interface, spec).probe())
    _require_batches(probe)
    if probe.alone.shape[1] != drawn.code_dim:
        detail = f"it gives {probe.alone.shape[1]} codes and the decoder takes {drawn.code_dim}"
        raise refuse(ErrorCode.MODEL_OUTPUT_UNSUPPORTED, detail, ENCODER_ADVICE)
    return proved


def _code_input(graph: onnx.GraphProto) -> tuple[onnx.ValueInfoProto, int]:
    """The decoder's only input, and how many codes it takes."""
    given = {tensor.name for tensor in graph.initializer}
    inputs: list[onnx.ValueInfoProto] = [value for value in graph.input if value.name not in given]
    shapes = [sizes(value) for value in inputs]
    floats = all(value.type.tensor_type.elem_type in SCORE_TYPES for value in inputs)
    if len(inputs) != 1 or not floats or len(shapes[0]) != 2 or not 2 <= (shapes[0][1] or 0) <= MOST_CODES:
        found = ", ".join(f"{show(value.name)} {list(sizes(value))}" for value in inputs[:8]) or "none"
        detail = f"the inputs are: {found}; one [batch, codes] with 2 to {MOST_CODES} codes is needed"
        raise refuse(ErrorCode.MODEL_INPUT_UNSUPPORTED, detail, DECODER_ADVICE)
    return inputs[0], shapes[0][1] or 0


def _with_size(encoder: onnx.ModelProto, drawn: _Decoder) -> onnx.ModelProto:
    """A copy that declares the decoder's image size where it left it open.

    Raises:
        IntakeError: ``MODEL_INPUT_UNSUPPORTED``: it declares another.
    """
    wanted = (drawn.channels, drawn.height, drawn.width)
    sized = copy_model(encoder)
    declared = sizes(sized.graph.input[0])[1:]
    if any(size not in (None, want) for size, want in zip(declared, wanted, strict=True)):
        detail = f"it takes images of {list(declared)} and the decoder draws {list(wanted)} (channels, height, width)"
        raise refuse(ErrorCode.MODEL_INPUT_UNSUPPORTED, detail, ENCODER_ADVICE)
    for dim, size in zip(sized.graph.input[0].type.tensor_type.shape.dim[1:], wanted, strict=True):
        dim.dim_value = size
    return sized


def _probe_decoder(proto: bytes, code_dim: int) -> Probe:
    session = attempt(lambda: open_session(proto))
    name, output = session.get_inputs()[0].name, session.get_outputs()[0].name
    codes = np.random.default_rng(20_240_602).standard_normal((PROBE_IMAGES, code_dim))
    dtype = input_dtype(session, name)

    def run(batch: NDArray[Any]) -> NDArray[Any]:
        images = np.asarray(attempt(lambda: session.run([output], {name: batch.astype(dtype)}))[0])
        _check_drawn(images, len(batch))
        return images

    return probe_with(run, codes)


def _check_drawn(images: NDArray[Any], n: int) -> None:
    sound = images.ndim == 4 and images.shape[1] in CHANNELS and images.dtype.name in BATCH_TOLERANCE
    if sound and SMALLEST_SIDE <= min(images.shape[2:]) <= max(images.shape[2:]) <= MOST_SIDE:
        if images.shape[0] == n:
            return
        raise CannotRun(f"{n} codes gave {images.shape[0]} images")
    raise refuse(
        ErrorCode.MODEL_OUTPUT_UNSUPPORTED,
        f"the output has type {images.dtype.name} and shape {list(images.shape)} for {n} codes",
        DECODER_ADVICE,
    )


def _require_batches(probe: Probe) -> None:
    if probe.together is None:
        raise refuse(ErrorCode.MODEL_NOT_RUNNABLE, "it runs one sample at a time only", DECODER_ADVICE)


@contextmanager
def _about(role: str, advice: str) -> Iterator[None]:
    """Says in every refusal which of the two files it is about, and what that file should be."""
    try:
        yield
    except IntakeError as error:
        about_shape = error.code in (ErrorCode.MODEL_INPUT_UNSUPPORTED, ErrorCode.MODEL_OUTPUT_UNSUPPORTED,
                                     ErrorCode.MODEL_NOT_RUNNABLE)  # fmt: skip
        raise IntakeError(error.code, f"the {role}: {error.detail}", advice if about_shape else error.advice) from error
