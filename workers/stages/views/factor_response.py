"""How the answer responds when one factor is drawn anew and all others stay (papers.md 2(b), response analysis; M6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.evidence.effects import changes
from workers.evidence.logits import logit_change
from workers.stages.classifying import Classifier, decisions_of
from workers.stages.decoding import Studio
from workers.stages.factors import Factor

Rows = NDArray[np.int64]
Images = NDArray[np.uint8]
PerImage = NDArray[np.float64]
Logits = NDArray[np.float32]


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
    put_back = factor.place(codes, factor.read(codes))
    drawn = redrawn(factor, codes, draws, generator)
    before, idle, after = (studio.classifier.run(studio.decode(each)).logits for each in (codes, put_back, drawn))
    round_trip = float((put_back - codes).abs().max())
    return compared(
        studio.classifier, before, idle[:, None], after.reshape(len(rows), draws, -1), spread, round_trip
    )  # fmt: skip


def compared(
    classifier: Classifier, before: Logits, idle: Logits, after: Logits, spread: float, round_trip: float
) -> Response:
    """The response of logits ``before (n, c)`` that became ``after (n, draws, c)``; ``idle (n, k, c)``: the floor.

    ``spread`` is that of the references' logits (:func:`workers.evidence.logits.logit_spread`).
    """
    said, same, changed = (_said(classifier, each) for each in (before, idle, after))
    edit, floor = (changes(said, each, independent=classifier.independent) for each in (changed, same))
    moved, resting = (logit_change(before, each, np.ones(each.shape[:2], bool), spread) for each in (after, idle))
    return Response(
        flips=edit.flips - floor.flips,
        variation=edit.variation - floor.variation,
        logits=moved - resting,
        class_std=changed.argmax(axis=-1).std(axis=1, ddof=1),
        round_trip=round_trip,
    )


def redrawn(factor: Factor, codes: Tensor, draws: int, generator: torch.Generator) -> Tensor:
    """Codes ``(n * draws, d)`` with the factor drawn from N(0, I), those of one code together."""
    repeated = codes.repeat_interleave(draws, dim=0)
    shape = (len(repeated), *factor.read(codes[:1]).shape[1:])
    return factor.place(repeated, torch.randn(shape, generator=generator, dtype=torch.float64).numpy())


def _said(classifier: Classifier, logits: Logits) -> Logits:
    """What is decided by logits, ``(..., classes)``."""
    found = decisions_of(classifier, logits.reshape(-1, logits.shape[-1]))
    return found.reshape(*logits.shape[:-1], -1)
