"""Results and sheets with everything that the contract can carry: concepts, joint bounds, galleries, a certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from schemas.results import (
    AuditResult,
    CertificateMark,
    Chart,
    Concept,
    ConceptScore,
    Effect,
    Estimate,
    Feature,
    FeatureKind,
    FeatureSource,
    Finding,
    Gallery,
    Line,
    Measure,
    Picture,
    PictureRow,
    Sheets,
    Simultaneity,
    Verdict,
    ViewNumbers,
)

from .results import TAPS, estimate, finding, png, result, sheets

CONCEPTS = ("hue", "slant", "with a hat")
VIEWS = (
    "companions",
    "outside",
    "factors",
    *(f"samples:{tap}" for tap in TAPS),
    *("mixing",) * 4,
    *("attack",) * 4,
    "traversals",
    *("attribution",) * 2,
)


def joint(told: Estimate | None, more: float = 0.4) -> Estimate | None:
    """``told`` with joint bounds beyond its own."""
    if told is None:
        return None
    low, high = told.low - more * (told.value - told.low), told.high + more * (told.high - told.value)
    return told.model_copy(update={"joint_low": low, "joint_high": min(high, 1.0)})


def full_finding(bare: Finding) -> Finding:
    """``bare`` with every optional measurement."""
    kept = bare.retention.model_copy(
        update={
            "generative": joint(bare.retention.generative),
            "predictive": joint(bare.retention.predictive),
            "stratified": estimate(0.03, 0.02, method="probe within strata of slant"),
            "factor": estimate(0.05, 0.02, method="variance of the factor over INN samples"),
        }
    )
    effect = bare.effect.model_copy(
        update={
            "flip_rate": joint(bare.effect.flip_rate),
            "logit_change": estimate(0.14, 0.02),
            "method": "exact image transform",
            "confirmed": 0.998,
            "collateral": 0.012,
            "detectable": 0.011,
        }
    )
    other = Effect(
        flip_rate=estimate(0.006, 0.004),
        method="factor of the concept INN, swapped",
        confirmed=0.93,
        collateral=0.06,
        detectable=0.02,
    )
    return bare.model_copy(update={"retention": kept, "effect": effect, "other_effects": [other]})


def concept(name: str, rank: int, taps: tuple[str, ...] = TAPS, **changes: Any) -> Concept:
    """A concept that fades towards the answer; the first of all is at chance there."""
    scores = [concept_score("codes", 0.3 + 0.1 * rank, None)]
    scores += [
        concept_score(tap, (0.3 + 0.1 * rank) * (1 - step / (len(taps) - 1) * (rank == 0)), 0.21)
        for step, tap in enumerate(taps)
    ]
    fields: dict[str, Any] = {
        "name": name,
        "definition": "attribute",
        "pairs": 4096,
        "dimensions": 8 + rank,
        "rho": 0.95,
        "within": 0.91,
        "scores": scores,
    }
    return Concept(**(fields | changes))


def concept_score(tap: str, value: float, untrained: float | None) -> ConceptScore:
    """A score whose interval is 0.04 wide; random pairs reach 0.03."""
    told = Estimate(value=value, low=value - 0.02, high=value + 0.02, n=2048, method="bootstrap over pairs")
    return ConceptScore(tap=tap, score=told, null=0.03, untrained=untrained)


def concepts(names: tuple[str, ...] = CONCEPTS, taps: tuple[str, ...] = TAPS) -> list[Concept]:
    """Concepts that leak into each other a little; the last one comes from two sketches and is weak."""
    leaks = {name: {other: 0.02 + 0.2 * (k == 0) for k, other in enumerate(names) if other != name} for name in names}
    built = [concept(name, rank, taps, leaks=leaks[name]) for rank, name in enumerate(names)]
    caution = "Two pictures define it: 3 of 4 pairs were made by augmentation and share more than the concept."
    weak = {"definition": "sketch", "pairs": 64, "caution": caution}
    return [*built[:-1], built[-1].model_copy(update=weak)]


def certificate_mark() -> CertificateMark:
    """What a release says of its certificate."""
    scores = {
        "precision_ignored": 1.0,
        "recall_ignored": 0.9286,
        "precision_used": 1.0,
        "undetermined": 0.08,
        "largest_gap": 0.5,
    }
    return CertificateMark(
        digest="f" * 64,
        made_at=datetime(2026, 11, 21, 9, 0, tzinfo=UTC),
        pairs=76,
        false_ignored=0,
        scores=scores | {"false_ignored": 0.0},
    )


def full_result(**changes: Any) -> AuditResult:
    """A result with every optional part of the contract."""
    bare = result()
    fields: dict[str, Any] = {
        "features": [
            *bare.features,
            Feature(name="with a hat", source=FeatureSource.CONCEPT, kind=FeatureKind.VECTOR),
            Feature(name="discovered 1", source=FeatureSource.DISCOVERED, kind=FeatureKind.VECTOR),
        ],
        "findings": [
            *(full_finding(each) for each in bare.findings),
            full_finding(finding("with a hat", verdict=Verdict.USED)),
            full_finding(finding("discovered 1", verdict=Verdict.IGNORED, lost=1.0)),
        ],
        "taps": [tap.model_copy(update={"zeros": 0.41, "rank": 128}) for tap in bare.taps],
        "concepts": concepts(),
        "simultaneity": Simultaneity(level=0.95, comparisons=84, each=0.9994, method="Bonferroni over all findings"),
        "certificate": certificate_mark(),
        "views": [ViewNumbers(view="attack", title="After an attack", measures=[measure(0)])],
    }
    return bare.model_copy(update=fields | changes)


def measure(rank: int) -> Measure:
    """A number; every other one has an interval."""
    told = estimate(0.2 + 0.05 * rank, method="bootstrap over images") if rank % 2 == 0 else None
    value = told.value if told else 12.0 * rank
    return Measure(name=f"m{rank}", label=f"Distance to the original, case {rank}", value=value, estimate=told)


def chart(places: tuple[str, ...] = TAPS, lines: int = 3) -> Chart:
    """Lines with one gap, as of a tap where nothing was measured."""
    drawn = [
        Line(name=f"curve {k}", values=[None if (k, at) == (1, 0) else estimate(0.2 * k + 0.1 * at) for at in range(4)])
        for k in range(lines)
    ]
    return Chart(title="Distance by tap", y="share of the distance between images", x=list(places), lines=drawn)


def gallery(view: str, rows: int = 3, columns: int = 8, side: int = 28, seed: int = 0, noise: float = 6.0) -> Gallery:
    """Rows of digits in as many hues as there are columns; the last picture of a row changes the answer."""
    generator = np.random.default_rng(seed)

    def picture(row: int, at: int) -> Picture:
        drawn = png(side, row % 10, at / columns, generator, noise)
        caption = f"{row % 10} · 97 %" if at < columns - 1 else "8 · 51 %"
        return Picture(png=drawn, caption=caption, mark="" if at == 0 else "same" if at < columns - 1 else "changed")

    return Gallery(
        view=view,
        title="Hue taken from another picture",
        subject=view.partition(":")[2] or "penultimate",
        explanation="The first picture is the original. In the others only the hue comes from elsewhere.",
        columns=["original", *(f"donor {at}" for at in range(1, columns))],
        rows=[
            PictureRow(heading=f"image {137 * row}", pictures=[picture(row, at) for at in range(columns)])
            for row in range(rows)
        ],
        measures=[measure(rank) for rank in range(3)],
        charts=[chart()] if view in {"attack", "companions"} else [],
        notes=["This tap fails a gate: its pictures illustrate, no more."] if view == "mixing" else [],
    )  # fmt: skip


def galleries(views: tuple[str, ...] = VIEWS, side: int = 28, noise: float = 6.0, **shape: int) -> list[Gallery]:
    """One gallery per entry of ``views``, no two pictures alike."""
    return [gallery(view, side=side, seed=seed, noise=noise, **shape) for seed, view in enumerate(views)]


def full_sheets(side: int = 28, noise: float = 6.0, views: tuple[str, ...] = VIEWS, **shape: Any) -> Sheets:
    """Every picture of a report, galleries included."""
    bare = sheets(side=side, noise=noise, **shape)
    return bare.model_copy(update={"galleries": galleries(views, side, noise)})
