"""Rows as the contract that plans read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from schemas.audits import AuditConfig
from schemas.policies import StoredPolicy
from schemas.stages import AuditSubject
from services.autoencoders import service as autoencoders
from services.classifiers import service as classifiers
from services.datasets import service as datasets
from services.db.tables import AuditRow, AutoencoderRow, ClassifierRow, DatasetRow
from services.policies import service as policies

FileRow = ClassifierRow | DatasetRow | AutoencoderRow


@dataclass(frozen=True)
class Files:
    """Everything that an audit names."""

    classifier: ClassifierRow
    dataset: DatasetRow
    against: list[ClassifierRow]
    outside: DatasetRow | None
    autoencoder: AutoencoderRow | None
    policy: StoredPolicy | None = None
    baseline: AuditRow | None = None

    def named(self) -> Iterator[tuple[str, FileRow]]:
        """What was uploaded, each with what it is to the audit."""
        yield "classifier", self.classifier
        yield "dataset", self.dataset
        for row in self.against:
            yield "other classifier", row
        if self.outside is not None:
            yield "dataset from elsewhere", self.outside
        if self.autoencoder is not None:
            yield "autoencoder", self.autoencoder


def files_of(session: Session, audit: AuditRow) -> Files:
    """The rows that ``audit`` names; they exist, for nothing deletes them."""
    config = AuditConfig.model_validate(audit.config)
    return Files(
        classifier=session.get_one(ClassifierRow, audit.classifier_id),
        dataset=session.get_one(DatasetRow, audit.dataset_id),
        against=[session.get_one(ClassifierRow, other) for other in config.against],
        outside=None if config.outside is None else session.get_one(DatasetRow, config.outside),
        autoencoder=None if config.autoencoder is None else session.get_one(AutoencoderRow, config.autoencoder),
        policy=None if audit.policy_id is None else policies.get(session, audit.policy_id),
        baseline=None if audit.baseline_id is None else session.get_one(AuditRow, audit.baseline_id),
    )


def audit_subject(audit: AuditRow, files: Files, attempt: int) -> AuditSubject:
    """What the plan of an audit sees."""
    return AuditSubject(
        audit_id=audit.id,
        name=audit.name,
        created_at=audit.created_at,
        attempt=attempt,
        config=AuditConfig.model_validate(audit.config),
        classifier=classifiers.contract(files.classifier),
        dataset=datasets.contract(files.dataset),
        against=[classifiers.contract(row) for row in files.against],
        outside=None if files.outside is None else datasets.contract(files.outside),
        autoencoder=None if files.autoencoder is None else autoencoders.contract(files.autoencoder),
        policy=None if files.policy is None else files.policy.document,
        baseline=None if files.baseline is None else files.baseline.result_digest,
    )
