"""Pictures behind an effect: a few images, each walked through the values of one feature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.results import EditRow, EditSheet, EditStep
from workers.figures import to_png
from workers.stages.classifying import classify
from workers.stages.decoding import Studio
from workers.stages.edits import Edit, Images, Values
from workers.stages.features import AuditedFeature
from workers.stages.references import spread_rows
from workers.stages.stage import StageContext

PICTURES = 6
"""Values that a sheet walks through, per row."""


def edit_sheet(context: StageContext, studio: Studio, feature: AuditedFeature, edit: Edit) -> EditSheet:
    """A few images in each of which only ``feature`` changes, in order of its value, with the answer to each."""
    answers = studio.probabilities[edit.rows].argmax(axis=1)
    shown = spread_rows(answers, context.budget.rows // 2, context.rng("pictures", feature.name))
    walk = walked_values(feature)
    return EditSheet(
        feature=feature.name,
        method=edit.method,
        rows=[_row(studio, feature, edit, int(row), walk) for row in shown],
    )


def walked_values(feature: AuditedFeature) -> Values:
    """Up to six values from the 5th to the 95th percentile of the references; classes are taken as they come."""
    known = feature.column.values[feature.column.known]
    if feature.column.kind == "categorical":
        return np.unique(known)[:PICTURES]
    return np.asarray(np.quantile(known, np.linspace(0.05, 0.95, PICTURES)))


def _row(studio: Studio, feature: AuditedFeature, edit: Edit, row: int, walk: Values) -> EditRow:
    edited = edit.to(np.full(len(walk), row), walk)
    answers = classify(studio.classifier, np.concatenate([edit.before[row][None], edited]))
    said, index = int(answers[0].argmax()), int(edit.rows[row])
    steps = [
        _step(image, answer, feature.show(float(value)), said)
        for image, answer, value in zip(edited, answers[1:], walk, strict=True)
    ]
    now = feature.show(float(feature.column.values[index]))
    return EditRow(index=index, original=_step(edit.before[row], answers[0], now, said), edits=steps)


def _step(image: Images, answer: NDArray[np.float32], value: str, said: int) -> EditStep:
    predicted = int(answer.argmax())
    return EditStep(
        png=to_png(image), value=value, predicted=predicted, confidence=min(float(answer.max()), 1.0),
        flipped=predicted != said,
    )  # fmt: skip
