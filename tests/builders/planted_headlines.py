"""The papers' own headline quantities, measured by audits of the demo's ColorMNIST, beside the published values.

Provenance of the published values: ``papers.md`` 2(a), 2(b), 4(b) of the project's research notes.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from deploy.demo.digits import write_dataset
from schemas.audits import AuditConfig, View
from schemas.certificate import Headline
from schemas.results import AuditResult, Estimate
from tests.builders.planted_audits import Laboratory

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
CLASSIFIERS = ("robust", "hue")
CODES = "codes"
FACTORS = {"label": "digit", "hue": "color"}
"""Concepts of the demo's dataset, as the papers call them."""
SIZES = (
    "paper 2 (IIN), from the sizes of digit, color and residual that its code publishes: 22, 11 and 31 of 64 for the "
    "classifier, 13, 17 and 34 for the autoencoder"
)
SCORES = {
    ("classifier", "label"): "0.66 to 0.77",
    ("classifier", "hue"): "-0.04 to 0.12",
    (CODES, "label"): "0.04 to 0.17",
    (CODES, "hue"): "0.31 to 0.42",
}
EXPLAINED = {
    "label": "36.08 % of the digit, 2.57 % early in training",
    "hue": "2.76 % of the background's colour, 38.44 % early in training",
}
TRAINING = "paper 4 (INV), figure on training dynamics, SqueezeNet on ColorMNIST after 36 thousand and 4 thousand steps"
RESPONSE = "paper 2 (IIN), figure on network response: one 7, 1000 resamples of one factor"
RESPONSES = {"class_std": "Spread of the class number", "flip_rate": "Flips"}
SPREADS = {"label": "2.74", "hue": "0.19"}
LAYER = {**SPREADS, "residual": "0.0"}
"""The same of the classifier's own layer, which is what the paper takes apart."""


@dataclass(frozen=True)
class Digits:
    """The demo's audits by classifier."""

    results: dict[str, AuditResult]


def audit_digits(folder: Path) -> Digits:
    """Audit the demo's classifiers with concepts. Runs in a process of its own, on one core."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "digits.npz"
        write_dataset(path)
        images = path.read_bytes()
    laboratory, config = Laboratory(folder), AuditConfig(views=[View.CONCEPTS])
    return Digits({
        name: laboratory.audit(name, (DEMO / f"{name}.onnx").read_bytes(), images, config) for name in CLASSIFIERS
    })  # fmt: skip


def headlines(digits: Digits) -> list[Headline]:
    """Every headline quantity of every classifier, and of the autoencoder's codes once."""
    robust = digits.results[CLASSIFIERS[0]]
    return [
        *(_score(robust, concept, CODES) for concept in FACTORS),
        *(one for name in CLASSIFIERS for one in _of_classifier(name, digits.results[name])),
    ]


def as_table(found: list[Headline]) -> list[str]:
    """For a terminal."""
    head = f"{'quantity':50} {'subject':34} {'here':>22}  published"
    return [head, *(f"{one.label:50} {one.subject:34} {_told(one.told):>22}  {one.published}" for one in found)]


def _of_classifier(name: str, result: AuditResult) -> list[Headline]:
    hidden = [tap.name for tap in result.taps if tap.kind == "hidden"]
    return [
        *(_score(result, concept, hidden[-1], f"{name}.onnx") for concept in FACTORS),
        *(_explained(result, concept, tap.name, f"{name}.onnx") for tap in result.taps for concept in FACTORS),
        *_response(result, f"{name}.onnx"),
        *_layer_response(result, f"{name}.onnx"),
    ]


def _score(result: AuditResult, concept: str, tap: str, subject: str = "autoencoder") -> Headline:
    """Concept score ``s_F`` (M4)."""
    scores = next(one.scores for one in result.concepts if one.name == concept)
    told = next(one.score for one in scores if one.tap == tap)
    whose = CODES if tap == CODES else "classifier"
    return Headline(
        name=f"score:{concept}", label=f"Concept score of {FACTORS[concept]}", subject=f"{subject}, {tap}", told=told,
        published=SCORES[whose, concept], provenance=SIZES,
    )  # fmt: skip


def _explained(result: AuditResult, concept: str, tap: str, subject: str) -> Headline:
    """Variance of the concept's factor that the tap explains (M1 on ``e``)."""
    return Headline(
        name=f"explained:{concept}", label=f"Variance of the {FACTORS[concept]} factor explained",
        subject=f"{subject}, {tap}", told=result.finding(concept, tap).retention.factor,
        published=EXPLAINED[concept], provenance=TRAINING,
    )  # fmt: skip


def _response(result: AuditResult, subject: str) -> list[Headline]:
    """Spread of the answer's number, and flips, when one factor is drawn anew (M6)."""
    found = {view.subject: {one.name: one for one in view.measures} for view in result.views if view.view == "factors"}
    return [
        Headline(
            name=f"{measure}:{factor}", label=f"{what} when {FACTORS[factor]} is drawn anew",
            subject=subject, told=found[factor][measure].estimate,
            published=SPREADS[factor] if measure == "class_std" else "not published", provenance=RESPONSE,
        )
        for measure, what in RESPONSES.items() for factor in SPREADS if factor in found
    ]  # fmt: skip


def _layer_response(result: AuditResult, subject: str) -> list[Headline]:
    """The same when the factor is that of the last hidden tap, and no picture is drawn."""
    views = [view for view in result.views if view.view == "response"]
    return [
        Headline(
            name=f"layer_{measure}:{factor}", label=f"{what}, the layer's {FACTORS.get(factor, factor)} drawn anew",
            subject=f"{subject}, {view.subject}", told=one.estimate,
            published=published if measure == "class_std" else "not published", provenance=RESPONSE,
        )
        for view in views for measure, what in RESPONSES.items() for factor, published in LAYER.items()
        for one in view.measures if one.name == f"{measure}:{factor}"
    ]  # fmt: skip


def _told(told: Estimate | None) -> str:
    return "-" if told is None else f"{told.value:.2f} ({told.low:.2f} to {told.high:.2f})"
