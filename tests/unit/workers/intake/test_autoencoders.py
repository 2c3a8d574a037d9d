"""Intake of a user's own encoder and decoder: what is accepted, and which file is blamed for what."""

from __future__ import annotations

import contextlib

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from schemas.problems import ErrorCode
from tests.builders.fuzz_guests import mutate
from tests.builders.onnx_autoencoders import CODES, SHAPE, basis, linear_decoder, linear_encoder, linear_pair
from workers.errors import IntakeError
from workers.intake import ModelCaps, intake_autoencoder
from workers.intake.autoencoders import inspect_autoencoder

ENCODER, DECODER = linear_pair()
UNIT = (0.0, 1.0)


def refusal(encoder: bytes, decoder: bytes, value_range: tuple[float, float] = UNIT) -> IntakeError:
    with pytest.raises(IntakeError) as caught:
        inspect_autoencoder(encoder, decoder, value_range)
    assert caught.value.advice
    return caught.value


def test_a_pair_is_accepted_and_goes_through_the_sandbox_unchanged() -> None:
    facts, encoder, decoder = inspect_autoencoder(ENCODER, DECODER, UNIT)
    assert (facts.code_dim, facts.channels, facts.height, facts.width) == (CODES, *SHAPE)
    assert intake_autoencoder(ENCODER, DECODER) == (facts, encoder, decoder)
    assert inspect_autoencoder(encoder, decoder, UNIT) == (facts, encoder, decoder)


def test_an_encoder_that_leaves_the_size_open_gets_the_decoders() -> None:
    encoder = linear_encoder(basis(), ("n", "c", "h", "w")).SerializeToString()
    with pytest.raises(IntakeError, match="channels"):
        inspect_autoencoder(encoder, DECODER, UNIT)
    encoder = linear_encoder(basis(), ("n", 3, "h", "w")).SerializeToString()
    assert inspect_autoencoder(encoder, DECODER, UNIT)[0].height == 8


def test_files_traced_with_one_image_get_batches() -> None:
    encoder = linear_encoder(basis(), (1, *SHAPE)).SerializeToString()
    decoder = linear_decoder(basis(), batch=1).SerializeToString()
    assert inspect_autoencoder(encoder, decoder, UNIT)[0].code_dim == CODES


@pytest.mark.parametrize(
    ("encoder", "decoder", "blamed", "code"),
    [
        (b"junk", DECODER, "encoder", ErrorCode.MODEL_UNREADABLE),
        (ENCODER, b"junk", "decoder", ErrorCode.MODEL_UNREADABLE),
        (DECODER, ENCODER, "decoder", ErrorCode.MODEL_INPUT_UNSUPPORTED),
        (ENCODER, ENCODER, "decoder", ErrorCode.MODEL_INPUT_UNSUPPORTED),
        (DECODER, DECODER, "encoder", ErrorCode.MODEL_INPUT_UNSUPPORTED),
        (linear_pair(5)[0], DECODER, "encoder", ErrorCode.MODEL_OUTPUT_UNSUPPORTED),
        (linear_pair(CODES, (3, 9, 8))[0], DECODER, "encoder", ErrorCode.MODEL_INPUT_UNSUPPORTED),
        (linear_pair(CODES, (1, 8, 8))[0], DECODER, "encoder", ErrorCode.MODEL_INPUT_UNSUPPORTED),
        (ENCODER, linear_pair(CODES, (2, 8, 8))[1], "decoder", ErrorCode.MODEL_OUTPUT_UNSUPPORTED),
        (ENCODER, linear_pair(CODES, (3, 2, 8))[1], "decoder", ErrorCode.MODEL_OUTPUT_UNSUPPORTED),
    ],
)
def test_what_does_not_fit_is_refused(encoder: bytes, decoder: bytes, blamed: str, code: ErrorCode) -> None:
    error = refusal(encoder, decoder)
    assert error.code is code
    assert error.detail.startswith(f"the {blamed}: ")
    assert blamed in error.advice or code is ErrorCode.MODEL_UNREADABLE


def test_a_decoder_that_draws_anew_each_time() -> None:
    model = onnx.ModelProto.FromString(DECODER)
    model.graph.node.append(helper.make_node("RandomNormalLike", ["drawn"], ["noise"], dtype=TensorProto.FLOAT))
    model.graph.node.append(helper.make_node("Add", ["drawn", "noise"], ["shown"]))
    model.graph.output[0].name = "shown"
    assert refusal(ENCODER, model.SerializeToString()).code is ErrorCode.MODEL_NOT_DETERMINISTIC


def test_an_encoder_whose_images_mix_in_a_batch() -> None:
    model = onnx.ModelProto.FromString(ENCODER)
    model.graph.node.append(helper.make_node("ReduceMean", ["code"], ["mean"], axes=[0], keepdims=1))
    model.graph.node.append(helper.make_node("Sub", ["code", "mean"], ["centred"]))
    model.graph.output[0].name = "centred"
    assert refusal(model.SerializeToString(), DECODER).code is ErrorCode.MODEL_BATCH_DEPENDENT


@pytest.mark.parametrize("value_range", [(1.0, 0.0), (0.0, float("inf"))])
def test_ranges_that_are_none(value_range: tuple[float, float]) -> None:
    assert refusal(ENCODER, DECODER, value_range).code is ErrorCode.MODEL_INPUT_UNSUPPORTED


@pytest.mark.parametrize("which", [0, 1])
def test_hostile_parts_are_found_in_either_file(which: int) -> None:
    model = onnx.ModelProto.FromString((ENCODER, DECODER)[which])
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    files = [ENCODER, DECODER]
    files[which] = model.SerializeToString()
    assert refusal(*files).code is ErrorCode.MODEL_EXTERNAL_DATA


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.booleans())
def test_damaged_files_are_accepted_or_refused(seed: int, first: bool) -> None:
    damaged = mutate(ENCODER if first else DECODER, np.random.default_rng(seed))
    files = (damaged, DECODER) if first else (ENCODER, damaged)
    with contextlib.suppress(IntakeError):
        facts, _, _ = inspect_autoencoder(*files, UNIT, ModelCaps(tensor_elements=2**20))
        assert facts.code_dim >= 2
