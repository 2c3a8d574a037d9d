"""Stage ``effects``: change one feature at a time, ask the classifier, keep what it answered.

A measured statistic is changed by its exact image transform; an attribute column by the editor INN (decision 0003),
confirmed by an oracle. Every edit has a floor: the same machinery with the feature left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from workers.classifier.session import Outputs
from workers.evidence.effects import changes
from workers.stages.classifying import Classifier, classify
from workers.stages.decoding import Studio, open_studio
from workers.stages.edit_sheets import edit_sheet
from workers.stages.edits import CodeEdit, Edit, Images, Rows, TransformEdit, other_values
from workers.stages.features import AuditedFeature
from workers.stages.inn import load_inn
from workers.stages.oracles import NOTHING
from workers.stages.references import random_rows
from workers.stages.stage import Arrays, Produced, StageContext, pack, pack_json

REDRAWS = 2
CONTROL = "control:constant"
"""The first feature's edits, judged by a classifier that never changes its answer."""


class ConstantClassifier:
    """Says the same of every image. Takes the audited classifier's place in a control."""

    def __init__(self, classes: int) -> None:
        self.classes = max(classes, 2)

    def run(self, images: NDArray[np.uint8]) -> Outputs:
        """Equal logits."""
        return Outputs(np.zeros((len(images), self.classes), dtype=np.float32), {})

    def probabilities_of(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Equal shares."""
        return np.full_like(logits, 1 / self.classes)


def run(context: StageContext) -> Produced:
    """Per feature ``flips``, ``variation``, floors ``(n,)`` and ``confirmed (1,)``; the code's own losses; pictures."""
    studio = open_studio(context)
    rows = random_rows(len(studio.references), context.budget.edited, context.rng("references"))
    measured, sheets = _code_losses(context, studio, rows), []
    for done, (feature, edit) in enumerate(_edits(context, studio, rows)):
        resampled = resample(edit, context.budget.edits, context.rng("targets", feature.name))
        measured |= _effect(studio.classifier, feature.name, edit, resampled)
        if done == 0:
            measured |= _effect(ConstantClassifier(studio.classifier.facts.classes), CONTROL, edit, resampled)
        sheets.append(edit_sheet(context, studio, feature, edit).model_dump(mode="json"))
        context.report((done + 1) / len(studio.features), f"{feature.name} changed")
    return Produced({"effects": pack({"rows": rows, **measured}), "edits": pack_json(sheets)})


@dataclass(frozen=True)
class Resampled:
    """Edits ``images (draws, n, h, w, c)`` and which of them show their target, ``confirmed (draws, n)``."""

    images: Images
    confirmed: NDArray[np.bool_]


def resample(edit: Edit, draws: int, rng: np.random.Generator) -> Resampled:
    """Draw the feature anew from its reference distribution, noticeably different, ``draws`` times per image.

    Where an image cannot show its target (a blue as light as yellow), another is drawn, as often as the edit allows.
    """
    drawn = [_draw(edit, rng) for _ in range(draws)]
    return Resampled(np.stack([images for images, _ in drawn]), np.stack([confirmed for _, confirmed in drawn]))


def _draw(edit: Edit, rng: np.random.Generator) -> tuple[Images, NDArray[np.bool_]]:
    images, confirmed = edit.before.copy(), np.zeros(len(edit.before), dtype=bool)
    current = edit.feature.column.values[edit.rows]
    for _ in range(edit.attempts):
        targets = other_values(edit.feature, current, rng)
        left = np.flatnonzero(~confirmed & np.isfinite(targets))
        if not len(left):
            break
        images[left] = edit.to(left, targets[left])
        confirmed[left] = edit.confirms(left, images[left], targets[left])
    return images, confirmed


def _edits(context: StageContext, studio: Studio, rows: Rows) -> Iterator[tuple[AuditedFeature, Edit]]:
    stored = context.blob("editor")
    editor = None if stored == NOTHING else load_inn(stored)
    for feature in studio.features:
        if feature.statistic is not None:
            yield feature, TransformEdit(feature, feature.statistic, studio, rows, context.rng("floor", feature.name))
        elif editor is not None:
            yield feature, CodeEdit(feature, editor, studio, rows)


def _effect(classifier: Classifier, name: str, edit: Edit, resampled: Resampled) -> Arrays:
    """Per-image changes of the answer, and the share of edits that were confirmed."""
    draws, n = resampled.confirmed.shape
    before = classify(classifier, edit.before)
    after = classify(classifier, resampled.images.reshape(-1, *edit.before.shape[1:])).reshape(draws, n, -1)
    floor = classify(classifier, edit.floor)[:, None]
    seen = changes(before, after.transpose(1, 0, 2), resampled.confirmed.T)
    base = changes(before, floor)
    return {
        f"flips:{name}": seen.flips,
        f"variation:{name}": seen.variation,
        f"floor_flips:{name}": base.flips,
        f"floor_variation:{name}": base.variation,
        f"confirmed:{name}": np.array([resampled.confirmed.mean()]),
    }


def _code_losses(context: StageContext, studio: Studio, rows: Rows) -> Arrays:
    """What the autoencoder alone changes: answers of reconstructions, and readings of posterior draws.

    The readings give the ceiling of generative retention: draws that share the whole code.
    """
    reconstructed = studio.decode(studio.means[torch.from_numpy(rows)])
    answers = classify(studio.classifier, reconstructed).argmax(axis=1)
    agrees = answers == studio.probabilities[rows].argmax(axis=1)
    draws = [studio.reader.encoded(studio.redraw(rows, context.generator("ceiling", i))) for i in range(REDRAWS)]
    readings = {f"ceiling:{name}": np.stack([draw[name] for draw in draws], axis=1) for name in draws[0]}
    return {"reconstruction_agrees": agrees.astype(np.float64), **readings}
