"""Pictures behind an effect: a few images, each walked through the values of one feature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.results import EditRow, EditSheet, EditStep
from workers.figures import to_png
from workers.stages.classifying import classify
from workers.stages.decoding import Studio
from workers.stages.edits import Edit, Images, Values
from workers.stages.features import AuditedFeature
from workers.stages.references import rows_along, spread_rows
from workers.stages.stage import StageContext

PICTURES = 6
"""Values that a sheet walks through, per row."""


@dataclass(frozen=True)
class Walk:
    """Values ``(m, ...)`` that a sheet walks through, and what is written under each."""

    values: Values
    names: tuple[str, ...]


def edit_sheet(context: StageContext, studio: Studio, edit: Edit) -> EditSheet:
    """A few images in each of which only the edit's feature changes, in order of its value, with each answer."""
    feature = edit.feature
    answers = studio.probabilities[edit.rows].argmax(axis=1)
    shown = spread_rows(answers, context.budget.rows // 2, context.rng("pictures", feature.name))
    walk = walked(feature)
    return EditSheet(
        feature=feature.name,
        method=edit.method,
        rows=[_row(studio, feature, edit, int(row), walk) for row in shown],
    )


def walked(feature: AuditedFeature) -> Walk:
    """Up to six values from the 5th to the 95th percentile of the references; classes are taken as they come.

    Vectors are those of real references, in order along the direction in which the references vary most.
    """
    if feature.column.kind == "vector":
        return _walked_vectors(feature)
    known = feature.column.values[feature.column.known]
    if feature.column.kind == "categorical":
        values = np.unique(known)[:PICTURES]
    else:
        values = np.asarray(np.quantile(known, np.linspace(0.05, 0.95, PICTURES)))
    return Walk(values, tuple(feature.show(float(value)) for value in values))


def _walked_vectors(feature: AuditedFeature) -> Walk:
    known = np.flatnonzero(feature.column.known)
    chosen = known[rows_along(feature.column.values[known], PICTURES)]
    return Walk(feature.column.values[chosen], tuple(f"as in image {row}" for row in chosen))


def _row(studio: Studio, feature: AuditedFeature, edit: Edit, row: int, walk: Walk) -> EditRow:
    edited = edit.to(np.full(len(walk.values), row), walk.values)
    answers = classify(studio.classifier, np.concatenate([edit.before[row][None], edited]))
    said, index = int(answers[0].argmax()), int(edit.rows[row])
    steps = [
        _step(image, answer, name, said) for image, answer, name in zip(edited, answers[1:], walk.names, strict=True)
    ]
    value = feature.column.values[index]
    now = "its own" if feature.column.kind == "vector" else feature.show(float(value))
    return EditRow(index=index, original=_step(edit.before[row], answers[0], now, said), edits=steps)


def _step(image: Images, answer: NDArray[np.float32], value: str, said: int) -> EditStep:
    predicted = int(answer.argmax())
    return EditStep(
        png=to_png(image), value=value, predicted=predicted, confidence=min(float(answer.max()), 1.0),
        flipped=predicted != said,
    )  # fmt: skip
