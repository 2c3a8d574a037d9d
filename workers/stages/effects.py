"""Stage ``effects``: change one feature at a time, ask the classifier, keep what it answered.

A measured statistic is changed by its exact transform; an attribute column, and counts of graphs that have none, by
the editor INN (decision 0003) and, where it has a concept, a second time by replacing its factor; what no column
names, by its factor alone. Oracles, or encoding the picture again, say whether an edit reached its target and whether
it moved anything else. Every edit has a floor: the same machinery with the feature left alone.

An absent effect must be shown on all edits that hit: to drop those of which an oracle says that something else moved
could hide a real effect. A present one must be shown on the clean ones: what moved besides may be what flipped them.

Where acting on the whole input changes an attribute too, the answers to that are kept as well (decision 0011).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from workers.classifier.session import Outputs
from workers.evidence.effects import changes
from workers.evidence.logits import logit_change, logit_spread
from workers.evidence.thresholds import DEFAULT
from workers.flows.inn import ConditionalINN
from workers.stages.action_witness import action_edits
from workers.stages.classifying import Classifier, decided, decisions_of
from workers.stages.code_edits import ConditionalEdit, FactorEdit
from workers.stages.confirmation import least_confirmed
from workers.stages.decoding import Studio, open_studio
from workers.stages.edit_sheets import edit_sheet
from workers.stages.edits import Checked, Edit, Images, Mask, Rows, TransformEdit, Values, other_values
from workers.stages.features import AuditedFeature
from workers.stages.inn import load_inn
from workers.stages.oracles import NOTHING
from workers.stages.references import random_rows
from workers.stages.stage import Arrays, Produced, StageContext, pack, pack_json
from workers.stages.unedited import Unedited

REDRAWS = 2
CONTROL = "\tconstant"
"""Key of the first feature's edits, judged by a classifier that never changes its answer; no feature has this name."""


