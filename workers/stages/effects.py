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

from schemas.results import EditRow, EditSheet, EditStep
from workers.evidence.effects import changes
from workers.evidence.statistics import Statistic, draw_targets
from workers.figures import to_png
from workers.flows.inn import ConditionalINN
from workers.stages.classifying import classify
from workers.stages.decoding import Studio, open_studio
from workers.stages.editor import condition, conditioning, edit_codes
from workers.stages.features import AuditedFeature
from workers.stages.inn import load_inn
from workers.stages.oracles import NOTHING
from workers.stages.references import spread_rows
from workers.stages.stage import Arrays, Produced, StageContext, pack, pack_json

ATTEMPTS = 4
"""Targets are drawn at most this often for an image that cannot show one (a blue as light as yellow)."""
MOVED = 0.5
CLOSE = 0.35
"""An edit is confirmed when its reading ends within half the intended way of the target, or 0.35 spreads of it."""
REDRAWS = 2
PICTURES = 6

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Edited:
    """References ``rows (n,)`` ``before`` and ``after`` ``(draws, n, ...)``, the values wanted, and which came out."""

    rows: NDArray[np.int64]
    before: Images
    after: Images
    floor: Images
    targets: NDArray[np.float64]
    confirmed: NDArray[np.bool_]
    method: str


def run(context: StageContext) -> Produced:
    """Per feature ``flips``, ``variation``, floors ``(n,)`` and ``confirmed (1,)``; the code's own losses; pictures."""
    studio = open_studio(context)
    rows = spread_rows(studio.probabilities.argmax(axis=1), context.budget.edited, context.rng("references"))
    measured = _code_losses(context, studio, rows)
    sheets: list[EditSheet] = []
    for done, (feature, edited) in enumerate(_edits(context, studio, rows)):
        measured |= _effect(studio, feature, edited)
        sheets.append(_sheet(context, studio, feature, edited))
        context.report((done + 1) / len(studio.features), f"{feature.name} changed")
    edits = [sheet.model_dump(mode="json") for sheet in sheets]
    return Produced({"effects": pack({"rows": rows, **measured}), "edits": pack_json(edits)})


def _edits(context: StageContext, studio: Studio, rows: NDArray[np.int64]) -> Iterator[tuple[AuditedFeature, Edited]]:
    stored = context.blob("editor")
    editor = None if stored == NOTHING else load_inn(stored)
    redrawn = studio.redraw(rows, context.generator("floor"))
    for feature in studio.features:
        rng = context.rng("targets", feature.name)
        if feature.statistic is not None:
            yield feature, _transform(feature.statistic, studio, rows, context.budget.edits, rng)
        elif editor is not None:
            yield feature, _edit_attribute(feature, editor, studio, rows, context.budget.edits, rng, redrawn)


def _transform(
    statistic: Statistic, studio: Studio, rows: NDArray[np.int64], draws: int,
    rng: np.random.Generator,
) -> Edited:  # fmt: skip
    """Exact transforms to values drawn from the references; a value that an image cannot take is drawn again."""
    images = studio.references.images[rows]
    current = statistic.measure(images)
    reference = statistic.measure(studio.references.images)
    after, wanted, confirmed = [], [], []
    for _ in range(draws):
        targets = _targets(reference, len(rows), rng)
        edited = statistic.edit(images, current, targets)
        good = statistic.confirms(edited, targets, reference)
        for _ in range(ATTEMPTS - 1):
            left = np.flatnonzero(~good & np.isfinite(current))
            if not len(left):
                break
            targets[left] = _targets(reference, len(left), rng)
            edited[left] = statistic.edit(images[left], current[left], targets[left])
            good[left] = statistic.confirms(edited[left], targets[left], reference)
        after.append(edited)
        wanted.append(targets)
        confirmed.append(good)
    floor = statistic.floor(images, current, wanted[0])
    exists = np.isfinite(current)
    keep = np.stack(confirmed)
    return Edited(
        rows[exists], images[exists], np.stack(after)[:, exists], floor[exists], np.stack(wanted)[:, exists],
        keep[:, exists], "exact image transform",
    )  # fmt: skip


