"""Autoencoders of users: an encoder and a decoder as ONNX files, instead of a fitted one."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from .classifiers import IntakeState
from .problems import Problem
from .scalars import Contract, Identifier, Name, Sha256


class AutoencoderCreate(Contract):
    """Body of ``POST /v1/autoencoders``. Both files take and give float32 images in ``value_range``, NCHW."""

    name: Name
    encoder: Identifier
    decoder: Identifier
    value_range: tuple[float, float] = (0.0, 1.0)


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
    value_range: tuple[float, float]
    facts: AutoencoderFacts | None = None
    problem: Problem | None = None
    created_at: datetime


class AutoencoderPage(Contract):
    """A page of autoencoders, newest first. ``next`` is an opaque cursor, absent on the last page."""

    items: list[Autoencoder]
    next: str | None = None
