"""What the dispatcher needs from the science: plans, which are pure, and one function that runs a stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from schemas.autoencoders import Autoencoder
from schemas.classifiers import Classifier
from schemas.comparisons import ComparisonSubject
from schemas.datasets import Dataset
from schemas.ports import BlobStore, ReportProgress
from schemas.stages import AuditSubject, PlannedStage, StageOutcome, StageRequest

Done = dict[str, StageOutcome]
"""Outcomes by stage name."""

Plan = Callable[[Done], list[PlannedStage]]
"""Every stage that is known, given what is done. A subject is done when all of them are."""

Execute = Callable[[StageRequest, BlobStore, ReportProgress], StageOutcome]
"""Runs in a Ray worker: must be importable there by its module and name."""


@dataclass(frozen=True)
class Science:
    """The injected functions; ``plan_dataset_intake`` also takes the uploaded file's name."""

    plan_audit: Callable[[AuditSubject, Done], list[PlannedStage]]
    plan_classifier_intake: Callable[[Classifier], list[PlannedStage]]
    plan_dataset_intake: Callable[[Dataset, str], list[PlannedStage]]
    plan_autoencoder_intake: Callable[[Autoencoder], list[PlannedStage]]
    plan_comparison: Callable[[ComparisonSubject, Done], list[PlannedStage]]
    execute: Execute
