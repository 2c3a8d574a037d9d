"""Classifiers: what a user says of an ONNX file, and what the service answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from .problems import Problem
from .scalars import Contract, Identifier, Name, Sha256


class IntakeState(StrEnum):
    """Life of an uploaded file: waiting for the sandbox, accepted, or refused with a problem."""

    PENDING = "pending"
    READY = "ready"
    REJECTED = "rejected"


class InputSpec(Contract):
    """How uint8 images become the model's input: ``((pixel / 255) * (high - low) + low - mean) / std`` per channel.

    ``layout`` and size are read from the graph when left out. ``resize`` is on when the model's size is fixed and
    differs from the dataset's. A classifier of graphs has several inputs: ``nodes_name``, ``adjacency_name`` and
    ``mask_name`` name them where they are not called ``nodes``, ``adjacency`` and ``mask``.
    """

    layout: Literal["auto", "nchw", "nhwc"] = "auto"
    low: float = 0.0
    high: float = 1.0
    mean: list[float] | None = Field(default=None, max_length=4)
    std: list[float] | None = Field(default=None, max_length=4)
    input_name: str | None = None
    output_name: str | None = None
    output_kind: Literal["auto", "logits", "probabilities", "sigmoid"] = "auto"
    nodes_name: str | None = None
    adjacency_name: str | None = None
    mask_name: str | None = None


class ClassifierCreate(Contract):
    """Body of ``POST /v1/classifiers``."""

    name: Name
    upload: Identifier
    input: InputSpec = InputSpec()
    classes: list[str] | None = Field(default=None, max_length=100_000)


class GraphInputs(Contract):
    """The inputs of a classifier of graphs.

    ``nodes``: name of the tensor ``[batch, n, node_features]``; ``adjacency``: ``[batch, n, n]``, or with an axis of
    ``edge_features`` at the end if ``edge_axis``; ``mask``: ``[batch, n]``, 1 where there is a node, if the model takes
    one. ``size``: the ``n`` of a model that takes graphs of one padded size only.
    """

    nodes: str
    adjacency: str
    mask: str | None = None
    node_features: int = Field(ge=1)
    edge_features: int = Field(ge=1)
    edge_axis: bool
    size: int | None = None


class ClassifierFacts(Contract):
    """What intake found in the file and proved by running it. ``graph`` and the layout of that name: it takes graphs;
    ``input_name`` and ``input_shape`` are then those of the nodes.
    """

    canonical_digest: Sha256
    opset: int
    parameters: int
    nodes: int
    layout: Literal["nchw", "nhwc", "graph"]
    graph: GraphInputs | None = None
    input_name: str
    input_shape: list[int | None]
    output_name: str
    output_kind: Literal["logits", "probabilities", "sigmoid"]
    classes: int
    dynamic_batch: bool
    deterministic: bool


class Classifier(Contract):
    """A classifier as the API answers it."""

    id: Identifier
    name: Name
    state: IntakeState
    digest: Sha256
    bytes: int
    input: InputSpec
    classes: list[str] | None
    facts: ClassifierFacts | None = None
    problem: Problem | None = None
    created_at: datetime


class ClassifierPage(Contract):
    """A page of classifiers, newest first. ``next`` is an opaque cursor, absent on the last page."""

    items: list[Classifier]
    next: str | None = None
