"""A small, plausible calibration certificate for tests of whatever reads one; no figure in it was measured."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas.audits import SymmetryGroup
from schemas.certificate import (
    Certificate,
    Coverage,
    DosePoint,
    DoseResponse,
    Headline,
    Machine,
    Plant,
    PlantedPair,
    Score,
    ScreenPair,
)
from schemas.results import Estimate, Verdict
from schemas.stages import STAGE_CODE_VERSION

MADE_AT = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


def estimate(value: float, spread: float = 0.02, n: int = 1000, method: str = "bootstrap over images") -> Estimate:
    """A value with an interval around it."""
    return Estimate(value=value, low=value - spread, high=value + spread, n=n, method=method)


def certificate(stage_code_version: str = STAGE_CODE_VERSION) -> Certificate:
    """Two plants, four pairs, three rows of the symmetry screen, one missed target, and one of everything else."""
    return Certificate(
        stage_code_version=stage_code_version, scotoma="0.0.0", made_at=MADE_AT, machine=machine(), profile="quick",
        scores=scores(),
        plants=[
            Plant(name="shape", code="P2", construction="Sees the HSV value alone, with the corner masked."),
            Plant(name="hue", code="P3", construction="The class is the quarter of the hue circle."),
        ],
        pairs=pairs(), screens=screens(), doses=[dose_response()],
        coverage=[
            Coverage(
                quantity="flip rate", level=0.95, repetitions=40, images=400, covered=0.95, low=0.835, high=0.986,
                detail="exact edits",
            )
        ],
        headlines=[
            Headline(
                name="score:label", label="Concept score of the digit", subject="robust.onnx, last hidden tap",
                told=estimate(0.71), published="0.66 to 0.77", provenance="paper 2, from its factor sizes",
            )
        ],
        uncovered=["Pictures larger than 20 pixels."],
    )  # fmt: skip


def machine() -> Machine:
    """Where it was made."""
    return Machine(
        processor="x86_64",
        cores=2,
        python="3.11.9",
        libraries={"torch": "2.13.0"},
        command="make planted",
        seconds=1200,
    )


def scores() -> list[Score]:
    """The count that matters, a share that meets its target and one that misses it."""
    return [
        Score(name="false_ignored", label="Used features called ignored", value=0, at_most=0, met=True),
        Score(name="precision_ignored", label="Precision of ignored", value=1.0, low=0.34, high=1.0, n=2, at_least=0.95,
              met=True),
        Score(name="recall_ignored", label="Recall of ignored", value=0.5, low=0.09, high=0.91, n=2, at_least=0.9,
              met=False, detail="One pair is undetermined."),
    ]  # fmt: skip


def pairs() -> list[PlantedPair]:
    """Right, right, refused, and one that allows several verdicts."""
    return [
        PlantedPair(plant="shape", feature="hue", truth="invisible", flips=0.0, told=estimate(0.001, 0.003),
                    verdict=Verdict.IGNORED, right=True),
        PlantedPair(plant="hue", feature="hue", truth="used", flips=0.82, told=estimate(0.81),
                    verdict=Verdict.USED, right=True),
        PlantedPair(plant="hue", feature="size", truth="invisible", flips=0.0, told=estimate(0.01),
                    verdict=Verdict.UNDETERMINED, right=False),
        PlantedPair(plant="shape", feature="mark", truth="blind spot", flips=0.0, told=None,
                    verdict=Verdict.UNTRUSTED, right=None),
    ]  # fmt: skip


def screens() -> list[ScreenPair]:
    """Right, wrong, and one that training decides."""
    exact = {"plant": "shape", "group": SymmetryGroup.C4, "truth": "exact", "error": estimate(1e-7, 1e-8)}
    return [
        ScreenPair(**exact, tap="conv2", action="regular", told="exact", told_action="regular", right=True),
        ScreenPair(**exact, tap="logits", action="identity", told="unclear", told_action="identity", right=False),
        ScreenPair(plant="hue", tap="logits", group=SymmetryGroup.C4, truth="approximate", told="broken",
                   told_action="identity", error=estimate(0.4), right=None),
    ]  # fmt: skip


def dose_response() -> DoseResponse:
    """Three doses on the line."""
    points = [DosePoint(dose=a, truth=a * a / (1 + a * a), told=estimate(a * a / (1 + a * a))) for a in (0.0, 1.0, 3.0)]
    return DoseResponse(
        name="hue", construction="One unit is alpha times a number plus noise.", points=points, slope=1.0,
        intercept=0.0, spearman=1.0,
    )  # fmt: skip
