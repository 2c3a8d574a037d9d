"""From harvests to the certificate that a release carries (``schemas/certificate.json``)."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from schemas import __version__
from schemas.certificate import Certificate, Coverage, DoseResponse, Headline, Machine, PlantedPair, Score, ScreenPair
from schemas.stages import STAGE_CODE_VERSION
from tests.builders.planted_audits import Harvest
from tests.builders.planted_coverage import coverage_scores
from tests.builders.planted_doses import (
    dose_scores,
    dosed_numbers,
    dosed_pictures,
    identity_scores,
    shortcut_score,
    trigger_scores,
)
from tests.builders.planted_plots import PLOTS
from tests.builders.planted_scores import score, symmetry_scores

LIBRARIES = ("numpy", "onnxruntime", "scikit-learn", "scipy", "torch")
UNCOVERED = [
    "Pictures larger than 28 pixels, and photographs: everything here is drawn, or a digit.",
    "Classifiers of more than a few thousand weights, and graphs with attention or recurrence.",
    "Features that no column names and no statistic measures.",
    "Symmetry under turns of less than a quarter, under zooms, and of graphs: no plant has it by construction.",
    "Autoencoders that a user brings: here the service fitted its own.",
    "Profiles other than the one named above: larger ones spend more on the same code.",
]


def pairs_of(harvests: Mapping[str, Harvest]) -> list[PlantedPair]:
    """Every scored pair, in the order of the grid."""
    return [pair for harvest in harvests.values() for pair in harvest.pairs]


def screens_of(harvests: Mapping[str, Harvest]) -> list[ScreenPair]:
    """Every row of the symmetry screen whose truth is known, in the order of the grid."""
    return [screen for harvest in harvests.values() for screen in harvest.screens]


def doses_of(harvests: Mapping[str, Harvest]) -> list[DoseResponse]:
    """Dose-responses in numbers, and in pictures where ``dosed`` was audited."""
    return [*dosed_numbers(), *(dosed_pictures(harvests["dosed"].result) if "dosed" in harvests else [])]


def scores_of(harvests: Mapping[str, Harvest], doses: Sequence[DoseResponse], covered: list[Coverage]) -> list[Score]:
    """All scores of what was harvested."""
    pairs = pairs_of(harvests)
    return [
        *score(pairs), *symmetry_scores(pairs, screens_of(harvests)), *dose_scores(doses), *shortcut_score(pairs),
        *trigger_scores(pairs),
        *(identity_scores(harvests["dosed"].result) if "dosed" in harvests else []),
        *(coverage_scores(covered) if covered else []),
    ]  # fmt: skip


def certify(
    harvests: Mapping[str, Harvest], covered: list[Coverage], headlines: list[Headline], seconds: float
) -> Certificate:
    """The certificate of a run, in the order of the grid. Plots that it did not reach are named as not covered.

    Raises:
        ValueError: coverage, headlines or every plot is missing.
    """
    parts = {"plots": harvests, "coverage": covered, "headlines": headlines}
    if missing := [name for name, part in parts.items() if not part]:
        raise ValueError(f"no certificate without {', '.join(missing)}")
    doses = doses_of(harvests)
    return Certificate(
        stage_code_version=STAGE_CODE_VERSION, scotoma=__version__, made_at=datetime.now(UTC).replace(microsecond=0),
        machine=_machine(seconds), profile=next(iter(harvests.values())).result.audit.profile,
        scores=scores_of(harvests, doses, covered), plants=[PLOTS[name].contract(name) for name in harvests],
        pairs=pairs_of(harvests), screens=screens_of(harvests), doses=doses, coverage=covered, headlines=headlines,
        uncovered=[*_unreached(harvests), *UNCOVERED],
    )  # fmt: skip


def _unreached(harvests: Mapping[str, Harvest]) -> list[str]:
    """The plots of the grid that a shortened run left out."""
    left = [name for name in PLOTS if name not in harvests]
    return [f"Plots of the grid that this run did not reach: {', '.join(left)}."] if left else []


def _machine(seconds: float) -> Machine:
    return Machine(
        processor=_processor(), cores=len(os.sched_getaffinity(0)), python=platform.python_version(),
        libraries={name: version(name) for name in LIBRARIES}, command="make planted", seconds=round(seconds),
    )  # fmt: skip


def _processor() -> str:
    """The processor's own name where Linux tells it."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
