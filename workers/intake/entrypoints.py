"""Intake as stages call it: untrusted bytes in, facts and canonical bytes out, everything in between in the sandbox."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict

from pydantic import ValidationError

from schemas.autoencoders import AutoencoderFacts
from schemas.classifiers import ClassifierFacts, InputSpec
from schemas.datasets import AttributeSpec, DatasetFacts
from schemas.problems import ErrorCode

from .limits import DatasetCaps, Limits, ModelCaps
from .refusals import refuse
from .sandbox import Answer, crashed, run_sandboxed


def intake_classifier(
    data: bytes, spec: InputSpec, limits: Limits | None = None, caps: ModelCaps | None = None
) -> tuple[ClassifierFacts, bytes]:
    """Facts and the canonical model of an uploaded ONNX file.

    Raises:
        IntakeError: the file is refused (every ``MODEL_*`` code), or costs or breaks its reader
            (``INTAKE_LIMIT_EXCEEDED``, ``INTAKE_CRASHED``).
    """
    caps = caps or ModelCaps()
    _check_size(data, caps.file_bytes, ErrorCode.MODEL_TOO_LARGE)
    arguments = {"spec": spec.model_dump(mode="json"), "caps": asdict(caps)}
    answer = run_sandboxed("workers.intake.models:inspect_guest", {"model": data}, arguments, limits)
    try:
        facts = ClassifierFacts.model_validate(answer.value)
    except ValidationError as error:
        raise crashed("the reader left facts that make no sense") from error
    return facts, _verified(answer, facts.canonical_digest)


def intake_autoencoder(
    encoder: bytes,
    decoder: bytes,
    value_range: tuple[float, float] = (0.0, 1.0),
    limits: Limits | None = None,
    caps: ModelCaps | None = None,
) -> tuple[AutoencoderFacts, bytes, bytes]:
    """Facts and the canonical encoder and decoder of two uploaded ONNX files.

    Raises:
        IntakeError: a file is refused (every ``MODEL_*`` code), or costs or breaks its reader
            (``INTAKE_LIMIT_EXCEEDED``, ``INTAKE_CRASHED``).
    """
    caps = caps or ModelCaps()
    files = {"encoder": encoder, "decoder": decoder}
    for data in files.values():
        _check_size(data, caps.file_bytes, ErrorCode.MODEL_TOO_LARGE)
    arguments = {"value_range": list(value_range), "caps": asdict(caps)}
    answer = run_sandboxed("workers.intake.autoencoders:inspect_guest", files, arguments, limits)
    try:
        facts = AutoencoderFacts.model_validate(answer.value)
    except ValidationError as error:
        raise crashed("the reader left facts that make no sense") from error
    read = _verified(answer, facts.encoder_digest, "encoder")
    return facts, read, _verified(answer, facts.decoder_digest, "decoder")


def intake_dataset(
    data: bytes,
    filename: str,
    declared: Mapping[str, AttributeSpec] | None = None,
    limits: Limits | None = None,
    caps: DatasetCaps | None = None,
) -> tuple[DatasetFacts, bytes]:
    """Facts and the canonical data set (:func:`workers.intake.load_dataset`) of an uploaded archive.

    Raises:
        IntakeError: the file is refused (every ``DATASET_*`` code), or costs or breaks its reader
            (``INTAKE_LIMIT_EXCEEDED``, ``INTAKE_CRASHED``).
    """
    caps = caps or DatasetCaps()
    _check_size(data, caps.file_bytes, ErrorCode.DATASET_TOO_LARGE)
    kinds = {name: spec.model_dump(mode="json") for name, spec in (declared or {}).items()}
    arguments = {"filename": filename, "declared": kinds, "caps": asdict(caps)}
    answer = run_sandboxed("workers.intake.datasets:inspect_guest", {"dataset": data}, arguments, limits)
    try:
        facts = DatasetFacts.model_validate(answer.value)
    except ValidationError as error:
        raise crashed("the reader left facts that make no sense") from error
    return facts, _verified(answer, facts.canonical_digest)


def _check_size(data: bytes, most: int, code: ErrorCode) -> None:
    if len(data) > most:
        raise refuse(code, f"the file has {len(data)} bytes, more than {most}", "Upload a smaller file.")


def _verified(answer: Answer, digest: str, name: str = "canonical") -> bytes:
    canonical = answer.files.get(name, b"")
    if hashlib.sha256(canonical).hexdigest() != digest:
        raise crashed("the reader left a canonical copy that does not match its digest")
    return canonical
