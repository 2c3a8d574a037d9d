"""Parts of a code that carry one concept each, whoever fitted them: read, and put in place of what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.results import FeatureSource
from workers.concepts import discovered
from workers.concepts.checkpoint import FittedConcepts, load
from workers.concepts.discovered import Discovered
from workers.concepts.edits import place
from workers.concepts.model import ConceptINN
from workers.stages.stage import StageContext

Values = NDArray[np.float64]

SOURCES = {
    "attribute": FeatureSource.ATTRIBUTE, "pairs": FeatureSource.CONCEPT, "sketch": FeatureSource.CONCEPT,
}  # fmt: skip
"""Whose features the factors are, by how the concept was defined."""
NAMELESS = "Nobody named this direction: its name only says which column it resembles, if any."


class Factor(Protocol):
    """A factor of codes ``(n, d)``: ``(n, k)`` of a concept, ``(n,)`` of a discovered direction."""

    def read(self, codes: Tensor) -> Values:
        """The factor of each code."""
        ...

    def place(self, codes: Tensor, values: Values) -> Tensor:
        """The codes with the factor at ``values`` and every other factor kept, ``(n, d)``."""
        ...


@dataclass(frozen=True)
class Named:
    """A factor, what it is called, and where it came from; an attribute's is called like its column.

    ``caution`` says how weak its definition is, where it is.
    """

    name: str
    source: FeatureSource
    factor: Factor
    caution: str | None = None


@dataclass(frozen=True)
class ConceptFactor:
    """The block of a concept INN that carries one concept."""

    inn: ConceptINN
    name: str

    def read(self, codes: Tensor) -> Values:
        """``(n, k)``."""
        return np.asarray(self.inn.read(codes, self.name).double())

    def place(self, codes: Tensor, values: Values) -> Tensor:
        """Exactly invertible: putting a factor where it is gives the code back."""
        return place(self.inn, codes, self.name, torch.from_numpy(values).to(codes))


@dataclass(frozen=True)
class Direction:
    """One direction of the Gaussianised codes that nobody named."""

    found: Discovered
    index: int

    def read(self, codes: Tensor) -> Values:
        """``(n,)``."""
        return np.asarray(self.found.read(codes)[:, self.index].double())

    def place(self, codes: Tensor, values: Values) -> Tensor:
        """What is orthogonal to the direction stays."""
        return self.found.place(codes, self.index, torch.from_numpy(values).to(codes))


def named_factors(context: StageContext) -> list[Named]:
    """Every factor that was fitted for this dataset; empty for a stage that is not given any.

    Raises:
        CheckpointError: a stored network is damaged.
    """
    return [*concepts_of(context), *_discovered(context)]


def concepts_of(context: StageContext) -> list[Named]:
    """The factors of the concept INN: attributes, pairs and sketches.

    Raises:
        CheckpointError: the stored network is damaged.
    """
    return concept_factors(load(context.blob("concepts"))) if "concepts" in context.request.inputs else []


def _discovered(context: StageContext) -> list[Named]:
    if "discovered" not in context.request.inputs:
        return []
    found = discovered.load(context.blob("discovered"))
    directions = [Direction(found, i) for i in range(len(found.names))]
    return [
        Named(name, FeatureSource.DISCOVERED, one, NAMELESS) for name, one in zip(found.names, directions, strict=True)
    ]


def concept_factors(fitted: FittedConcepts) -> list[Named]:
    """One per concept that found room in the code."""
    return [
        Named(one.name, SOURCES[one.definition], ConceptFactor(fitted.inn, one.name), one.caution)
        for one in fitted.concepts
        if one.dimensions
    ]
