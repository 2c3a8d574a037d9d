"""Rows as the contracts that plans read."""

from __future__ import annotations

from schemas.audits import AuditConfig
from schemas.classifiers import Classifier
from schemas.datasets import Dataset
from schemas.stages import AuditSubject
from services.db.tables import AuditRow, ClassifierRow, DatasetRow


def classifier_of(row: ClassifierRow) -> Classifier:
    """The classifier of a row."""
    return Classifier.model_validate(
        {name: getattr(row, name) for name in Classifier.model_fields},
    )


def dataset_of(row: DatasetRow) -> Dataset:
    """The dataset of a row."""
    return Dataset.model_validate({name: getattr(row, name) for name in Dataset.model_fields})


def audit_subject(audit: AuditRow, classifier: ClassifierRow, dataset: DatasetRow, attempt: int) -> AuditSubject:
    """What the plan of an audit sees."""
    return AuditSubject(
        audit_id=audit.id,
        name=audit.name,
        created_at=audit.created_at,
        attempt=attempt,
        config=AuditConfig.model_validate(audit.config),
        classifier=classifier_of(classifier),
        dataset=dataset_of(dataset),
    )
