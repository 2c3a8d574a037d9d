"""``/audits/new``: start an audit of what was pushed before. Files are pushed with the client, not the browser."""

from __future__ import annotations

import uuid

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.audits import AuditCreate, Profile
from schemas.classifiers import IntakeState
from services.db.automation import PolicyRow
from services.db.tables import ClassifierRow, DatasetRow
from services.errors import InvalidRequest, ServiceError

from ...ports import Ports
from ...routes import audits as api
from ..created import path_of
from ..errors import PageRoute
from ..pages import HEADERS, page
from ..sessions import Visitor
from ..visitor import Form, Submitter, field

MOST = 200

router = APIRouter(prefix="/audits", route_class=PageRoute)


@router.get("/new")
def ask(request: Request, ports: Ports, visitor: Submitter, classifier: str = "", dataset: str = "") -> Response:
    """The form."""
    return _form(request, ports, visitor, {"classifier": classifier, "dataset": dataset})


@router.post("/new")
def submit(request: Request, ports: Ports, visitor: Submitter, form: Form) -> Response:
    """Queue the audit. The form carries an idempotency key, so a second click starts nothing."""
    values = {name: field(form, name) or "" for name in ("classifier", "dataset", "name", "profile", "policy")}
    try:
        body = _body(values)
        made = api.create_audit(body, ports, visitor.principal, field(form, "once") or uuid.uuid4().hex)
    except ServiceError as error:
        return _form(request, ports, visitor, values, error)
    return RedirectResponse(f"{path_of(made)}?done=started", 303, headers=HEADERS)


def _body(values: dict[str, str]) -> AuditCreate:
    given = {name: value for name in ("classifier", "dataset", "name", "policy") if (value := values[name])}
    try:
        return AuditCreate.model_validate({**given, "config": {"profile": values["profile"] or Profile.QUICK}})
    except ValidationError as error:
        fields = ", ".join(sorted({str(item["loc"][-1]) for item in error.errors()}))
        raise InvalidRequest(f"Not valid: {fields}.", "Choose from the lists.") from error


def _form(
    request: Request, ports: Ports, visitor: Visitor, values: dict[str, str], error: ServiceError | None = None
) -> Response:
    with ports.tenant(visitor.principal) as session:
        choices = {
            "classifiers": _ready(session, ClassifierRow),
            "datasets": _ready(session, DatasetRow),
            "policies": list(session.scalars(select(PolicyRow).order_by(PolicyRow.name, PolicyRow.version.desc()))),
        }
    context = {**choices, "values": values, "error": error, "once": uuid.uuid4().hex, "profiles": list(Profile)}
    return page(request, "new_audit.html.j2", context, error.status if error else 200)


def _ready(session: Session, table: type[ClassifierRow] | type[DatasetRow]) -> list[ClassifierRow | DatasetRow]:
    query = select(table).where(table.state == IntakeState.READY).order_by(table.created_at.desc(), table.id)
    return list(session.scalars(query.limit(MOST)))
