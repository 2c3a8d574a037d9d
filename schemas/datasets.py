"""Datasets: reference images or graphs, optional labels, optional attribute columns."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from .classifiers import IntakeState
from .graphs import GraphFacts
from .problems import Problem
from .results import FeatureKind
from .scalars import Contract, Identifier, Name, Sha256


class AttributeSpec(Contract):
    """Declared kind of an attribute column; ``period`` in the column's own unit, for circular ones.

    A column is no vector: that kind is for factors that audits find themselves.
    """

    kind: Literal[FeatureKind.NUMERIC, FeatureKind.CATEGORICAL, FeatureKind.CIRCULAR]
    period: float | None = Field(default=None, gt=0)


class DatasetCreate(Contract):
    """Body of ``POST /v1/datasets``. Kinds of undeclared columns are inferred."""

    name: Name
    upload: Identifier
    attributes: dict[str, AttributeSpec] = Field(default_factory=dict, max_length=256)


class AttributeFacts(Contract):
    """What intake read of one column. ``categories`` are the names of a categorical column's codes, in order."""

    name: Name
    kind: FeatureKind
    period: float | None = None
    categories: list[str] | None = None


class ConceptFacts(Contract):
    """A concept that the upload defines by examples: ``count`` pairs of references, or one pair of sketches."""

    name: Name
    definition: Literal["pairs", "sketch"]
    count: int = Field(ge=1)


class DatasetFacts(Contract):
    """What intake found in the upload. ``notes`` says in words what it changed or left out.

    A graph is kept as one array ``(nodes, nodes, channels)``, node features on its diagonal and edges beside it
    (``deploy/decisions/0010``): ``height`` and ``width`` are then the number of nodes, ``images`` that of graphs.
    """

    kind: Literal["images", "graphs"] = "images"
    graph: GraphFacts | None = None
    canonical_digest: Sha256
    images: int
    height: int
    width: int
    channels: int
    labelled: bool
    classes: list[str] | None = None
    attributes: list[AttributeFacts]
    concepts: list[ConceptFacts] = []
    notes: list[str] = []


class Dataset(Contract):
    """A dataset as the API answers it."""

    id: Identifier
    name: Name
    state: IntakeState
    digest: Sha256
    bytes: int
    attributes: dict[str, AttributeSpec]
    facts: DatasetFacts | None = None
    problem: Problem | None = None
    created_at: datetime


class DatasetPage(Contract):
    """A page of datasets, newest first. ``next`` is an opaque cursor, absent on the last page."""

    items: list[Dataset]
    next: str | None = None
