"""``/v1/classifiers``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from schemas.classifiers import Classifier, ClassifierCreate, ClassifierPage
from schemas.scalars import Sha256
from services.classifiers import service
from services.classifiers.service import CLASSIFIERS

from .. import cursors
from ..access import Submitter, Viewer
from ..cursors import Cursor, Limit
from ..idempotency import OptionalKey, accepted
from ..ports import Ports
from ..problems import problems
from .paths import Id

PATH = "/v1/classifiers"
router = APIRouter(prefix=PATH, tags=["classifiers"])
SameBytes = Annotated[Sha256 | None, Query(description="Only those with these bytes")]


@router.post("", status_code=202, response_model=Classifier, responses=problems(409, 413, 429))
def create_classifier(
    body: ClassifierCreate, ports: Ports, principal: Submitter, key: OptionalKey = None
) -> JSONResponse:
    """Register an uploaded file. It is read in a sandbox: poll `Location` until its state is final."""
    return accepted(ports, principal, key, PATH, body, lambda session: service.create(session, principal, body))


@router.get("", responses=problems())
def list_classifiers(
    ports: Ports,
    principal: Viewer,
    digest: SameBytes = None,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> ClassifierPage:
    """Classifiers, newest first."""
    with ports.tenant(principal) as session:
        items, following = CLASSIFIERS.page(session, cursors.decode(cursor), limit, digest=digest)
    return ClassifierPage(items=items, next=cursors.encode(following))


@router.get("/{classifier}", responses=problems(404))
def show_classifier(classifier: Id, ports: Ports, principal: Viewer) -> Classifier:
    """One classifier."""
    with ports.tenant(principal) as session:
        return CLASSIFIERS.get(session, classifier)
