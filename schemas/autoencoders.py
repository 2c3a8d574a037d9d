"""Autoencoders of users: an encoder and a decoder as ONNX files, instead of a fitted one."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from .classifiers import IntakeState
from .problems import Problem
from .scalars import Contract, Identifier, Name, Sha256


def _ascending(found: tuple[float, float]) -> tuple[float, float]:
    if not (math.isfinite(found[0]) and math.isfinite(found[1]) and found[0] < found[1]):
        raise ValueError("the value of black must be smaller than the value of white, both finite")
    return found


ValueRange = Annotated[tuple[float, float], AfterValidator(_ascending)]
"""The values of black and of white."""


class AutoencoderCreate(Contract):
    """Body of ``POST /v1/autoencoders``.

    ``encoder`` and ``decoder`` are complete uploads of ONNX files. The encoder turns images ``[batch, channels, height,
    width]`` in ``value_range`` into one code per image, ``[batch, codes]`` (of a VAE: the mean, without a draw); the
    decoder turns such codes into such images. The audit's gates judge them like an autoencoder of its own.
    """

    name: Name
    encoder: Identifier
    decoder: Identifier
    value_range: ValueRange = (0.0, 1.0)


class AutoencoderFacts(Contract):
    """What intake proved: both files run in a sandbox, and what the encoder gives the decoder takes."""

    encoder_digest: Sha256
    decoder_digest: Sha256
    code_dim: int = Field(ge=1)
    height: int
    width: int
    channels: int


class Autoencoder(Contract):
    """An autoencoder as the API answers it."""

    id: Identifier
    name: Name
    state: IntakeState
    encoder_digest: Sha256
    decoder_digest: Sha256
    value_range: ValueRange
    facts: AutoencoderFacts | None = None
    problem: Problem | None = None
    created_at: datetime


class AutoencoderPage(Contract):
    """A page of autoencoders, newest first. ``next`` is an opaque cursor, absent on the last page."""

    items: list[Autoencoder]
    next: str | None = None
