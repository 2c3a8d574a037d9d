"""From references ``(n, h, w, c)`` uint8 to the model's inputs: an image in one tensor, a graph in two or three.

Stages hand out the same arrays for both (:mod:`workers.graphs.packing`); from here on the model decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from schemas.classifiers import ClassifierFacts, GraphInputs, InputSpec
from schemas.problems import ErrorCode
from workers.errors import StageError
from workers.graphs.packing import channels_for, is_graph, resized, unpack

from .preprocess import preprocess
from .runtime import Feeds, input_dtype

DEFAULT_SIZE = (224, 224)
DEFAULT_NODES = 16
IMAGE_ADVICE = "Audit with images of the size and channels the classifier takes."
GRAPH_ADVICE = "Audit with graphs of as many features as the classifier was trained on, in the same order."


class Feed(Protocol):
    """Inputs of one batch by name, of references as every stage holds them."""

    def __call__(self, references: NDArray[np.uint8], /) -> Feeds:
        """Feeds of uint8 ``(n, h, w, c)``.

        Raises:
            StageError: ``CLASSIFIER_DATASET_MISMATCH``: the classifier takes others.
        """
        ...


class ImageFeed:
    """One image input, as ``spec`` says."""

    def __init__(self, facts: ClassifierFacts, spec: InputSpec, dtype: np.dtype[Any]) -> None:
        self._facts, self._spec, self._dtype = facts, spec, dtype

    def __call__(self, references: NDArray[np.uint8], /) -> Feeds:
        """See :class:`Feed`; sizes and channels that the model leaves open are those of the images."""
        if references.ndim != 4:
            raise mismatch(f"images must have shape (n, height, width, channels), got {references.shape}", IMAGE_ADVICE)
        layout: Literal["nchw", "nhwc"] = "nhwc" if self._facts.layout == "nhwc" else "nchw"
        axes = (3, 1, 2) if layout == "nhwc" else (1, 2, 3)
        channels, height, width = (self._facts.input_shape[axis] for axis in axes)
        size = (height or references.shape[1], width or references.shape[2])
        batch = preprocess(references, self._spec, layout, channels or references.shape[3], size, self._dtype)
        return {self._facts.input_name: batch}


class GraphFeed:
    """Nodes, adjacency and mask of packed graphs; absent nodes are added up to the size that the model takes."""

    def __init__(self, graph: GraphInputs, dtypes: Mapping[str, np.dtype[Any]]) -> None:
        self._graph, self._dtypes = graph, dtypes

    def __call__(self, references: NDArray[np.uint8], /) -> Feeds:
        """See :class:`Feed`."""
        graph = self._graph
        self._require_fit(references)
        packed = references if graph.size is None else resized(references, graph.size)
        found = unpack(packed, graph.node_features, graph.edge_features, graph.edge_axis)
        feeds = {graph.nodes: found.nodes, graph.adjacency: found.adjacency}
        if graph.mask is not None:
            feeds[graph.mask] = found.mask
        return {name: _typed(values, self._dtypes[name]) for name, values in feeds.items()}

    def _require_fit(self, references: NDArray[np.uint8]) -> None:
        graph = self._graph
        takes = f"graphs with {graph.node_features} features of nodes and {graph.edge_features} of edges"
        if references.ndim != 4 or not is_graph(references):
            raise mismatch(f"the classifier takes {takes}, the references are images", GRAPH_ADVICE)
        if references.shape[3] != channels_for(graph.node_features, graph.edge_features):
            have = references.shape[3] - 1
            raise mismatch(f"the classifier takes {takes}, the references have {have} in all", GRAPH_ADVICE)
        if graph.size is not None and graph.size < references.shape[1]:
            detail = f"the classifier takes graphs of at most {graph.size} nodes, the references have room for"
            advice = "Export the classifier with an open number of nodes, or leave out the graphs that are too large."
            raise mismatch(f"{detail} {references.shape[1]}", advice)


def input_names(facts: ClassifierFacts) -> list[str]:
    """The inputs that references go into."""
    graph = facts.graph
    if graph is None:
        return [facts.input_name]
    return [name for name in (graph.nodes, graph.adjacency, graph.mask) if name is not None]


def feed_for(session: ort.InferenceSession, facts: ClassifierFacts, spec: InputSpec) -> Feed:
    """The feed of an opened model.

    Raises:
        KeyError: an input has a type that no image and no graph can have.
    """
    if facts.graph is None:
        return ImageFeed(facts, spec, input_dtype(session, facts.input_name))
    return GraphFeed(facts.graph, {name: input_dtype(session, name) for name in input_names(facts)})


def blank_shapes(facts: ClassifierFacts, size: tuple[int, int] | None = None) -> dict[str, tuple[int, ...]]:
    """Shape of each input for one reference; ``size`` (height and width, or nodes twice) where the model takes any."""
    if facts.graph is None:
        return {facts.input_name: _image_shape(facts, size)}
    graph = facts.graph
    n = graph.size or (DEFAULT_NODES if size is None else size[0])
    matrix: tuple[int, ...] = (n, n, graph.edge_features) if graph.edge_axis else (n, n)
    shapes: dict[str, tuple[int, ...]] = {graph.nodes: (n, graph.node_features), graph.adjacency: matrix}
    return shapes if graph.mask is None else {**shapes, graph.mask: (n,)}


def node_count(facts: ClassifierFacts, size: tuple[int, int] | None) -> int | None:
    """Length of the axes of nodes inside a classifier of graphs; ``None`` for images."""
    return None if facts.graph is None else blank_shapes(facts, size)[facts.graph.nodes][0]


def mismatch(detail: str, advice: str) -> StageError:
    """The classifier does not take these references."""
    return StageError(ErrorCode.CLASSIFIER_DATASET_MISMATCH, detail, advice)


def _image_shape(facts: ClassifierFacts, size: tuple[int, int] | None) -> tuple[int, ...]:
    shape = list(facts.input_shape)
    height, width = (1, 2) if facts.layout == "nhwc" else (2, 3)
    for axis, length in zip((height, width), size or DEFAULT_SIZE, strict=True):
        shape[axis] = shape[axis] or length
    return tuple(length or 1 for length in shape[1:])


def _typed(values: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """In the type that the model takes; whole numbers and yes or no by rounding."""
    exact = values if np.issubdtype(dtype, np.floating) else np.rint(values)
    return np.ascontiguousarray(exact, dtype=dtype)
