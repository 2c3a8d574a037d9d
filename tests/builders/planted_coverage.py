"""How often the intervals of an audit hold the truth, over newly drawn reference sets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from schemas.certificate import Coverage, Score
from schemas.results import FeatureSource
from tests.builders.planted_classifiers import PLANTS
from tests.builders.planted_nets import as_input
from tests.builders.planted_scenes import References, render
from tests.builders.planted_scores import judged, wilson
from tests.builders.planted_truths import logits
from tests.builders.simulated_readings import SimulatedAudit, covers_flip_rate, covers_generative, covers_predictive
from workers.evidence.bootstrap import resampling_weights
from workers.evidence.effects import changes, effect
from workers.evidence.features import FeatureColumn, fit_encoding
from workers.evidence.statistics import Statistic, statistic
from workers.stages.edits import other_values
from workers.stages.features import AuditedFeature

SIMULATED, RENDERED, AUDITS = 100, 40, 40
IMAGES = 1_000
EDITS = 2
RESAMPLES = 1_000
TRUE_PICTURES = 20_000
RENDERED_PLANTS = ("hue", "twin95", "trigger10")
"""From an effect on nearly every picture to one on few."""

Trial = Callable[[np.random.Generator], bool]


def coverage() -> list[Coverage]:
    """Every interval that an audit gives, with a truth in closed form or by Monte Carlo."""
    simulated: list[tuple[str, int, int, Trial]] = [
        ("flip rate of 3 %", 1_000, SIMULATED, covers_flip_rate),
        ("flip rate of 30 %", 1_000, SIMULATED, partial(covers_flip_rate, rate=0.3)),
        ("generative retention of 0.1", 300, SIMULATED, partial(covers_generative, alpha=1 / 3)),
        ("generative retention of 0.5", 300, SIMULATED, partial(covers_generative, alpha=1.0)),
        ("predictive retention of 0.5", 800, SIMULATED // 2, partial(covers_predictive, alpha=1.0)),
    ]
    audit = SimulatedAudit()
    return [
        *(count(f"{name}, simulated", trial, times, images) for name, images, times, trial in simulated),
        *(_rendered(plant) for plant in RENDERED_PLANTS),
        count("all intervals of an audit at once", audit.holds, AUDITS, audit.images).model_copy(
            update={"detail": f"{audit.features} features at {audit.taps} taps, joint bounds"}
        ),
    ]


def coverage_scores(found: list[Coverage]) -> list[Score]:
    """The worst and the mean of the intervals that hold one by one, and those that hold at once."""
    single, joint = found[:-1], found[-1]
    shares = [one.covered for one in single]
    return [
        judged(Score(name="coverage", label="Intervals that hold the truth, of 95 % ones", value=float(np.mean(shares)),
                     at_least=0.90, at_most=0.99)),
        judged(Score(name="coverage_worst", label="The same, worst quantity", value=min(shares), at_least=0.90)),
        judged(Score(name="joint_coverage", label="Audits all of whose intervals hold at once", value=joint.covered,
                     low=joint.low, high=joint.high, n=joint.repetitions, at_least=0.90)),
    ]  # fmt: skip


def count(quantity: str, trial: Trial, times: int, images: int, seed: int = 0) -> Coverage:
    """How often ``trial`` held."""
    hits = sum(trial(rng) for rng in np.random.default_rng(seed).spawn(times))
    low, high = wilson(hits, times)
    return Coverage(quantity=quantity, level=0.95, repetitions=times, images=images, covered=hits / times, low=low,
                    high=high)  # fmt: skip


def _rendered(plant: str) -> Coverage:
    """Hue of real pictures changed by the product's exact edit, beside the renderer's own flip rate."""
    session = onnxruntime.InferenceSession(PLANTS[plant]())
    truth = _true_flips(session)

    def holds(rng: np.random.Generator) -> bool:
        low, high = _told_flips(session, rng)
        return low <= truth <= high

    found = count(f"flip rate of hue at {plant}, exact edit of rendered pictures", holds, RENDERED, IMAGES)
    return found.model_copy(update={"detail": f"true rate {truth:.4f} of {TRUE_PICTURES} pictures"})


def _true_flips(session: onnxruntime.InferenceSession) -> float:
    scenes, rng = References().draw(TRUE_PICTURES, seed=555), np.random.default_rng(5)
    before, after = logits(session, scenes), logits(session, scenes.resample("hue", rng))
    return float((before.argmax(axis=1) != after.argmax(axis=1)).mean())


def _told_flips(session: onnxruntime.InferenceSession, rng: np.random.Generator) -> tuple[float, float]:
    """The interval of the flip rate of ``IMAGES`` new scenes."""
    images = render(References().draw(IMAGES, seed=int(rng.integers(2**31))))
    edited = [_edited(statistic("hue"), images, rng) for _ in range(EDITS)]
    after = np.stack([_answers(session, one) for one, _ in edited], axis=1)
    seen = changes(_answers(session, images), after, np.stack([ok for _, ok in edited], axis=1))
    found = effect(seen, None, resampling_weights(IMAGES, RESAMPLES, rng)).flip_rate
    return found.low, found.high


def _edited(
    hue: Statistic, images: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Pictures with another hue, and which of them show it."""
    current = hue.measure(images)
    column = FeatureColumn(hue.name, hue.kind, current, hue.period)
    targets = other_values(
        AuditedFeature("hue", FeatureSource.MEASURED, column, fit_encoding(column), hue), current, rng
    )
    edited = np.asarray(hue.edit(images, current, targets))
    return edited, hue.confirms(edited, targets, current)


def _answers(session: onnxruntime.InferenceSession, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    scores = np.asarray(session.run(None, {"image": as_input(images)})[0], dtype=np.float64)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
