"""What a changed representation does to the answer, factor by factor (papers.md 2(b), response analysis; 2(c), I5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from workers.concepts.model import ConceptINN, Factor
from workers.stages.classifying import Classifier, probabilities_of
from workers.stages.views.factor_response import Logits, PerImage, Response, compared
from workers.stages.views.layers import Layer

EVERYTHING = "everything"


@dataclass(frozen=True)
class Trial:
    """One factor: drawn anew, and taken from another image. Per image ``(n,)``.

    ``swapped``: share of draws with another answer once the factor is another image's, less the floor. ``taken``: of
    the draws whose other image has another answer, the share that gets that answer; NaN without any.
    """

    name: str
    response: Response
    swapped: PerImage
    taken: PerImage


def trials(
    layer: Layer, inn: ConceptINN, factors: Sequence[Factor], classifier: Classifier, spread: float, draws: int,
    generator: torch.Generator,
) -> list[Trial]:  # fmt: skip
    """Each of ``factors``, then everything at once, ``draws`` times per image of the layer.

    The floor of all of them is the way there and back with the same noise, and nothing else changed. ``spread`` is that
    of the references' logits.
    """
    e = inn.encode(layer.noised(draws, generator))
    idle = layer.answer(inn.decode(e))
    donors = torch.randperm(len(e), generator=generator)
    round_trip = float((layer.changed(inn.decode(inn.encode(layer.codes))) - layer.values).abs().max())
    said = probabilities_of(classifier, layer.logits).argmax(axis=1)
    given = np.repeat(said, draws)[donors.numpy()].reshape(-1, draws)

    def tried(name: str, block: slice) -> Trial:
        drawn, swapped = e.clone(), e.clone()
        drawn[:, block] = torch.randn(drawn[:, block].shape, generator=generator)
        swapped[:, block] = e[donors, block]
        after, exchanged = (layer.answer(inn.decode(each)) for each in (drawn, swapped))
        response = compared(classifier, layer.logits, idle, after, spread, round_trip)
        other = compared(classifier, layer.logits, idle, exchanged, spread, round_trip)
        return Trial(name, response, other.flips, _taken(_answers(classifier, exchanged), said, given))

    blocks = [(factor.name, slice(factor.start, factor.stop)) for factor in factors]
    return [tried(name, block) for name, block in [*blocks, (EVERYTHING, slice(None))]]


def _answers(classifier: Classifier, logits: Logits) -> NDArray[np.int64]:
    """Arg-max class of logits ``(m, draws, c)``."""
    found = probabilities_of(classifier, logits.reshape(-1, logits.shape[-1]))
    return np.asarray(found.argmax(axis=1).reshape(logits.shape[:-1]), dtype=np.int64)


def _taken(answers: NDArray[np.int64], own: NDArray[np.int64], given: NDArray[np.int64]) -> PerImage:
    """Share of ``answers (m, draws)`` that are those of the other images, where these are not one's own."""
    differ = given != own[:, None]
    counts = differ.sum(axis=1)
    hits = (differ & (answers == given)).sum(axis=1)
    return np.asarray(np.divide(hits, counts, out=np.full(len(own), np.nan), where=counts > 0))
