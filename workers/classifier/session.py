"""The uploaded classifier as a function of uint8 images or packed graphs: one pass yields the logits and every tap."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from scipy.special import expit

from schemas.classifiers import ClassifierFacts, InputSpec
from schemas.problems import ErrorCode
from workers.errors import StageError
from workers.graphs import packing

from .feeds import GRAPH_ADVICE, IMAGE_ADVICE, feed_for, mismatch
from .logits import OutputKind, logit_tensor, recovered
from .pooling import MOST_ELEMENTS, pool
from .preprocess import quantise
from .runtime import forward, open_session, with_outputs
from .selection import LOGITS, Tap

ODD = {"images": "black, flat", "graphs": "small, unconnected"}
"""References that show whether a model is finite everywhere."""


@dataclass(frozen=True)
class Outputs:
    """What the classifier answered: ``logits`` float32 ``(n, classes)``; ``taps`` by name, float32 ``(n, ...)``."""

    logits: NDArray[np.float32]
    taps: dict[str, NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.logits)


class ClassifierSession:
    """A canonical ONNX classifier, opened once.

    Args:
        model: canonical model from intake.
        facts: what intake found in it.
        spec: how images become its input.
        taps: what to yield besides the logits (:func:`workers.classifier.selection.select_taps`).
        threads: of one forward pass.
        batch: images per forward pass; one by one when the model takes no batches.
        most_elements: larger taps with axes of places or nodes are pooled (:mod:`workers.classifier.pooling`).
        finite: refuse NaN and infinity; only who deals with them himself lets them pass.

    Raises:
        StageError: ``MODEL_NOT_RUNNABLE`` when ONNX Runtime cannot open the model.
    """

    def __init__(
        self, model: bytes, facts: ClassifierFacts, spec: InputSpec, taps: Sequence[Tap] = (), *, threads: int = 1,
        batch: int = 64, most_elements: int = MOST_ELEMENTS, finite: bool = True,
    ) -> None:  # fmt: skip
        self.facts, self.spec, self.taps = facts, spec, tuple(taps)
        self._batch = batch if facts.dynamic_batch else 1
        self._most_elements, self._finite = most_elements, finite
        raw = None if facts.output_kind == "logits" else _logit_tensor(model, facts.output_name)
        self._logits = raw or facts.output_name
        self._kind: OutputKind = facts.output_kind if raw is None else "logits"
        self._outputs = list(dict.fromkeys([self._logits, *(tap.tensor for tap in taps)]))
        self._session = _open(model, self._outputs, threads)
        self._feed = feed_for(self._session, facts, spec)
        self._things = "images" if facts.graph is None else "graphs"

    def run(self, images: NDArray[Any]) -> Outputs:
        """Logits and taps of ``images``: uint8 ``(n, h, w, c)``, or floats in [0, 1] (quantised first).

        Graphs come packed the same way (:mod:`workers.graphs.packing`).

        Raises:
            StageError: ``CLASSIFIER_DATASET_MISMATCH``: the channels or the size cannot be matched, or the model
                refuses this input. ``CLASSIFIER_NOT_FINITE``: it answers an image with NaN or infinity.
        """
        outputs = _gathered((self._forward(chunk) for chunk in self._chunks(images)), len(images))
        if self._finite:
            _require_finite(outputs, self._things)
        return outputs

    @property
    def independent(self) -> bool:
        """Whether each output decides for itself: several sigmoids, of which any number may say yes."""
        return self.facts.output_kind == "sigmoid" and self.facts.classes > 1

    def probabilities(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Class probabilities ``(n, classes)`` of ``images``."""
        return self.probabilities_of(self.run(images).logits)

    def probabilities_of(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Softmax; for a classifier that ends in sigmoids the sigmoid, whose rows need not sum to one."""
        if self.facts.output_kind == "sigmoid":
            return np.asarray(expit(logits), dtype=np.float32)
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), dtype=np.float32)

    def _chunks(self, images: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """Batches of images; one empty batch for no images, so that shapes are known all the same."""
        for start in range(0, max(len(images), 1), self._batch):
            yield images[start : start + self._batch]

    def _forward(self, images: NDArray[Any]) -> Outputs:
        n = len(images)
        given = images if n else np.zeros((1, *images.shape[1:]), images.dtype)
        feeds = self._feed(self._quantised(given))
        try:
            values = forward(self._session, feeds, self._outputs)
        except Exception as error:
            detail = f"the classifier refuses {self._things} of {images.shape[1:]}: {_first_line(error)}"
            raise mismatch(detail, IMAGE_ADVICE if self.facts.graph is None else GRAPH_ADVICE) from error
        found = {
            name: value[:n].astype(np.float32, copy=False) for name, value in zip(self._outputs, values, strict=True)
        }
        logits = recovered(found[self._logits].reshape(n, self.facts.classes), self._kind)
        return Outputs(logits, {tap.name: self._tap(tap, found[tap.tensor], logits) for tap in self.taps})

    def _tap(self, tap: Tap, values: NDArray[np.float32], logits: NDArray[np.float32]) -> NDArray[np.float32]:
        return logits if tap.name == LOGITS else pool(values, self._most_elements, tap.nodes)

    def _quantised(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        """What a user could save: 256 levels, and of graphs only what is one."""
        if images.dtype == np.uint8 or self.facts.graph is None:
            return quantise(images)
        return packing.quantise(images, self.facts.graph.edge_features)


def _gathered(parts: Iterator[Outputs], n: int) -> Outputs:
    """``parts`` one after the other, ``n`` images in all.

    Each is copied while it is warm into arrays made once, so that the next batch reuses its memory: keeping them all to
    concatenate them cost a fifth of the time of a small model.
    """
    first = next(parts)
    whole = Outputs(_room(first.logits, n), {name: _room(values, n) for name, values in first.taps.items()})
    start = 0
    for part in itertools.chain([first], parts):
        rows = slice(start, start + len(part))
        whole.logits[rows] = part.logits
        for name, values in part.taps.items():
            whole.taps[name][rows] = values
        start = rows.stop
    return whole


def _room(values: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    return np.empty((n, *values.shape[1:]), dtype=values.dtype)


def _require_finite(outputs: Outputs, things: str) -> None:
    """One such answer would be in every mean: there is no number to report, and no image to leave out silently."""
    for name, values in ((LOGITS, outputs.logits), *outputs.taps.items()):
        if values.size and not (np.isfinite(values.min()) and np.isfinite(values.max())):
            bad = int((~np.isfinite(values.reshape(len(values), -1)).all(axis=1)).sum())
            raise StageError(
                ErrorCode.CLASSIFIER_NOT_FINITE,
                f"{bad:,} of {len(outputs):,} {things} make the classifier compute NaN or infinity at {name!r}",
                f"Make the model finite for all {things}, {ODD[things]} and edited ones too: add a small constant to"
                " what it divides by or takes the logarithm of, or export it in float32.",
            )


def _logit_tensor(model: bytes, output: str) -> str | None:
    try:
        return logit_tensor(onnx.ModelProto.FromString(model), output)
    except Exception as error:
        raise _not_runnable(error) from error


def _open(model: bytes, outputs: list[str], threads: int) -> Any:
    try:
        return open_session(with_outputs(model, outputs), threads)
    except Exception as error:
        raise _not_runnable(error) from error


def _not_runnable(error: Exception) -> StageError:
    return StageError(ErrorCode.MODEL_NOT_RUNNABLE, f"ONNX Runtime cannot open the model: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
