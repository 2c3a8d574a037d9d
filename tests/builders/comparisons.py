"""Plausible comparisons with real small PNGs, for tests of whatever reads them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from schemas.comparisons import (
    Change,
    ComparedAudit,
    ComparisonPictures,
    ComparisonResult,
    Difference,
    FeatureChange,
    PictureSet,
    TapChange,
)
from schemas.results import Estimate, Picture, Timing, Verdict
from tests.builders.results import DIGITS, STARTED, classifier, dataset, png

TAPS = ("conv1", "conv2", "logits")
ENDS: dict[Change, tuple[Verdict, Verdict, float, float]] = {
    Change.BECAME_USED: (Verdict.IGNORED, Verdict.USED, 0.003, 0.613),
    Change.BECAME_IGNORED: (Verdict.USED, Verdict.IGNORED, 0.31, 0.002),
    Change.MORE: (Verdict.USED, Verdict.USED, 0.143, 0.234),
    Change.LESS: (Verdict.UNDETERMINED, Verdict.UNDETERMINED, 0.06, 0.031),
    Change.SAME: (Verdict.IGNORED, Verdict.IGNORED, 0.002, 0.0024),
    Change.UNDECIDED: (Verdict.UNDETERMINED, Verdict.USED, 0.024, 0.071),
}
"""Verdicts and flip rates that go with each change."""
SPREADS = {Change.SAME: 0.006, Change.UNDECIDED: 0.06, Change.LESS: 0.012}
FEATURES = {
    "hue": Change.BECAME_USED,
    "border": Change.BECAME_IGNORED,
    "slant": Change.MORE,
    "stroke thickness": Change.LESS,
    "sharpness": Change.UNDECIDED,
    "contrast": Change.SAME,
}
"""In the order of a report."""
REASONS = {
    Change.UNDECIDED: ["The interval of the difference reaches across the threshold: -1.3 to 10.7 answers in 100."],
}
PAIRED = "paired over images, bootstrap"


def estimate(value: float, spread: float = 0.02, joint: bool = False, method: str = PAIRED) -> Estimate:
    """A symmetric interval; with ``joint`` bounds half as wide again."""
    bounds = {"joint_low": value - 1.5 * spread, "joint_high": value + 1.5 * spread} if joint else {}
    return Estimate(value=value, low=value - spread, high=value + spread, n=512, method=method, **bounds)


def difference(before: float, after: float, spread: float = 0.02) -> Difference:
    """Both ends, and the difference with an interval of its own."""
    made = estimate(round(after - before, 6), spread, joint=True)
    return Difference(before=estimate(before, spread / 2), after=estimate(after, spread / 2), difference=made)


def feature_change(feature: str, change: Change, tap: str = "logits", **fields: Any) -> FeatureChange:
    """One feature at one tap, with numbers that suit its change."""
    before, after, low, high = ENDS[change]
    spread = SPREADS.get(change, 0.03)
    told: dict[str, Any] = {
        "feature": feature,
        "tap": tap,
        "change": change,
        "before": before,
        "after": after,
        "flip_rate": difference(low, high, spread),
        "total_variation": difference(1.3 * low, 1.3 * high, spread),
        "retention": difference(0.02 + 0.4 * low, 0.02 + 0.9 * high),
        "reasons": REASONS.get(change, ["The interval of the paired difference decides."]),
    }
    return FeatureChange(**(told | fields))


def tap_change(tap: str, rank: int) -> TapChange:
    """Invariance falls at every tap; the first one has no samples."""
    deviation = None if rank == 0 else difference(0.07, 0.09, 0.01)
    return TapChange(
        tap=tap, total_invariance=difference(0.1 + 0.3 * rank, 0.05 + 0.27 * rank), sample_deviation=deviation
    )


def compared(name: str, number: int) -> ComparedAudit:
    """One side."""
    return ComparedAudit(
        audit=f"aud_01k9demo000000000000000{number}",
        name=f"{name} on ColorMNIST",
        result_digest=str(number) * 64,
        finished_at=STARTED + timedelta(days=number),
        seed=number,
        profile="quick",
        classifier=classifier(id=f"clf_01k9demo000000000000000{number}", name=name, digest=f"{number}d" * 32),
    )


def comparison_result(
    features: dict[str, Change] | None = None, tap_names: tuple[str, ...] = TAPS, **changes: Any
) -> ComparisonResult:
    """A whole comparison; any field can be replaced by keyword. Hidden taps hold everything as before."""
    features = FEATURES if features is None else features
    told: dict[str, Any] = {
        "comparison": "cmp_01k9demo0000000000000001",
        "name": "demo-robust to demo-hue",
        "created_at": STARTED + timedelta(days=3),
        "before": compared("demo-robust", 1),
        "after": compared("demo-hue", 2),
        "dataset": dataset(),
        "images": 512,
        "agreement": estimate(0.389, 0.04),
        "accuracy": difference(0.982, 0.941, 0.015),
        "changes": [
            feature_change(name, change if tap == "logits" else Change.SAME, tap)
            for name, change in features.items()
            for tap in tap_names
        ],
        "taps": [tap_change(tap, rank) for rank, tap in enumerate(tap_names)],
        "versions": {"scotoma": "0.3.0", "torch": "2.13.0"},
        "thresholds": {"flip_rate": 0.01, "total_variation": 0.02},
        "timings": [Timing(stage="comparison", seconds=2.1)],
        "limits": ["Only the 512 images that both audits edited count."],
    }
    return ComparisonResult(**(told | changes))


def picture(
    digit: int, answer: int, generator: np.random.Generator, side: int = 28, hue: float | None = None
) -> Picture:
    """A coloured digit with what a classifier made of it."""
    shade = float(generator.random()) if hue is None else hue
    said = f"{DIGITS[answer]}, {generator.uniform(0.7, 0.99):.0%}"
    return Picture(png=png(side, digit, shade, generator), caption=said, mark="same" if digit == answer else "changed")


def comparison_pictures(
    taps: tuple[str, ...] = TAPS,
    features: tuple[str, ...] = ("hue", "slant"),
    rows: int = 4,
    samples: int = 6,
    side: int = 28,
) -> ComparisonPictures:
    """Samples of each tap: any hue before, one hue after; and edits that only the classifier after minds."""
    generator = np.random.default_rng(0)

    def sample_set(tap: str, digit: int) -> PictureSet:
        hue = float(generator.random())
        return PictureSet(
            kind="samples",
            tap=tap,
            original=picture(digit, digit, generator, side, hue).model_copy(update={"mark": ""}),
            before=[picture(digit, digit, generator, side) for _ in range(samples)],
            after=[picture(digit, digit, generator, side, hue) for _ in range(samples)],
        )

    def edit_set(feature: str, digit: int) -> PictureSet:
        before = [picture(digit, digit, generator, side) for _ in range(samples)]
        changed = {"caption": "3, 81%", "mark": "changed"}
        return PictureSet(
            kind="edit",
            tap="logits",
            feature=feature,
            original=picture(digit, digit, generator, side).model_copy(update={"mark": ""}),
            before=before,
            after=[one.model_copy(update=changed) if at % 2 else one for at, one in enumerate(before)],
        )

    samples_of = [sample_set(tap, digit) for tap in taps for digit in range(rows)]
    return ComparisonPictures(sets=samples_of + [edit_set(one, digit) for one in features for digit in range(rows)])
