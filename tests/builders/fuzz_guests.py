"""Many mutated uploads in one sandboxed process: each must be accepted or refused, nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from schemas.classifiers import InputSpec
from workers.errors import IntakeError
from workers.intake.datasets import inspect_dataset
from workers.intake.limits import DatasetCaps, ModelCaps
from workers.intake.models import inspect_model


def mutate(data: bytes, generator: np.random.Generator) -> bytes:
    """One to eight damages: bits flipped, bytes replaced, pieces cut, doubled, moved or zeroed."""
    out = bytearray(data)
    for _ in range(int(generator.integers(1, 9))):
        if len(out) < 8:
            break
        start = int(generator.integers(0, len(out)))
        length = int(generator.integers(1, 1 + min(64, len(out) - start)))
        match int(generator.integers(0, 6)):
            case 0:
                out[start] ^= 1 << int(generator.integers(0, 8))
            case 1:
                out[start : start + length] = generator.bytes(length)
            case 2:
                del out[start : start + length]
            case 3:
                out[start:start] = out[start : start + length]
            case 4:
                out[start] = int(generator.choice([0, 1, 0x7F, 0x80, 0xFF]))
            case _:
                out = out[: max(8, start)]
    return bytes(out)


def fuzz(files: dict[str, bytes], arguments: dict[str, Any]) -> tuple[Any, dict[str, bytes]]:
    """Outcomes by code over ``arguments["cases"]`` mutations of each file; anything but a refusal breaks the guest.

    The last mutation is left in ``last``, so that a crash of the process can be looked into.
    """
    generator = np.random.default_rng(arguments["seed"])
    outcomes: Counter[str] = Counter()
    for name, data in files.items():
        attempt = _classifier if name.startswith("model") else _dataset
        for _ in range(arguments["cases"]):
            outcomes[_outcome(attempt, mutate(data, generator))] += 1
    return json.loads(json.dumps(outcomes)), {}


def _outcome(attempt: Callable[[bytes], None], data: bytes) -> str:
    try:
        attempt(data)
    except IntakeError as error:
        if not (error.detail and error.advice and error.detail.isprintable() and len(error.detail) < 2000):
            raise AssertionError(f"a poor refusal: {error!r}") from error
        return error.code.value
    return "accepted"


def _classifier(data: bytes) -> None:
    inspect_model(data, InputSpec(), ModelCaps(tensor_elements=2**20))


def _dataset(data: bytes) -> None:
    caps = DatasetCaps(minimum_images=4, minimum_pairs=2, decoded_bytes=2**22, member_bytes=2**20)
    inspect_dataset(data, "upload", {}, caps)