def _targets(reference: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    known = reference[np.isfinite(reference)]
    return draw_targets(known, 1, rng)[:count, 0] if count <= len(known) else rng.choice(known, count)


def _edit_attribute(
    feature: AuditedFeature, editor: ConditionalINN, studio: Studio, rows: NDArray[np.int64], draws: int,
    rng: np.random.Generator, redrawn: Images,
) -> Edited:  # fmt: skip
    """One attribute resampled in the code, the others kept; the oracle says whether it moved."""
    index = torch.from_numpy(rows)
    columns = conditioning(studio.features)
    codes, true = studio.means[index], condition(columns, {})[index]
    before = studio.decode(codes)
    read = studio.reader.encoded(before)[feature.name]
    spread = float(np.sqrt(read.var(axis=0).sum()))
    after, wanted, confirmed = [], [], []
    for _ in range(draws):
        values = feature.column.values.copy()
        values[rows] = rng.choice(feature.column.values, len(rows))
        edited = studio.decode(edit_codes(editor, codes, true, condition(columns, {feature.name: values})[index]))
        goal = feature.encoding.encode(values[rows])
        missed = np.linalg.norm(studio.reader.encoded(edited)[feature.name] - goal, axis=1)
        intended = np.linalg.norm(read - goal, axis=1)
        after.append(edited)
        wanted.append(values[rows])
        confirmed.append(missed <= np.maximum(MOVED * intended, CLOSE * spread))
    return Edited(rows, before, np.stack(after), redrawn, np.stack(wanted), np.stack(confirmed), "conditional INN edit")


def _effect(studio: Studio, feature: AuditedFeature, edited: Edited) -> Arrays:
    """Per-image changes of the answer, and the share of edits that were confirmed."""
    draws, n = edited.after.shape[:2]
    before = classify(studio.classifier, edited.before)
    after = classify(studio.classifier, edited.after.reshape(-1, *edited.before.shape[1:])).reshape(draws, n, -1)
    floor = classify(studio.classifier, edited.floor)[:, None]
    seen = changes(before, after.transpose(1, 0, 2), edited.confirmed.T)
    base = changes(before, floor)
    return {
        f"flips:{feature.name}": seen.flips,
        f"variation:{feature.name}": seen.variation,
        f"floor_flips:{feature.name}": base.flips,
        f"floor_variation:{feature.name}": base.variation,
        f"confirmed:{feature.name}": np.array([edited.confirmed.mean()]),
    }


def _code_losses(context: StageContext, studio: Studio, rows: NDArray[np.int64]) -> Arrays:
    """What the autoencoder alone changes: answers of reconstructions, and readings of posterior draws.

    The readings give the ceiling of generative retention: draws that share the whole code.
    """
    reconstructed = studio.decode(studio.means[torch.from_numpy(rows)])
    answers = classify(studio.classifier, reconstructed).argmax(axis=1)
    agrees = answers == studio.probabilities[rows].argmax(axis=1)
    draws = [studio.reader.encoded(studio.redraw(rows, context.generator("ceiling", i))) for i in range(REDRAWS)]
    readings = {f"ceiling:{name}": np.stack([draw[name] for draw in draws], axis=1) for name in draws[0]}
    return {"reconstruction_agrees": agrees.astype(np.float64), **readings}


def _sheet(context: StageContext, studio: Studio, feature: AuditedFeature, edited: Edited) -> EditSheet:
    """A few images in each of which only this feature changes, in order of its value."""
    shown = np.sort(context.rng("pictures", feature.name).permutation(len(edited.before))[: context.budget.rows // 2])
    built = [_picture_row(studio, feature, edited, int(row)) for row in shown]
    return EditSheet(feature=feature.name, method=edited.method, rows=built)


def _picture_row(studio: Studio, feature: AuditedFeature, edited: Edited, row: int) -> EditRow:
    original, images, values = _pictures(feature, edited, row)
    answers = classify(studio.classifier, np.concatenate([original[None], images]))
    said = int(answers[0].argmax())

    def step(image: Images, answer: NDArray[np.float32], value: str) -> EditStep:
        predicted = int(answer.argmax())
        return EditStep(
            png=to_png(image), value=value, predicted=predicted, confidence=min(float(answer.max()), 1.0),
            flipped=predicted != said,
        )  # fmt: skip

    edits = [step(image, answer, feature.show(v)) for image, answer, v in zip(images, answers[1:], values, strict=True)]
    index = int(edited.rows[row])
    now = feature.show(float(feature.column.values[index]))
    return EditRow(index=index, original=step(original, answers[0], now), edits=edits)


def _pictures(feature: AuditedFeature, edited: Edited, row: int) -> tuple[Images, Images, NDArray[np.float64]]:
    """The original, its edits and their values. Transforms are cheap: their sheets walk through the reference range."""
    original = edited.before[row]
    if feature.statistic is None:
        order = np.argsort(edited.targets[:, row])
        return original, edited.after[order, row], edited.targets[order, row]
    reference = feature.column.values[np.isfinite(feature.column.values)]
    targets = np.quantile(reference, np.linspace(0.05, 0.95, PICTURES))
    images = np.repeat(original[None], PICTURES, axis=0)
    current = feature.statistic.measure(images)
    return original, feature.statistic.edit(images, current, targets), targets
