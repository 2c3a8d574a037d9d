"""Opens the audited classifier inside a stage."""

from __future__ import annotations

from dataclasses import asdict
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.classifiers import ClassifierFacts, InputSpec
from workers.classifier.selection import Tap
from workers.classifier.session import ClassifierSession, Outputs
from workers.stages.stage import StageContext


def facts_of(context: StageContext) -> ClassifierFacts:
    """What intake proved of the classifier."""
    return ClassifierFacts.model_validate(context.config["facts"])


def open_classifier(context: StageContext, taps: list[Tap]) -> ClassifierSession:
    """The very file that was uploaded, in its canonical form, with ``taps`` as extra outputs.

    Raises:
        StageError: ONNX Runtime cannot open it.
    """
    spec = InputSpec.model_validate(context.config["input"])
    return ClassifierSession(context.blob("classifier"), facts_of(context), spec, taps)


class Classifier(Protocol):
    """What answers: the uploaded file, or a control in its place."""

    def run(self, images: NDArray[np.uint8]) -> Outputs:
        """Logits of images ``(n, h, w, c)``."""
        ...

    def probabilities_of(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities ``(n, classes)`` of logits."""
        ...


def probabilities_of(session: Classifier, logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Class probabilities ``(n, classes)`` whose rows sum to one; independent sigmoids are shares of their sum."""
    found = session.probabilities_of(logits)
    if found.shape[1] == 1:
        return np.concatenate([1 - found, found], axis=1)
    return np.asarray(found / np.maximum(found.sum(axis=1, keepdims=True), 1e-12), dtype=np.float32)


def classify(session: Classifier, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """:func:`probabilities_of` of images ``(n, h, w, c)``."""
    return probabilities_of(session, session.run(images).logits)


def load_taps(context: StageContext) -> list[Tap]:
    """The taps that the stage ``taps`` chose, the logits last."""
    return [Tap(**{**tap, "shape": tuple(tap["shape"])}) for tap in context.json("taps")]


def dump_taps(taps: list[Tap]) -> list[dict[str, object]]:
    """Inverse of :func:`load_taps`."""
    return [asdict(tap) for tap in taps]
