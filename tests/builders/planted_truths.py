"""What a planted classifier truly does with each factor: render every picture again with that factor alone changed.

The truth never touches the product: no edit, no autoencoder, no probe, only the renderer and ONNX Runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from schemas.certificate import PlantedPair
from schemas.results import AuditResult, Verdict
from tests.builders.planted_nets import as_input
from tests.builders.planted_plots import Plot
from tests.builders.planted_retention import true_retention
from tests.builders.planted_scenes import References, Scenes, render

FEATURE = {"shape": "label", "x": "position_x", "y": "position_y", "radius": "size"}
"""Factors that the audit knows under another name."""
PLACES = frozenset({"x", "y", "radius"})
"""The audit moves the whole picture, watermark included; truth moves the shape alone. Equal where place is nothing."""
BLIND = "mark"
"""What the autoencoder cannot carry."""
USED_FLIPS, NO_FLIPS, NO_VARIATION, INVISIBLE = 0.05, 0.01, 0.02, 0.02
PICTURES = 3_000
"""Pictures behind a true flip rate."""
CHUNK = 2_000

Floats = NDArray[np.float64]


class Kind(StrEnum):
    """What is true of one factor and one classifier. ``CARRIED``: in the logits, yet no answer depends on it."""

    USED = "used"
    INVISIBLE = "invisible"
    CARRIED = "carried"
    BETWEEN = "between"
    BLIND = "blind spot"
    TIED = "tied"
    """Never seen apart from another factor in the references: nobody can change it alone without leaving them."""
    TRIGGER = "trigger"
    """Planted to find the smallest one that is seen: whether it is, is the question, and no recall rests on it."""
    POSE = "pose"
    """A hidden tap holds it as a turn or a place of its values, and no answer depends on it."""


ALLOWED = {
    Kind.USED: {Verdict.USED},
    Kind.INVISIBLE: {Verdict.IGNORED},
    Kind.CARRIED: {Verdict.IGNORED, Verdict.ENCODED_UNUSED},
    Kind.POSE: {Verdict.ENCODED_UNUSED},
}
"""Verdicts that are right; any other truth allows several."""


@dataclass(frozen=True)
class Truth:
    """Of one factor: its kind, the flip rate, and the share of its variance that the logits determine."""

    kind: Kind
    flips: float
    kept: float | None


def truths(model: bytes, references: References, seed: int = 0) -> dict[str, Truth]:
    """The truth of every factor, by the renderer's name of it."""
    session = onnxruntime.InferenceSession(model)
    rng, scenes = np.random.default_rng(seed), references.draw(PICTURES)
    before = logits(session, scenes)
    kept = true_retention(lambda many: logits(session, many), references)
    found = {}
    for factor in references.factors:
        flips, variation, moved = _compare(before, logits(session, scenes.resample(factor, rng)))
        found[factor] = Truth(_kind(factor, flips, variation, moved), flips, kept.get(factor))
    return found


def pairs(name: str, plot: Plot, model: bytes, result: AuditResult) -> list[PlantedPair]:
    """The audit's verdicts beside the truth: at the logits, and at hidden taps that hold a factor as pose alone."""
    found = truths(model, plot.references)
    scored = {factor: truth for factor, truth in found.items() if not (plot.place and factor in PLACES)}
    at_logits = [_pair(name, plot, factor, truth, result) for factor, truth in scored.items()]
    return [*at_logits, *(_pose(name, tap, factor, found[factor], result)
                          for tap, factors in plot.poses.items() for factor in factors)]  # fmt: skip


def logits(session: onnxruntime.InferenceSession, scenes: Scenes) -> Floats:
    """The classifier's scores of rendered scenes, ``(n, classes)``."""
    images = render(scenes)
    parts = [session.run(None, {"image": as_input(images[i : i + CHUNK])})[0] for i in range(0, len(images), CHUNK)]
    return np.concatenate(parts).astype(np.float64)


def _pair(name: str, plot: Plot, factor: str, truth: Truth, result: AuditResult) -> PlantedPair:
    finding = result.finding(FEATURE.get(factor, factor))
    kind = _shown(plot, factor, truth.kind)
    right = finding.verdict in ALLOWED[kind] if kind in ALLOWED else None
    return PlantedPair(
        plant=name, feature=finding.feature, truth=kind.value, flips=truth.flips, told=finding.effect.flip_rate,
        kept=truth.kept, predictive=finding.retention.predictive, generative=finding.retention.generative,
        verdict=finding.verdict, right=right,
    )  # fmt: skip


def _pose(name: str, tap: str, factor: str, truth: Truth, result: AuditResult) -> PlantedPair:
    """Right where the verdict is, and says that it is pose alone; a doubt about the answer excuses no other verdict."""
    finding = result.finding(FEATURE.get(factor, factor), tap)
    right = finding.verdict in ALLOWED[Kind.POSE] and finding.pose_only
    return PlantedPair(
        plant=name, feature=finding.feature, truth=Kind.POSE.value, flips=truth.flips, told=finding.effect.flip_rate,
        predictive=finding.retention.predictive, generative=finding.retention.generative, verdict=finding.verdict,
        right=right, tap=tap, pose_only=finding.pose_only,
    )  # fmt: skip


def _shown(plot: Plot, factor: str, kind: Kind) -> Kind:
    """The kind, where nothing about this plot makes it unknowable."""
    if plot.references.tie == 1.0 and factor in ("hue", "shape"):
        return Kind.TIED
    if plot.blind:
        return Kind.BLIND
    return Kind.TRIGGER if factor == plot.trigger else kind


def _kind(factor: str, flips: float, variation: float, moved: float) -> Kind:
    if factor == BLIND:
        return Kind.BLIND
    if flips >= USED_FLIPS:
        return Kind.USED
    if flips > NO_FLIPS or variation > NO_VARIATION:
        return Kind.BETWEEN
    return Kind.INVISIBLE if moved < INVISIBLE else Kind.CARRIED


def _compare(before: Floats, after: Floats) -> tuple[float, float, float]:
    """Flip rate, total variation, and root mean square change of the logits over their spread."""
    flips = float((before.argmax(axis=1) != after.argmax(axis=1)).mean())
    variation = float(np.abs(_softmax(before) - _softmax(after)).sum(axis=1).mean() / 2)
    change, spread = np.square(after - before).mean(), before.var(axis=0).mean()
    return flips, variation, float(np.sqrt(change / max(spread, 1e-30)))


def _softmax(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
