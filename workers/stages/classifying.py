"""Opens the audited classifier inside a stage."""

from __future__ import annotations

from dataclasses import asdict
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, softmax

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

    @property
    def independent(self) -> bool:
        """Whether each output decides for itself: several sigmoids."""
        ...

    def run(self, images: NDArray[np.uint8]) -> Outputs:
        """Logits of images ``(n, h, w, c)``."""
        ...

    def probabilities_of(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities ``(n, classes)`` of logits."""
        ...


def probabilities_of(session: Classifier, logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Class probabilities ``(n, classes)`` whose rows sum to one, and whose arg max is that of the logits.

    Independent sigmoids are shown as shares of their sum, also where all of them are almost 0: a softmax of their
    logarithms. Shares say which label leads, not what is decided of the others: that is :func:`decisions_of`.
    """
    if session.independent:
        shares = softmax(log_expit(np.asarray(logits, dtype=np.float64)), axis=1)
        return _led(np.asarray(shares, dtype=np.float32), logits)
    found = session.probabilities_of(logits)
    return np.concatenate([1 - found, found], axis=1) if found.shape[1] == 1 else found


def decisions_of(session: Classifier, logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """What :func:`workers.evidence.effects.changes` compares, ``(n, classes)``: :func:`probabilities_of`.

    Of independent sigmoids the probability of each label, in (0, 1]: among shares a label of forty could turn over and
    no one would notice. The arg max is that of the logits here too.
    """
    if not session.independent:
        return probabilities_of(session, logits)
    return _led(np.clip(session.probabilities_of(logits), 0, np.nextafter(np.float32(1), np.float32(0))), logits)


def decided(session: Classifier, logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """What answers come to, ``(n, k)``: the arg max, and of independent sigmoids also which labels are on.

    Two images have one answer where all ``k`` are equal.
    """
    leader = probabilities_of(session, logits).argmax(axis=1)[:, None]
    return np.concatenate([leader, logits > 0], axis=1).astype(np.int64) if session.independent else leader


def _led(found: NDArray[np.float32], logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """``found (n, classes)`` with the largest logit leading, by the smallest step where float32 saturates to a tie."""
    leader = logits.argmax(axis=1)
    tied = np.flatnonzero(found.argmax(axis=1) != leader)
    led = found.copy()
    led[tied, leader[tied]] = np.nextafter(found[tied].max(axis=1, initial=0), np.float32(2))
    return led


def classify(session: Classifier, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """:func:`probabilities_of` of images ``(n, h, w, c)``."""
    return probabilities_of(session, session.run(images).logits)


def load_taps(context: StageContext) -> list[Tap]:
    """The taps that the stage ``taps`` chose, the logits last."""
    return [Tap(**{**tap, "shape": tuple(tap["shape"])}) for tap in context.json("taps")]


def dump_taps(taps: list[Tap]) -> list[dict[str, object]]:
    """Inverse of :func:`load_taps`."""
    return [asdict(tap) for tap in taps]
