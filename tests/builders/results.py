"""Plausible audit results and sheets with real small PNGs, for tests of whatever reads them."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from schemas.policies import MustIgnore, Outcome, PolicyReport, RuleOutcome
from schemas.results import (
    AuditProvenance,
    AuditResult,
    ClassifierSummary,
    Control,
    DatasetSummary,
    EditRow,
    EditSheet,
    EditStep,
    Effect,
    Estimate,
    Feature,
    FeatureKind,
    FeatureSource,
    Finding,
    Gate,
    Retention,
    SheetRow,
    Sheets,
    SheetSample,
    Tap,
    TapSheet,
    Thresholds,
    Timing,
    Verdict,
)

STARTED = datetime(2026, 11, 22, 1, 44, tzinfo=UTC)
DIGITS = [str(digit) for digit in range(10)]
TAPS = ("/features/block1/relu", "/features/block2/relu", "penultimate", "logits")
FEATURES = {
    "hue": Verdict.IGNORED,
    "slant": Verdict.USED,
    "stroke thickness": Verdict.ENCODED_UNUSED,
    "sharpness": Verdict.UNDETERMINED,
    "position": Verdict.UNTRUSTED,
}
RETAINED = {"ignored": 0.02, "used": 0.61, "encoded_unused": 0.57, "undetermined": 0.22, "untrusted": 0.31}
FLIPPED = {"ignored": 0.003, "used": 0.143, "encoded_unused": 0.002, "undetermined": 0.024, "untrusted": 0.08}
REASONS = {
    "ignored": ["The upper bounds of retention and of the flip rate are below their thresholds."],
    "used": ["The lower bound of the flip rate is above the threshold.", "Both retention estimates agree."],
    "encoded_unused": ["It is readable from the size of the scores, yet no answer depends on it."],
    "undetermined": ["The interval of the flip rate reaches across the threshold."],
    "untrusted": ["The gate round trip failed, and this verdict rests on it."],
}


def estimate(value: float, spread: float = 0.02, n: int = 512, method: str = "cross-fitted probe") -> Estimate:
    """An estimate with a symmetric interval, cut to what a share can be from above."""
    return Estimate(value=value, low=value - spread, high=min(value + spread, 1.0), n=n, method=method)


def effect(verdict: Verdict) -> Effect:
    """The effect that goes with ``verdict``."""
    flips = FLIPPED[verdict.value]
    spread = 0.004 if flips < 0.01 else 0.02
    return Effect(
        flip_rate=estimate(flips, spread, method="exact image transform"),
        total_variation=estimate(flips * 1.4, spread, method="exact image transform"),
        floor=estimate(0.001, 0.001, method="reconstruction only"),
    )


def finding(feature: str, tap: str = "logits", verdict: Verdict = Verdict.IGNORED, lost: float = 0.0) -> Finding:
    """A finding whose numbers suit its verdict; ``lost`` in 0..1 raises retention towards the input side."""
    kept = RETAINED[verdict.value]
    kept += (0.97 - kept) * (1 - lost)
    return Finding(
        feature=feature,
        tap=tap,
        verdict=verdict,
        retention=Retention(
            generative=estimate(kept, method="INN samples read by an oracle"),
            predictive=estimate(max(kept - 0.006, 0.001)),
        ),
        effect=effect(verdict),
        reasons=REASONS[verdict.value],
    )


def tap(name: str, rank: int, of: int) -> Tap:
    """The ``rank``-th of ``of`` taps; the last one is the answer."""
    depth = (rank + 1) / of
    return Tap(
        name=name,
        kind="logits" if rank == of - 1 else "hidden",
        depth=depth,
        shape=[10] if rank == of - 1 else [16 * (rank + 1), 14, 14],
        information=Estimate(
            value=40 - 34 * depth, low=39 - 34 * depth, high=41.5 - 34 * depth, n=1000, method="INN likelihood"
        ),
        total_invariance=estimate(0.05 + 0.75 * depth, 0.03, method="INN samples"),
    )


def findings(features: dict[str, Verdict], taps: tuple[str, ...]) -> list[Finding]:
    """One finding per feature and tap: early taps still hold everything, and the verdict stands at the answer."""
    last = len(taps) - 1
    return [
        finding(name, tap_name, verdict if rank == last else Verdict.ENCODED_UNUSED, rank / last if last else 1.0)
        if verdict is not Verdict.USED
        else finding(name, tap_name, verdict, rank / last if last else 1.0)
        for name, verdict in features.items()
        for rank, tap_name in enumerate(taps)
    ]


def gates(failed: bool) -> list[Gate]:
    """The gates of an audit; the round trip fails on request."""
    return [
        Gate(
            name="completeness",
            passed=True,
            value=0.991,
            threshold=0.95,
            detail="The classifier gives reconstructed images the answer of the originals.",
        ),
        Gate(
            name="independence",
            passed=True,
            value=0.004,
            threshold=0.02,
            detail="What the tap discarded says nothing about the tap.",
        ),
        Gate(
            name="better than linear-Gaussian",
            passed=True,
            value=-0.112,
            threshold=0.0,
            detail="Held-out negative log-likelihood against the closed form, in nats per dimension.",
        ),
        Gate(
            name="round trip",
            passed=not failed,
            value=0.31 if failed else 0.00002,
            threshold=0.001,
            detail="Position cannot be read back from edited images as it was set."
            if failed
            else "Inverting the network returns the code.",
        ),
    ]


def result(
    features: dict[str, Verdict] | None = None,
    taps: tuple[str, ...] = TAPS,
    classes: list[str] | None = None,
    failed_gate: bool = True,
    **changes: Any,
) -> AuditResult:
    """An audit result; any field of ``AuditResult`` can be replaced by keyword."""
    features = FEATURES if features is None else features
    fields: dict[str, Any] = {
        "audit": provenance(),
        "classifier": classifier(classes=DIGITS if classes is None else classes),
        "dataset": dataset(attributes=list(features)[:3]),
        "taps": [tap(name, rank, len(taps)) for rank, name in enumerate(taps)],
        "features": [
            Feature(
                name=name,
                source=FeatureSource.ATTRIBUTE if rank % 2 else FeatureSource.MEASURED,
                kind=FeatureKind.CIRCULAR if name == "hue" else FeatureKind.NUMERIC,
            )
            for rank, name in enumerate(features)
        ],
        "findings": findings(features, taps),
        "gates": gates(failed_gate),
        "controls": [
            Control(
                name="permuted representation",
                passed=True,
                value=0.001,
                expected="retention of 0",
                detail="Shuffling the representation must leave nothing to read.",
            ),
            Control(
                name="constant classifier",
                passed=True,
                value=0.0,
                expected="every feature ignored",
                detail="A classifier that always gives one answer ignores everything.",
            ),
        ],
        "thresholds": Thresholds(retention_low=0.05, effect_absent=0.01, effect_present=0.05),
        "timings": [
            Timing(stage="autoencoder", seconds=61.2, reused=True),
            Timing(stage="inn:logits", seconds=34.8),
            Timing(stage="evidence", seconds=9.1),
        ],
        "limits": ["The references hold no digit thicker than 6 pixels; nothing is said beyond that."],
    }
    return AuditResult(**(fields | changes))


def provenance(**changes: Any) -> AuditProvenance:
    """Where the audit came from."""
    fields: dict[str, Any] = {
        "id": "aud_01k9demo0000000000000001",
        "name": "demo-robust on ColorMNIST",
        "created_at": STARTED,
        "finished_at": STARTED + timedelta(minutes=2, seconds=31),
        "profile": "quick",
        "seed": 0,
        "config_digest": "c" * 64,
        "versions": {"scotoma": "0.1.0", "torch": "2.13.0", "onnxruntime": "1.31.0"},
        "artifacts": {"sheets": "blobs/sha256/5e/" + "5e" * 32, "inn:logits": "blobs/sha256/a1/" + "a1" * 32},
    }
    return AuditProvenance(**(fields | changes))


def classifier(**changes: Any) -> ClassifierSummary:
    """The audited file."""
    fields: dict[str, Any] = {
        "id": "clf_01k9demo0000000000000001",
        "name": "demo-robust",
        "digest": "d" * 64,
        "canonical_digest": "e" * 64,
        "bytes": 412_345,
        "opset": 20,
        "parameters": 101_770,
        "input_shape": [None, 3, 28, 28],
        "output_kind": "logits",
        "classes": DIGITS,
        "accuracy": estimate(0.982, 0.006, 1000, "held-out labels"),
    }
    return ClassifierSummary(**(fields | changes))


def dataset(**changes: Any) -> DatasetSummary:
    """The reference images."""
    fields: dict[str, Any] = {
        "id": "dat_01k9demo0000000000000001",
        "name": "ColorMNIST",
        "digest": "a" * 64,
        "canonical_digest": "b" * 64,
        "images": 5000,
        "height": 28,
        "width": 28,
        "channels": 3,
        "attributes": ["hue", "slant"],
        "labelled": True,
    }
    return DatasetSummary(**(fields | changes))


def png(side: int, digit: int, hue: float, generator: np.random.Generator, noise: float = 6.0) -> str:
    """A coloured digit on black as base64 PNG; with noise, so that it is as hard to compress as a photograph."""
    image = Image.new("HSV", (side, side), (0, 0, 0))
    colour = (round(255 * hue) % 256, 210, 235)
    ImageDraw.Draw(image).text((side * 0.28, side * 0.05), str(digit), fill=colour, font_size=side * 0.78)
    pixels = np.asarray(image.convert("RGB")) + generator.normal(0, noise, (side, side, 3))
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def sheets(
    side: int = 28,
    taps: tuple[str, ...] = TAPS,
    features: tuple[str, ...] = ("hue", "slant", "stroke thickness"),
    rows: int = 8,
    samples: int = 8,
    noise: float = 6.0,
    classes: list[str] | None = None,
) -> Sheets:
    """Every picture of a report: ``rows`` × ``samples`` per tap, a nuisance sheet, and edits of ``features``."""
    generator = np.random.default_rng(0)
    return Sheets(
        classes=DIGITS if classes is None else classes,
        taps=[tap_sheet(name, side, rows, samples, noise, generator) for name in taps],
        edits=[edit_sheet(name, side, noise, generator) for name in features],
        nuisance=tap_sheet("logits", side, min(rows, 4), samples, noise, generator),
    )


def tap_sheet(name: str, side: int, rows: int, samples: int, noise: float, generator: np.random.Generator) -> TapSheet:
    """One tap's sheet: random hues, and now and then a sample that fails."""

    def sample(digit: int, hue: float, agrees: bool = True) -> SheetSample:
        answer = digit if agrees else (digit + 3) % 10
        return SheetSample(
            png=png(side, digit, hue, generator, noise),
            predicted=answer,
            confidence=float(generator.uniform(0.7, 1)) if agrees else 0.46,
            agrees=agrees,
            deviation_floor=1.3,
            deviation_random=0.07,
        )

    def row(index: int) -> SheetRow:
        digit, hue = index % 10, float(generator.random())
        drawn = [sample(digit, float(generator.random()), (index + k) % 11 != 10) for k in range(samples)]
        return SheetRow(
            index=137 * index,
            label=digit,
            original=sample(digit, hue),
            reconstruction=sample(digit, hue),
            samples=drawn,
        )

    return TapSheet(
        tap=name,
        rows=[row(index) for index in range(rows)],
        agreement=estimate(0.973, 0.011),
        deviation_floor=Estimate(value=1.31, low=1.2, high=1.4, n=64, method="median"),
        deviation_random=Estimate(value=0.072, low=0.06, high=0.08, n=64, method="median"),
    )


