"""The experiment behind ``attack``: references attacked with growing norms, and noise of the same norms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.classifier.attack import random_signs, square_attack
from workers.stages.class_names import as_outputs
from workers.stages.classifying import classify
from workers.stages.decoding import Studio
from workers.stages.references import spread_rows
from workers.stages.stage import StageContext

Images = NDArray[np.uint8]
Rows = NDArray[np.int64]
RADII = (4, 8, 16, 32, 64)
"""Norms that are tried one after the other, in grey levels; an image keeps the smallest that fooled it."""

EFFORT = {"quick": (24, 400), "standard": (64, 1_000), "full": (128, 2_500)}
"""Images attacked, and queries per image and norm, for images of ``SMALL`` pixels; fewer queries for larger ones."""

SMALL = 32 * 32
FEWEST_QUERIES = 40
NOISES = 8
"""Draws of the control per image and norm."""


@dataclass(frozen=True)
class Assault:
    """Attacked references ``rows (n,)``, each with noise of the same norm ``radius (n,)`` in grey levels.

    ``fooled (n,)``: the attack changed the answer at that norm. ``noise_rates (norms, n)``: share of noise draws that
    did, for every norm of ``RADII``. ``queries (n,)``: forward passes that the attack spent, all norms together.
    """

    rows: Rows
    originals: Images
    attacked: Images
    noisy: Images
    radius: Rows
    fooled: NDArray[np.bool_]
    noise_rates: NDArray[np.float64]
    queries: Rows

    @property
    def noise_fooled(self) -> NDArray[np.float64]:
        """Share of noise draws of each image's own norm that changed its answer, ``(n,)``."""
        return np.asarray(self.noise_rates[np.searchsorted(RADII, self.radius), np.arange(len(self.rows))])


def sure_rows(context: StageContext, studio: Studio) -> Rows:
    """References to attack: answered rightly where the labels are known, among the surer half, over all answers."""
    answers, sure = studio.probabilities.argmax(axis=1), studio.probabilities.max(axis=1)
    known = studio.references.labels
    meant = None if known is None else as_outputs(known, context.config["classes"], context.config["outputs"])
    able = np.arange(len(answers)) if meant is None else np.flatnonzero(answers == meant)
    if not len(able):
        return able
    able = able[sure[able] >= np.median(sure[able])]
    chosen = spread_rows(answers[able], EFFORT[context.budget.name][0], context.rng("chosen"))
    return np.asarray(able[chosen], dtype=np.int64)


def assail(context: StageContext, studio: Studio, rows: Rows) -> Assault:
    """Attack references ``rows`` with growing norms, until each is fooled or the largest norm is spent."""
    originals = studio.references.images[rows]
    answers = studio.probabilities[rows].argmax(axis=1).astype(np.int64)
    attacked, radius = originals.copy(), np.zeros(len(rows), dtype=np.int64)
    fooled, spent = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=np.int64)
    for level in RADII:
        left = np.flatnonzero(~fooled)
        if not len(left):
            break
        tried = square_attack(
            lambda images: studio.classifier.run(images).logits, originals[left], answers[left], level,
            _queries(context, originals.shape), context.rng("attack", level),
        )  # fmt: skip
        attacked[left], fooled[left], radius[left] = tried.images, tried.fooled, level
        spent[left] += tried.queries
        context.report(0.7 * (RADII.index(level) + 1) / len(RADII), f"norm {level} tried")
    rng = context.rng("noise")
    rates = np.stack([_noise_rate(studio, originals, answers, level, rng) for level in RADII])
    pairs = zip(originals, radius, strict=True)
    noisy = np.concatenate([random_signs(image[None], int(level), rng) for image, level in pairs])
    return Assault(rows, originals, attacked, noisy, radius, fooled, rates, spent)


def _queries(context: StageContext, shape: tuple[int, ...]) -> int:
    """Queries per image and norm: fewer for large images, whose forward passes cost more."""
    wanted = EFFORT[context.budget.name][1]
    return max(FEWEST_QUERIES, min(wanted, wanted * SMALL // (shape[1] * shape[2])))


def _noise_rate(
    studio: Studio, originals: Images, answers: Rows, radius: int, rng: np.random.Generator
) -> NDArray[np.float64]:  # fmt: skip
    noisy = random_signs(np.repeat(originals, NOISES, axis=0), radius, rng)
    changed = classify(studio.classifier, noisy).argmax(axis=1) != np.repeat(answers, NOISES)
    return np.asarray(changed.reshape(-1, NOISES).mean(axis=1))
