"""Rules of classifiers: a row and its intake job begin in one transaction."""

from __future__ import annotations

from sqlalchemy.orm import Session

from schemas.classifiers import Classifier, ClassifierCreate, ClassifierFacts, InputSpec, IntakeState
from schemas.problems import Problem
from services.api_keys.service import Principal
from services.db.identifiers import new_id
from services.db.tables import ClassifierRow, JobKind
from services.files.resource import Resource
from services.uploads import service as uploads


def create(session: Session, principal: Principal, body: ClassifierCreate) -> Classifier:
    """Register an uploaded file and queue its intake.

    Raises:
        InvalidRequest: no upload of this key has this id.
        UploadIncomplete: its bytes are not complete.
    """
    upload, digest = uploads.completed(session, principal, body.upload)
    row = ClassifierRow(
        id=new_id("clf"),
        name=body.name,
        upload_id=upload.id,
        digest=digest,
        bytes=upload.bytes,
        filename=upload.filename,
        input=body.input.model_dump(mode="json"),
        classes=body.classes,
    )
    return CLASSIFIERS.add(session, row)


def contract(row: ClassifierRow) -> Classifier:
    """A row as the API answers it."""
    return Classifier(
        id=row.id,
        name=row.name,
        state=IntakeState(row.state),
        digest=row.digest,
        bytes=row.bytes,
        input=InputSpec.model_validate(row.input),
        classes=row.classes,
        facts=None if row.facts is None else ClassifierFacts.model_validate(row.facts),
        problem=None if row.problem is None else Problem.model_validate(row.problem),
        created_at=row.created_at,
    )


CLASSIFIERS = Resource("classifier", ClassifierRow, JobKind.INTAKE_CLASSIFIER, contract)
"""Every classifier."""