def edit_sheet(feature: str, side: int, noise: float, generator: np.random.Generator, steps: int = 6) -> EditSheet:
    """One feature's edits: three images with six steps each; slant flips one answer."""

    def step(digit: int, hue: float, value: str, flipped: bool = False) -> EditStep:
        return EditStep(
            png=png(side, digit, hue, generator, noise),
            value=value,
            predicted=(digit + 5) % 10 if flipped else digit,
            confidence=0.51 if flipped else 0.97,
            flipped=flipped,
        )

    def row(index: int) -> EditRow:
        edits = [step(index, k / steps, f"{60 * k}°", feature == "slant" and k == 4) for k in range(steps)]
        return EditRow(index=211 * index, original=step(index, 0.1, "36°"), edits=edits)

    return EditSheet(
        feature=feature,
        method="exact rotation of hue in HSV; saturation, value and shape untouched",
        rows=[row(index) for index in range(3)],
    )


def policy_report(text: str, outcome: Outcome = Outcome.FAIL) -> PolicyReport:
    """What came of a policy in which everything that a user can name is ``text``."""
    rule = MustIgnore(must_ignore=text, tap=text)
    of = [finding(text, "logits", Verdict.USED)]
    told = RuleOutcome(rule=rule, sentence=rule.sentence, outcome=outcome, why=text, findings=of)
    return PolicyReport(
        policy=text,
        outcome=outcome,
        audit=f"aud_{'0' * 24}",
        classifier=text,
        classifier_digest="a" * 64,
        dataset=text,
        rules=[told],
    )
