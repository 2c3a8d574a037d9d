"""Rows as the contract that plans read."""

from __future__ import annotations

from schemas.audits import AuditConfig
from schemas.stages import AuditSubject
from services.classifiers import service as classifiers
from services.datasets import service as datasets
from services.db.tables import AuditRow, ClassifierRow, DatasetRow


def audit_subject(audit: AuditRow, classifier: ClassifierRow, dataset: DatasetRow, attempt: int) -> AuditSubject:
    """What the plan of an audit sees."""
    return AuditSubject(
        audit_id=audit.id,
        name=audit.name,
        created_at=audit.created_at,
        attempt=attempt,
        config=AuditConfig.model_validate(audit.config),
        classifier=classifiers.contract(classifier),
        dataset=datasets.contract(dataset),
    )
