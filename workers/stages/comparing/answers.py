"""What both classifiers answer to the same images: how often alike, and how often right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.evidence.bootstrap import Interval, wilson_interval
from workers.evidence.differences import Paired, share_difference
from workers.stages.class_names import as_outputs
from workers.stages.comparing.sides import Rows, Side, Sides, matched
from workers.stages.views.beside import same_classes


@dataclass(frozen=True)
class Answers:
    """Shares of images: with one answer from both, ``None`` where classes cannot be matched; answered right, ``None``
    where labels cannot. ``images``: how many both audits looked at.
    """

    agreement: Interval | None
    accuracy: Paired | None
    images: int


def compare_answers(sides: Sides) -> Answers:
    """Over the references of both audits."""
    places = matched(*(side.references for side in sides))
    alike = agreeing(sides, places)
    agreement = None if alike is None else wilson_interval(float(alike.sum()), len(alike))
    before, after = (_right(side, at) for side, at in zip(sides, places, strict=True))
    accuracy = None if before is None or after is None else share_difference(before, after)
    return Answers(agreement, accuracy, len(places[0]))


def one_kind(sides: Sides) -> bool:
    """Whether a changed answer means the same in both: one class among all, or labels each by itself."""
    before, after = (side.studio.classifier.independent for side in sides)
    return before == after


def agreeing(sides: Sides, places: tuple[Rows, Rows]) -> NDArray[np.bool_] | None:
    """Which images get one answer from both, ``(n,)``."""
    before, after = (side.latents["logits"][at] for side, at in zip(sides, places, strict=True))
    count, others = (side.latents["probabilities"].shape[1] for side in sides)
    outputs = [side.context.config["outputs"] for side in sides]
    where = same_classes(outputs[0], outputs[1], count, others)
    named = [one is not None for one in outputs]
    if where is None or named[0] != named[1] or not one_kind(sides):
        return None
    if sides.before.studio.classifier.independent:
        return np.asarray(((before > 0) == (after[:, where] > 0)).all(axis=1))
    chosen = [side.latents["probabilities"][at].argmax(axis=1) for side, at in zip(sides, places, strict=True)]
    return np.asarray(where[chosen[0]] == chosen[1])


def _right(side: Side, at: Rows) -> NDArray[np.bool_] | None:
    labels, config = side.studio.references.labels, side.context.config
    meant = None if labels is None else as_outputs(labels, config["classes"], config["outputs"])
    probabilities = side.latents["probabilities"]
    if meant is None or meant.max() >= probabilities.shape[1]:
        return None
    return np.asarray(probabilities[at].argmax(axis=1) == meant[at])