class ConstantClassifier:
    """Says the same of every image. Takes the audited classifier's place in a control."""

    independent = False

    def __init__(self, classes: int) -> None:
        self.classes = max(classes, 2)

    def run(self, images: NDArray[np.uint8]) -> Outputs:
        """Equal logits."""
        return Outputs(np.zeros((len(images), self.classes), dtype=np.float32), {})

    def probabilities_of(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Equal shares."""
        return np.full_like(logits, 1 / self.classes)


def run(context: StageContext) -> Produced:
    """Per edit ``K`` (a feature's own, by factor, by an action), arrays ``(n,)`` over its images, NaN: none is left:

    ``flips:K``, ``variation:K`` and ``logits:K`` over edits that hit their target; ``clean_flips:K`` and
    ``clean_variation:K`` over those that moved nothing else, where anybody looks; ``floor_flips:K``,
    ``floor_variation:K``, ``floor_logits:K``; and ``(1,)`` each: ``hits:K`` the share of hits, ``confirmed:K`` the same
    where it is least over the values that code edits start from or go to, ``reached:K`` how far the hits went on
    average, 1 at the target, ``collateral:K`` the share of the hits that moved something else; NaN where nobody looked.
    Besides the code's own losses, and pictures.
    """
    studio = open_studio(context)
    rows = random_rows(len(studio.references), context.budget.edited, context.rng("references"))
    spread = logit_spread(context.arrays("latents")["logits"])
    constant = ConstantClassifier(studio.classifier.facts.classes)
    measured, sheets = _code_losses(context, studio, rows), []
    for done, edit in enumerate(edits_of(context, Unedited(studio, rows))):
        resampled = resample(edit, context.budget.edits, context.rng("targets", edit.key))
        measured |= _keyed(edit.key, answered(studio.classifier, edit, resampled, spread))
        if done == 0:
            measured |= _keyed(CONTROL, answered(constant, edit, resampled, 1.0))
        if edit.key == edit.feature.name:
            sheets.append(edit_sheet(context, studio, edit).model_dump(mode="json"))
        context.report(min((done + 1) / len(studio.features), 1.0), f"{edit.feature.name} changed")
    measured |= _acted(context, studio, rows, spread)
    return Produced({"effects": pack({"rows": rows, **measured}), "edits": pack_json(sheets)})


def _acted(context: StageContext, studio: Studio, rows: Rows, spread: float) -> Arrays:
    """What the classifier answers where the whole input is moved; without actions that oracles do not confirm."""
    measured: Arrays = {}
    if context.blob("editor") == NOTHING:
        return measured
    for edit in action_edits(studio, rows, context.rng("actions")):
        resampled = resample(edit, context.budget.edits, context.rng("targets", edit.key))
        found = answered(studio.classifier, edit, resampled, spread)
        if found["confirmed"][0] >= DEFAULT.confirmation:
            measured |= _keyed(edit.key, found)
    return measured


@dataclass(frozen=True)
class Resampled:
    """Edits ``images (draws, n, h, w, c)`` towards ``targets (draws, n, ...)``, NaN where there is none.

    Which show their target, ``hit``, which of them changed something else with it, ``moved``, and how far each went,
    ``way``: ``(draws, n)`` each.
    """

    images: Images
    targets: Values
    hit: Mask
    moved: Mask
    way: Values

    @property
    def clean(self) -> Mask:
        """Hits that moved nothing else."""
        return self.hit & ~self.moved

    @property
    def collateral(self) -> float:
        """Share of the hits that moved something else; NaN without hits."""
        return float(self.moved[self.hit].mean()) if self.hit.any() else float("nan")

    @property
    def reached(self) -> float:
        """Mean share of the way to the target that the hits went; NaN where nobody looked."""
        known = self.way[self.hit & np.isfinite(self.way)]
        return float(known.mean()) if len(known) else float("nan")


def resample(edit: Edit, draws: int, rng: np.random.Generator) -> Resampled:
    """Draw the feature anew from its reference distribution, noticeably different, ``draws`` times per image.

    Where an image cannot show its target (a blue as light as yellow), another is drawn, as often as the edit allows.
    """
    drawn = [_draw(edit, rng) for _ in range(draws)]
    images, targets, checked = zip(*drawn, strict=True)
    hit, moved, way = (np.stack([getattr(one, name) for one in checked]) for name in ("hit", "moved", "way"))
    return Resampled(np.stack(images), np.stack(targets), hit, moved, way)


def _draw(edit: Edit, rng: np.random.Generator) -> tuple[Images, Values, Checked]:
    images, hit, moved = edit.before.copy(), *np.zeros((2, len(edit.before)), dtype=bool)
    current = edit.feature.column.values[edit.rows]
    tried, way = np.full(current.shape, np.nan), np.full(len(current), np.nan)
    for _ in range(edit.attempts):
        targets = other_values(edit.feature, current, rng)
        left = np.flatnonzero(~hit & _known(targets))
        if not len(left):
            break
        images[left] = edit.to(left, targets[left])
        checked = edit.check(left, images[left], targets[left])
        tried[left], hit[left], moved[left], way[left] = targets[left], checked.hit, checked.moved, checked.way
    return images, tried, Checked(hit, moved, way)


def _known(values: Values) -> Mask:
    return np.asarray(np.isfinite(values).all(axis=tuple(range(1, values.ndim))))


def edits_of(context: StageContext, unedited: Unedited) -> Iterator[Edit]:
    """Every way that the audit has to change one of its features; an attribute's own edit comes before its factor's."""
    editor = editor_of(context)
    for feature in unedited.studio.features:
        yield from edits_to(context, feature, editor, unedited)


def editor_of(context: StageContext) -> ConditionalINN | None:
    """The network that edits attributes, where the audit has any."""
    stored = context.blob("editor")
    return None if stored == NOTHING else load_inn(stored)


def edits_to(
    context: StageContext, feature: AuditedFeature, editor: ConditionalINN | None, unedited: Unedited
) -> Iterator[Edit]:
    """Every way to change ``feature``, the better first."""
    if feature.statistic is not None and feature.transformed:
        rng = context.rng("floor", feature.name)
        yield TransformEdit(feature, feature.statistic, unedited.studio, unedited.rows, rng)
        return
    if feature.told and editor is not None:
        yield ConditionalEdit(feature, editor, unedited)
    if feature.factor is not None:
        yield FactorEdit(feature, feature.factor, editor, unedited, context.rng("donors", feature.name))


def answered(classifier: Classifier, edit: Edit, resampled: Resampled, spread: float) -> Arrays:
    """Per-image changes of the answer over all hits, over the clean ones, and of the floor."""
    draws, n = resampled.hit.shape
    before, said = _answers(classifier, edit.before)
    logits, after = _answers(classifier, resampled.images.reshape(-1, *edit.before.shape[1:]))
    logits, after = (each.reshape(draws, n, -1).transpose(1, 0, 2) for each in (logits, after))
    idle, floor = (each[:, None] for each in _answers(classifier, edit.floor))
    compared = partial(changes, independent=classifier.independent)
    seen, base = compared(said, after, resampled.hit.T), compared(said, floor)
    cleanly = compared(said, after, resampled.clean.T & (not edit.blind))
    clean = {"clean_flips": cleanly.flips, "clean_variation": cleanly.variation}
    return {
        **(clean if edit.watched or edit.blind else {}),
        "flips": seen.flips,
        "variation": seen.variation,
        "logits": logit_change(before, logits, resampled.hit.T, spread),
        "floor_flips": base.flips,
        "floor_variation": base.variation,
        "floor_logits": logit_change(before, idle, np.ones((n, 1), dtype=bool), spread),
        "hits": np.array([resampled.hit.mean()]),
        "confirmed": np.array([_confirmed(edit, resampled)]),
        "reached": np.array([resampled.reached]),
        "collateral": np.array([resampled.collateral if edit.watched else np.nan]),
    }


def _confirmed(edit: Edit, resampled: Resampled) -> float:
    """An exact transform hits or the image cannot show the target; a code may have lost one value and keep the rest."""
    if edit.feature.transformed:
        return float(resampled.hit.mean())
    return least_confirmed(edit.feature, edit.feature.column.values[edit.rows], resampled.targets, resampled.hit)


def _answers(classifier: Classifier, images: Images) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits and what is decided by them, ``(n, classes)`` each."""
    logits = classifier.run(images).logits
    return logits, decisions_of(classifier, logits)


def _keyed(key: str, found: Arrays) -> Arrays:
    return {f"{name}:{key}": values for name, values in found.items()}


def _code_losses(context: StageContext, studio: Studio, rows: Rows) -> Arrays:
    """What the autoencoder alone changes: answers of reconstructions, and readings of posterior draws.

    The readings give the ceiling of generative retention: draws that share the whole code.
    """
    reconstructed = studio.decode(studio.means[torch.from_numpy(rows)])
    logits = context.arrays("latents")["logits"][rows], studio.classifier.run(reconstructed).logits
    said, answers = (decided(studio.classifier, each) for each in logits)
    agrees = (said == answers).all(axis=1)
    draws = [studio.reader.encoded(studio.redraw(rows, context.generator("ceiling", i))) for i in range(REDRAWS)]
    readings = {f"ceiling:{name}": np.stack([draw[name] for draw in draws], axis=1) for name in draws[0]}
    return {"reconstruction_agrees": agrees.astype(np.float64), **readings}
