"""Rules of datasets: a row and its intake job begin in one transaction."""

from __future__ import annotations

from sqlalchemy.orm import Session

from schemas.classifiers import IntakeState
from schemas.datasets import AttributeSpec, Dataset, DatasetCreate, DatasetFacts
from schemas.problems import Problem
from services.api_keys.service import Principal
from services.db.identifiers import new_id
from services.db.tables import DatasetRow, JobKind
from services.files.resource import Resource
from services.uploads import service as uploads


def create(session: Session, principal: Principal, body: DatasetCreate) -> Dataset:
    """Register uploaded images and queue their intake.

    Raises:
        InvalidRequest: no upload of this key has this id.
        UploadIncomplete: its bytes are not complete.
    """
    upload, digest = uploads.completed(session, principal, body.upload)
    row = DatasetRow(
        id=new_id("dat"),
        name=body.name,
        upload_id=upload.id,
        digest=digest,
        bytes=upload.bytes,
        filename=upload.filename,
        attributes={name: spec.model_dump(mode="json") for name, spec in body.attributes.items()},
    )
    return DATASETS.add(session, row)


def contract(row: DatasetRow) -> Dataset:
    """A row as the API answers it."""
    return Dataset(
        id=row.id,
        name=row.name,
        state=IntakeState(row.state),
        digest=row.digest,
        bytes=row.bytes,
        attributes={name: AttributeSpec.model_validate(spec) for name, spec in row.attributes.items()},
        facts=None if row.facts is None else DatasetFacts.model_validate(row.facts),
        problem=None if row.problem is None else Problem.model_validate(row.problem),
        created_at=row.created_at,
    )


DATASETS = Resource("dataset", DatasetRow, JobKind.INTAKE_DATASET, contract)
"""Every dataset."""
