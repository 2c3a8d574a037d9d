"""The demo's classifier and images after intake, read once per run."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import deploy.demo
from deploy.demo.digits import write_dataset
from schemas.classifiers import ClassifierFacts, InputSpec
from workers.classifier.selection import Tap, select_taps
from workers.classifier.session import ClassifierSession
from workers.intake import intake_classifier

SPEC = InputSpec()


class Subject(NamedTuple):
    """A classifier that passed intake, its taps, and images ``(n, h, w, c)`` uint8 for it."""

    facts: ClassifierFacts
    model: bytes
    spec: InputSpec
    taps: list[Tap]
    images: NDArray[np.uint8]

    def open(self, threads: int) -> ClassifierSession:
        """Its session with every tap."""
        return ClassifierSession(self.model, self.facts, self.spec, self.taps, threads=threads)


def subject(file: bytes, spec: InputSpec, images: NDArray[np.uint8]) -> Subject:
    """``file`` after intake, with the taps that an audit would choose."""
    facts, model = intake_classifier(file, spec)
    return Subject(facts, model, spec, select_taps(model, facts), images)


def classifier_file() -> bytes:
    """``robust.onnx`` as committed."""
    return (Path(deploy.demo.__file__).parent / "robust.onnx").read_bytes()


@cache
def dataset_file() -> bytes:
    """The demo's ``.npz``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.npz"
        write_dataset(path)
        return path.read_bytes()


@cache
def columns() -> dict[str, NDArray[np.generic]]:
    """What the ``.npz`` holds: ``images``, ``labels``, ``hue``, ``thickness``, ``slant``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.npz"
        path.write_bytes(dataset_file())
        with np.load(path) as arrays:
            return dict(arrays)


@cache
def digits() -> Subject:
    """The demo's robust classifier on its 5,000 images."""
    return subject(classifier_file(), SPEC, columns()["images"].astype(np.uint8))
