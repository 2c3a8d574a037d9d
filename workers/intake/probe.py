"""Runs a model on a few synthetic images or graphs: does it run, repeat itself, and answer each one on its own?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.classifiers import GraphInputs, InputSpec
from schemas.problems import ErrorCode
from workers.classifier.feeds import GraphFeed
from workers.classifier.preprocess import preprocess
from workers.classifier.runtime import Feeds, input_dtype, open_session
from workers.graphs.packing import pack

from .interface import GraphInterface, Interface
from .refusals import refuse, show

PROBE_IMAGES = 6
SIZES = ((224, 224), (32, 32), (28, 28), (64, 64), (96, 96), (299, 299))
"""Tried in this order when the model leaves height or width open."""
NODE_COUNTS = (9, 16, 29, 32, 64, 128)
"""The same for graphs."""
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

    def __init__(self, model: bytes, interface: Interface | GraphInterface, spec: InputSpec) -> None:
        self._session = attempt(lambda: open_session(model))
        dtypes = {name: input_dtype(self._session, name) for name in interface.input_names}
        self._output = interface.output_name
        self._samples: _Samples = (
            _GraphSamples(interface.inputs, dtypes)
            if isinstance(interface, GraphInterface)
            else _ImageSamples(interface, spec, dtypes[interface.input_name])
        )
        self._size: tuple[int, int] | None = None

    def probe(self) -> Probe:
        """Run the six samples in every way.

        Raises:
            CannotRun: not even one sample runs.
            IntakeError: the answers have a wrong shape, are not finite, or differ when repeated.
        """
        return probe_with(self._run, np.arange(PROBE_IMAGES))

    def _run(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        candidates = [self._size] if self._size else self._samples.sizes()
        failure = CannotRun("no size fits")
        for size in candidates:
            try:
                answer = self._run_at(rows, size)
            except CannotRun as error:
                failure = error
                continue
            self._size = size
            _check_scores(answer, len(rows))
            return answer
        raise failure

    def _run_at(self, rows: NDArray[np.int64], size: tuple[int, int]) -> NDArray[Any]:
        feeds = self._samples.feeds(rows, size)
        return np.asarray(attempt(lambda: self._session.run([self._output], dict(feeds)))[0])


class _Samples(Protocol):
    """Six samples in the sizes that a model may take."""

    def sizes(self) -> list[tuple[int, int]]: ...

    def feeds(self, rows: NDArray[np.int64], size: tuple[int, int], /) -> Feeds: ...


class _ImageSamples:
    def __init__(self, interface: Interface, spec: InputSpec, dtype: np.dtype[Any]) -> None:
        self._interface, self._spec, self._dtype = interface, spec, dtype
        self._images = probe_images(interface.channels)

    def sizes(self) -> list[tuple[int, int]]:
        height, width = self._interface.shape[2:] if self._interface.layout == "nchw" else self._interface.shape[1:3]
        return list(dict.fromkeys((height or h, width or w) for h, w in SIZES))

    def feeds(self, rows: NDArray[np.int64], size: tuple[int, int], /) -> Feeds:
        interface = self._interface
        images = self._images[rows]
        batch = preprocess(images, self._spec, interface.layout, interface.channels, size, self._dtype)
        return {interface.input_name: batch}


class _GraphSamples:
    def __init__(self, graph: GraphInputs, dtypes: dict[str, np.dtype[Any]]) -> None:
        self._graph, self._feed = graph, GraphFeed(graph, dtypes)

    def sizes(self) -> list[tuple[int, int]]:
        return [(size, size) for size in ((self._graph.size,) if self._graph.size else NODE_COUNTS)]

    def feeds(self, rows: NDArray[np.int64], size: tuple[int, int], /) -> Feeds:
        return self._feed(probe_graphs(size[0], self._graph.node_features, self._graph.edge_features)[rows])


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


def probe_graphs(size: int, node_features: int, edge_features: int) -> NDArray[np.uint8]:
    """Six different packed graphs with room for ``size`` nodes: from two nodes to full, from a chain to dense, kinds of
    nodes and edges one-hot in half of them.
    """
    generator = np.random.default_rng(20_261_122)
    counts = np.linspace(2, size, PROBE_IMAGES).astype(np.int64)
    mask = np.arange(size) < counts[:, None]
    nodes = _features(generator, (PROBE_IMAGES, size, node_features))
    kinds = _features(generator, (PROBE_IMAGES, size, size, edge_features))
    dense = generator.random((PROBE_IMAGES, size, size)) < np.linspace(0, 0.8, PROBE_IMAGES)[:, None, None]
    joined = np.triu(dense, 1) | np.eye(size, k=1, dtype=bool)
    upper = kinds * (joined & mask[:, :, None] & mask[:, None, :])[..., None]
    return pack(nodes, upper + upper.swapaxes(1, 2), mask)


def _features(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Values in 0..1 of the last axis: kinds in the first half of the samples, plain numbers in the others."""
    values = generator.random(shape)
    kinds = np.eye(shape[-1])[generator.integers(shape[-1], size=shape[:-1])]
    return np.concatenate([kinds[: shape[0] // 2], values[shape[0] // 2 :]])


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
