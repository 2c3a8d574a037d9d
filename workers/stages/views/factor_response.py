"""How the answer responds when one factor is drawn anew and all others stay (papers.md 2(b), response analysis; M6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.classifier.session import ClassifierSession
from workers.evidence.effects import changes
from workers.evidence.logits import logit_change
from workers.stages.classifying import probabilities_of
from workers.stages.decoding import Studio
from workers.stages.factors import Factor

Rows = NDArray[np.int64]
Images = NDArray[np.uint8]
PerImage = NDArray[np.float64]


@dataclass(frozen=True)
class Response:
    """Per image ``(n,)``, less what putting the factor where it is already changes (the floor).

    ``flips``: share of draws with another answer; ``variation``: total variation of the probabilities; ``logits``: mean
    absolute change of the centred logits in units of their spread. ``class_std``: standard deviation of the *number* of
    the answer over draws, without a floor, as paper 2 prints it. ``round_trip``: largest error of a code that went
    through the network and back.
    """

    flips: PerImage
    variation: PerImage
    logits: PerImage
    class_std: PerImage
    round_trip: float


def response(
    studio: Studio, factor: Factor, rows: Rows, draws: int, spread: float, generator: torch.Generator
) -> Response:
    """Draw ``factor`` from N(0, I), its distribution over the references, ``draws`` times for each of ``rows``."""
    codes = studio.means[torch.from_numpy(rows)]
    values = factor.read(codes)
    put_back = factor.place(codes, values)
    before, said = _ask(studio.classifier, studio.decode(codes))
    idle, same = (each[:, None] for each in _ask(studio.classifier, studio.decode(put_back)))
    logits, after = _ask(studio.classifier, studio.decode(redrawn(factor, codes, draws, generator)))
    logits, after = (each.reshape(len(rows), draws, -1) for each in (logits, after))
    edit, floor = changes(said, after), changes(said, same)
    drawn = np.ones((len(rows), draws), dtype=bool)
    moved = logit_change(before, logits, drawn, spread) - logit_change(before, idle, drawn[:, :1], spread)
    return Response(
        flips=edit.flips - floor.flips,
        variation=edit.variation - floor.variation,
        logits=moved,
        class_std=after.argmax(axis=-1).std(axis=1, ddof=1),
        round_trip=float((put_back - codes).abs().max()),
    )


def redrawn(factor: Factor, codes: Tensor, draws: int, generator: torch.Generator) -> Tensor:
    """Codes ``(n * draws, d)`` with the factor drawn from N(0, I), those of one code together."""
    repeated = codes.repeat_interleave(draws, dim=0)
    shape = (len(repeated), *factor.read(codes[:1]).shape[1:])
    return factor.place(repeated, torch.randn(shape, generator=generator, dtype=torch.float64).numpy())


def _ask(classifier: ClassifierSession, images: Images) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    logits = classifier.run(images).logits
    return logits, probabilities_of(classifier, logits)
