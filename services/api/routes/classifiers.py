"""``/v1/classifiers``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from schemas.classifiers import Classifier, ClassifierCreate, ClassifierPage
from schemas.scalars import Sha256
from services.classifiers import service
from services.db.engine import transaction

from .. import cursors
from ..access import Submitter, Viewer
from ..cursors import Cursor, Limit
from ..idempotency import Created, OptionalKey, fingerprint, once
from ..ports import Ports
from ..problems import problems
from .paths import Id

router = APIRouter(prefix="/v1/classifiers", tags=["classifiers"])
SameBytes = Annotated[Sha256 | None, Query(description="Only those with these bytes")]


@router.post("", status_code=202, response_model=Classifier, responses=problems(409, 413))
def create_classifier(
    body: ClassifierCreate, ports: Ports, principal: Submitter, key: OptionalKey = None
) -> JSONResponse:
    """Register an uploaded file. It is read in a sandbox: poll `Location` until its state is final."""
    with transaction(ports.sessions) as session:

        def work() -> Created:
            made = service.create(session, principal, body)
            return Created(f"/v1/classifiers/{made.id}", made.model_dump(mode="json"))

        mark = fingerprint("POST /v1/classifiers", body)
        created = once(session, principal, key, mark, ports.settings.idempotency_expiry_seconds, work)
    return created.response()


@router.get("", responses=problems())
def list_classifiers(
    ports: Ports, _: Viewer, digest: SameBytes = None, cursor: Cursor = None, limit: Limit = 25
) -> ClassifierPage:
    """Classifiers, newest first."""
    with transaction(ports.sessions) as session:
        items, following = service.page(session, cursors.decode(cursor), limit, digest)
    return ClassifierPage(items=items, next=cursors.encode(following))


@router.get("/{classifier}", responses=problems(404))
def show_classifier(classifier: Id, ports: Ports, _: Viewer) -> Classifier:
    """One classifier."""
    with transaction(ports.sessions) as session:
        return service.get(session, classifier)
