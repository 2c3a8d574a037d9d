"""Runs a model on a few synthetic images: does it run, repeat itself, and answer each image on its own?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.classifiers import InputSpec
from schemas.problems import ErrorCode
from workers.classifier.preprocess import preprocess
from workers.classifier.runtime import input_dtype, open_session

from .interface import Interface
from .refusals import refuse, show

PROBE_IMAGES = 6
SIZES = ((224, 224), (32, 32), (28, 28), (64, 64), (96, 96), (299, 299))
"""Tried in this order when the model leaves height or width open."""
REPEAT_TOLERANCE = 1e-6
BATCH_TOLERANCE = {"float16": 2e-2, "float32": 1e-3, "float64": 1e-6}
"""Relative to the largest answer: batches change the order of sums, hardly more."""


class CannotRun(Exception):
    """ONNX Runtime refuses the model or this batch; holds its first words."""


@dataclass(frozen=True)
class Probe:
    """Answers ``(6, ...)`` to six samples, together and one by one (``None``: the model cannot)."""

    together: NDArray[np.float64] | None
    alone: NDArray[np.float64]
    dtype: str

    @property
    def batch_independent(self) -> bool:
        """Whether both ways agree, as far as floating-point sums can."""
        return self.together is not None and close(self.together, self.alone, BATCH_TOLERANCE[self.dtype])


class ProbeSession:
    """A model opened for probing.

    Raises:
        CannotRun: ONNX Runtime cannot open it.
    """

    def __init__(self, model: bytes, interface: Interface, spec: InputSpec) -> None:
        self._interface, self._spec = interface, spec
        self._session = attempt(lambda: open_session(model))
        self._dtype = input_dtype(self._session, interface.input_name)
        self._size: tuple[int, int] | None = None

    def probe(self) -> Probe:
        """Run the six images in every way.

        Raises:
            CannotRun: not even one image runs.
            IntakeError: the answers have a wrong shape, are not finite, or differ when repeated.
        """
        return probe_with(self._run, probe_images(self._interface.channels))

    def _run(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        candidates = (self._size,) if self._size else self._sizes()
        failure = CannotRun("no size fits")
        for size in candidates:
            try:
                answer = self._run_at(images, size)
            except CannotRun as error:
                failure = error
                continue
            self._size = size
            _check_scores(answer, len(images))
            return answer
        raise failure

    def _run_at(self, images: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[Any]:
        interface = self._interface
        batch = preprocess(images, self._spec, interface.layout, interface.channels, size, self._dtype)
        outputs = attempt(lambda: self._session.run([interface.output_name], {interface.input_name: batch}))
        return np.asarray(outputs[0])

    def _sizes(self) -> list[tuple[int, int]]:
        height, width = self._interface.shape[2:] if self._interface.layout == "nchw" else self._interface.shape[1:3]
        return list(dict.fromkeys((height or h, width or w) for h, w in SIZES))


def probe_with(run: Callable[[NDArray[Any]], NDArray[Any]], samples: NDArray[Any]) -> Probe:
    """``run`` on ``samples`` alone, again, and together in reversed order, so that a dependence on the position shows.

    Raises:
        CannotRun: not even one sample runs.
        IntakeError: the answers are not finite, or differ when repeated.
    """
    first = run(samples[:1])
    alone = np.concatenate([first, *(run(samples[i : i + 1]) for i in range(1, len(samples)))])
    _check_finite(alone)
    if not close(first, run(samples[:1]), REPEAT_TOLERANCE):
        raise refuse(
            ErrorCode.MODEL_NOT_DETERMINISTIC,
            "the same input got two different answers",
            "Export the model in evaluation mode, without random operators.",
        )
    return Probe(_together(run, samples), alone.astype(np.float64), alone.dtype.name)


def _together(run: Callable[[NDArray[Any]], NDArray[Any]], samples: NDArray[Any]) -> NDArray[np.float64] | None:
    try:
        answer = run(samples[::-1])[::-1]
    except CannotRun:
        return None
    return answer.astype(np.float64)


def probe_images(channels: int) -> NDArray[np.uint8]:
    """Six different uint8 images ``(6, 64, 64, channels)``: noise, and smooth waves of several contrasts."""
    generator = np.random.default_rng(20_240_601)
    noise = generator.integers(0, 256, (PROBE_IMAGES, 64, 64, channels))
    row, column = np.mgrid[0:64, 0:64] / 64.0
    waves = [np.sin(2 * np.pi * ((i + 1) * row + (i % 3) * column)) for i in range(PROBE_IMAGES)]
    smooth = np.stack(waves)[..., None] * generator.uniform(40, 127, (PROBE_IMAGES, 1, 1, channels)) + 127
    share = np.linspace(0.0, 1.0, PROBE_IMAGES)[:, None, None, None]
    return np.asarray(np.clip(share * noise + (1 - share) * smooth, 0, 255), dtype=np.uint8)


def close(a: NDArray[Any], b: NDArray[Any], tolerance: float) -> bool:
    """Whether ``a`` and ``b`` differ by at most ``tolerance`` times the largest magnitude in either (at least 1e-3)."""
    if a.shape != b.shape:
        return False
    scale = max(float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)), 1e-3)
    return bool(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0.0) <= tolerance * scale)


def _check_scores(answer: NDArray[Any], n: int) -> None:
    if answer.ndim == 2 and answer.shape[1] >= 2 and answer.dtype.name in BATCH_TOLERANCE:
        if answer.shape[0] == n:
            return
        raise CannotRun(f"{n} images gave {answer.shape[0]} answers")
    raise refuse(
        ErrorCode.MODEL_OUTPUT_UNSUPPORTED,
        f"the output has type {answer.dtype.name} and shape {list(answer.shape)} for {n} images",
        "Export a model with floating-point scores of shape [batch, classes], two classes at least.",
    )


def _check_finite(answer: NDArray[Any]) -> None:
    if not np.isfinite(answer).all():
        raise refuse(
            ErrorCode.MODEL_OUTPUT_UNSUPPORTED,
            "the answers to ordinary inputs are not finite",
            "Check the weights, and the value range and normalisation in the input specification.",
        )


def attempt(call: Any) -> Any:
    """``call()``, with ONNX Runtime's many exception types turned into one.

    Raises:
        CannotRun: it failed.
        MemoryError: it ran out of memory.
    """
    try:
        return call()
    except Exception as error:
        words = str(error)
        if "bad_alloc" in words or "Failed to allocate" in words or "bad allocation" in words:
            raise MemoryError from error
        raise CannotRun(show(words, 300)) from error
