"""A fitted concept INN as bytes and back, with what is known of each concept."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Literal

from workers.concepts.model import ConceptINN
from workers.training.checkpoints import CheckpointError, from_bytes, to_bytes

Definition = Literal["attribute", "pairs", "sketch"]


@dataclass(frozen=True)
class FittedConcept:
    """How a concept was defined, the factor it got, and how clean its pairs are.

    Attributes:
        name: of the concept and of its factor.
        definition: where its pairs came from.
        pairs: how many different pairs the fit saw.
        dimensions: of its factor.
        rho: correlation that the loss assumed, or learned.
        within: correlation measured in the factor between test pairs that share the concept, -1..1; ``None``: too few.
        carried: the same along the one direction of the factor in which training pairs agree most: a concept of one
            number fills half of the smallest factor. Whether the code holds the concept at all; ``None``: too few.
        alike: of a sketch, share of random pairs of references that are less alike than its two images; else ``None``.
        leaks: the same as ``within`` in every other factor, by name; 0 when the pairs randomise everything else.
        caution: how weak the definition is, in words, or ``None``.
    """

    name: str
    definition: Definition
    pairs: int
    dimensions: int
    rho: float
    within: float | None
    leaks: dict[str, float] = field(default_factory=dict)
    caution: str | None = None
    carried: float | None = None
    alike: float | None = None


@dataclass(frozen=True)
class FittedConcepts:
    """The network in eval mode, and its concepts in the order of the factors.

    ``nll`` and ``nll_linear`` are the mean NLL of a test pair in nats, of the network and of its closed-form start.
    """

    inn: ConceptINN
    concepts: tuple[FittedConcept, ...]
    nll: float
    nll_linear: float


def save(fitted: FittedConcepts) -> bytes:
    """Safetensors with a JSON header; the same fit gives the same bytes."""
    header, state = fitted.inn.state()
    about = {"concepts": [asdict(one) for one in fitted.concepts], "nll": fitted.nll, "nll_linear": fitted.nll_linear}
    return to_bytes(state, {**header, **about})


def load(data: bytes) -> FittedConcepts:
    """Inverse of :func:`save`.

    Raises:
        CheckpointError: the bytes are damaged, or hold something else.
    """
    header, state = from_bytes(data)
    inn = ConceptINN.from_state(header, state)
    try:
        concepts = tuple(FittedConcept(**one) for one in header["concepts"])
        return FittedConcepts(inn, concepts, header["nll"], header["nll_linear"])
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"the header does not describe concepts: {error}") from error
