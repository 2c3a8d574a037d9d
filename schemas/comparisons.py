"""Comparisons: what changed between two audits of the same images, with intervals on the differences themselves."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import Field

from .audits import AuditState
from .problems import Problem
from .results import ClassifierSummary, DatasetSummary, Estimate, Picture, Simultaneity, Timing, Verdict
from .scalars import Contract, Identifier, Name, Probability, Sha256
from .stages import AuditSubject

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
    """It did not turn between ignored and used, and the effect is shown to have grown; "encoded, unused" may be used
    now."""
    LESS = "less"
    """It did not turn between ignored and used, and the effect is shown to have shrunk; what was used may be "encoded,
    unused" now."""
    SAME = "same"
    """The difference is shown to be smaller than what counts as an effect, and no verdict says otherwise."""
    UNDECIDED = "undecided"
    """Neither a change nor its absence is shown."""


class Difference(Contract):
    """A number before and after, and ``after - before`` with an interval of its own, paired over the same images.

    All three are over the images that both audits measured: where those are not the same, ``before`` and ``after`` are
    not the numbers of the two reports. What ``change`` rests on are ``joint_low`` and ``joint_high`` of ``difference``.
    """

    before: Estimate
    after: Estimate
    difference: Estimate


class FeatureChange(Contract):
    """One feature at one tap in both audits. ``tap``: name in both, or ``logits``.

    ``edit``: by which edit of the feature the numbers are: the one that shows the change, else the first that both
    audits trust; ``None`` where they trust none. ``flip_rate`` and ``total_variation``: beyond its floor.
    ``retention``: what a probe reads at the tap (predictive), calibrated to 0..1. ``None``: not measured in both alike.
    ``reasons``: why ``change`` is what it is, in words, the decisive one first.
    """

    feature: Name
    tap: str
    change: Change
    before: Verdict
    after: Verdict
    edit: Literal["exact", "generated", "factor"] | None = None
    flip_rate: Difference | None = None
    total_variation: Difference | None = None
    retention: Difference | None = None
    reasons: list[str]


class TapChange(Contract):
    """How invariant a tap is in both audits: ``total_invariance`` (M2) is the share of the codes' variance that it
    leaves free, ``sample_deviation`` (M5) how far its values of images drawn to share it lie from those of the
    original, in units of the distance between two references. Neither decides a ``change``. ``failed_before`` and
    ``failed_after``: names of checks that they and the samples rest on and that failed: then they are no statement.
    """

    tap: str
    total_invariance: Difference | None = None
    sample_deviation: Difference | None = None
    failed_before: list[str] = []
    failed_after: list[str] = []


class ComparedAudit(Contract):
    """One side: which audit, of which classifier, and the digest of its ``result.json``.

    ``refitted``: its numbers here were fitted or measured again, and may differ from those of its report.
    """

    audit: Identifier
    name: Name
    result_digest: Sha256
    finished_at: datetime
    seed: int
    profile: str
    classifier: ClassifierSummary
    refitted: bool = False


class ComparisonResult(Contract):
    """The whole answer. ``images``: how many references both audits looked at; ``agreement``: share of them to which
    both classifiers give the same answer, ``None`` where it cannot be known which class of one is which of the other.

    ``only_before``, ``only_after``: features that one audit alone has, by name, and taps as ``tap NAME``.
    ``simultaneity``: how the joint bounds were made. ``thresholds``: the least difference that counts, by quantity.
    ``limits``: what this comparison cannot say, in words.
    """

    schema_version: Literal["1"] = COMPARISON_VERSION
    comparison: Identifier
    name: Name
    created_at: datetime
    before: ComparedAudit
    after: ComparedAudit
    dataset: DatasetSummary
    images: int = Field(ge=0)
    agreement: Estimate | None = None
    accuracy: Difference | None = None
    changes: list[FeatureChange]
    taps: list[TapChange]
    only_before: list[str] = []
    only_after: list[str] = []
    simultaneity: Simultaneity | None = None
    versions: dict[str, str]
    thresholds: dict[str, float]
    timings: list[Timing]
    limits: list[str]


class PictureSet(Contract):
    """One reference image with images drawn to share its values at ``tap`` in either classifier (invariance samples),
    side by side; or one edit of a feature with both answers. ``feature``: of an edit.

    ``before`` and ``after``: of ``samples`` each classifier's own images, of ``edit`` the same images twice. A caption
    begins with that classifier's answer; ``mark`` says whether it is its answer to the original.
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


class ComparedSubject(Contract):
    """One side as the plan sees it: the audit and the digest of its ``result.json``."""

    audit: AuditSubject
    result: Sha256


class ComparisonSubject(Contract):
    """What a comparison is about, as its plan sees it."""

    comparison_id: Identifier
    name: Name
    created_at: datetime
    before: ComparedSubject
    after: ComparedSubject


def comparison_schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) of ``comparison.json``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:scotoma:comparison:1",
        **ComparisonResult.model_json_schema(),
    }
