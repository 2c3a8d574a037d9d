"""An audit's rows as the run that lineage knows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from schemas.ports import BlobMissing, BlobStore
from schemas.problems import Problem
from schemas.results import AuditResult
from services.db.tables import AuditRow, ClassifierRow, DatasetRow
from services.db.trust import ProjectRow

from .events import Run, Thing
from .executions import executions


@dataclass(frozen=True)
class Told:
    """An audit and its run as far as the rows tell it."""

    audit: AuditRow
    run: Run
    project: str


def told_run(session: Session, namespace: str, audit: str) -> Told | None:
    """The run of an audit; ``None`` when it was removed. Names of things begin with their project's."""
    row = session.get(AuditRow, audit)
    if row is None:
        return None
    classifier = session.get_one(ClassifierRow, row.classifier_id)
    dataset = session.get_one(DatasetRow, row.dataset_id)
    project = session.get_one(ProjectRow, row.project_id).name
    inputs = (
        Thing(f"{project}/datasets/{dataset.name}", dataset.digest, "FILE"),
        Thing(f"{project}/classifiers/{classifier.name}", classifier.digest, "MODEL"),
    )
    error = None if row.problem is None else Problem.model_validate(row.problem).detail
    return Told(row, Run(namespace, f"{project}/{classifier.name}", row.id, inputs, error=error), project)


def with_result(told: Told, store: BlobStore) -> Run:
    """The run with what came out: the result, and what was tested. Without either where the result is gone.

    Raises:
        Unavailable: the storage did not answer.
    """
    digest = told.audit.result_digest
    if digest is None:
        return told.run
    try:
        result = AuditResult.model_validate_json(store.get(digest))
    except BlobMissing:
        return told.run
    report = Thing(f"{told.project}/audits/{told.audit.id}/result", digest, "FILE")
    return replace(told.run, outputs=(report,), tests=executions(result))
