"""Comparisons: what changed between two audits of the same images, with intervals on the differences themselves."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import Field

from .audits import AuditState
from .problems import Problem
from .results import ClassifierSummary, DatasetSummary, Estimate, Picture, Timing, Verdict
from .scalars import Contract, Identifier, Name, Probability, Sha256

COMPARISON_VERSION: Final = "1"


class ComparisonCreate(Contract):
    """Body of ``POST /v1/comparisons``: two audits that succeeded, of the same dataset."""

    before: Identifier
    after: Identifier
    name: Name | None = None


class Comparison(Contract):
    """A comparison as the API answers it."""

    id: Identifier
    name: Name
    state: AuditState
    before: Identifier
    after: Identifier
    progress: Probability = 0.0
    problem: Problem | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ComparisonPage(Contract):
    """A page of comparisons, newest first."""

    items: list[Comparison]
    next: str | None = None


class Change(StrEnum):
    """What became of a feature at a tap, from the first audit to the second."""

    BECAME_IGNORED = "became_ignored"
    """It was used, it is ignored, and the difference of its effect is shown."""
    BECAME_USED = "became_used"
    """It was ignored, it is used, and the difference of its effect is shown."""
    MORE = "more"
    """No verdict turned round, and the effect is shown to have grown."""
    LESS = "less"
    """No verdict turned round, and the effect is shown to have shrunk."""
    SAME = "same"
    """The difference is shown to be smaller than what counts as an effect."""
    UNDECIDED = "undecided"
    """Neither a change nor its absence is shown."""


class Difference(Contract):
    """A number before and after, and ``after - before`` with an interval of its own, paired over the same images."""

    before: Estimate
    after: Estimate
    difference: Estimate


class FeatureChange(Contract):
    """One feature at one tap in both audits. ``tap``: name in both, or ``logits``."""

    feature: Name
    tap: str
    change: Change
    before: Verdict
    after: Verdict
    flip_rate: Difference | None = None
    total_variation: Difference | None = None
    retention: Difference | None = None
    reasons: list[str]


class TapChange(Contract):
    """How invariant a tap is in both audits (M2, M5): share of the codes' variance that it leaves free."""

    tap: str
    total_invariance: Difference | None = None
    sample_deviation: Difference | None = None


class ComparedAudit(Contract):
    """One side: which audit, of which classifier, and the digest of its ``result.json``."""

    audit: Identifier
    name: Name
    result_digest: Sha256
    finished_at: datetime
    seed: int
    profile: str
    classifier: ClassifierSummary


class ComparisonResult(Contract):
    """The whole answer. ``images``: how many are in both audits' measurements; ``agreement``: share of them to which
    both classifiers give the same answer.
    """

    schema_version: Literal["1"] = COMPARISON_VERSION
    comparison: Identifier
    name: Name
    created_at: datetime
    before: ComparedAudit
    after: ComparedAudit
    dataset: DatasetSummary
    images: int = Field(ge=0)
    agreement: Estimate
    accuracy: Difference | None = None
    changes: list[FeatureChange]
    taps: list[TapChange]
    only_before: list[str] = []
    only_after: list[str] = []
    versions: dict[str, str]
    thresholds: dict[str, float]
    timings: list[Timing]
    limits: list[str]


class PictureSet(Contract):
    """One reference image with what each classifier cannot tell from it (invariance samples), side by side; or one
    edit of a feature with both answers. ``feature``: of an edit.
    """

    kind: Literal["samples", "edit"]
    tap: str
    feature: Name | None = None
    original: Picture
    before: list[Picture]
    after: list[Picture]


class ComparisonPictures(Contract):
    """The pictures of a comparison's report."""

    sets: list[PictureSet]


def comparison_schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) of ``comparison.json``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:scotoma:comparison:1",
        **ComparisonResult.model_json_schema(),
    }
