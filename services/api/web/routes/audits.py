"""``/``: the list of audits. ``/audits/{id}``: one of them, its progress, verdicts and files."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from schemas.audits import Audit, AuditState
from schemas.policies import Outcome
from schemas.results import AuditResult
from services.audits import service
from services.db.tables import AuditRow, ClassifierRow, DatasetRow
from services.manifests import repository as manifests
from services.reports.retold import retold
from services.reports.view import ReportView, report_view
from services.storage.blobs import S3BlobStore

from ... import cursors
from ...cursors import Cursor
from ...ports import Ports
from ...routes import audits as api
from ...routes import results
from ...routes.paths import Id
from .. import listing
from ..errors import PageRoute
from ..listing import Wanted
from ..pages import HEADERS, page
from ..verdicts import VerdictCounts
from ..visitor import Reader, Submitter

MOST_OTHERS = 50

router = APIRouter(route_class=PageRoute)
Text = Annotated[str, Query(max_length=200)]


@router.get("/")
def list_audits(
    request: Request,
    ports: Ports,
    visitor: Reader,
    state: Text = "",
    gate: Text = "",
    classifier: Text = "",
    dataset: Text = "",
    text: Text = "",
    cursor: Cursor = None,
) -> Response:
    """Audits, newest first."""
    wanted = wanted_of(state, gate, classifier, dataset, text)
    with ports.tenant(visitor.principal) as session:
        lines, following = listing.page_of(session, wanted, cursors.decode(cursor))
        names = [listing.known_names(session, table) for table in (ClassifierRow, DatasetRow)]
    counts: VerdictCounts = request.app.state.verdicts
    told = counts.of(ports.store_of(visitor.principal), [line.digest for line in lines if line.digest])
    query = "&".join(part for part in request.url.query.split("&") if not part.startswith(("cursor=", "done=")))
    context = {
        "lines": lines,
        "told": told,
        "wanted": wanted,
        "classifiers": names[0],
        "datasets": names[1],
        "following": cursors.encode(following),
        "cursor": cursor,
        "query": query,
        "service": (ports.settings.public_url or str(request.base_url)).rstrip("/"),
    }
    return page(request, "audits.html.j2", context)


@router.get("/audits/{audit}")
def show_audit(request: Request, audit: Id, ports: Ports, visitor: Reader) -> Response:
    """One audit."""
    with ports.tenant(visitor.principal) as session:
        shown = service.get(session, audit)
        row = session.get_one(AuditRow, audit)
        classifier, dataset = _subjects(session, row)
        others = _others(session, row)
        manifest = manifests.original(session, audit) or manifests.newest(session, audit)
    view = _view(ports.store_of(visitor.principal), row.result_digest) if row.result_digest else None
    context = {"audit": shown, "row": row, "view": view, "others": others, "manifest": manifest}
    context |= {"current": current(shown)}
    once = uuid.uuid4().hex
    return page(request, "audit.html.j2", {**context, "classifier": classifier, "dataset": dataset, "once": once})


@router.post("/audits/{audit}/cancel")
def cancel_audit(audit: Id, ports: Ports, visitor: Submitter) -> Response:
    """Stop it."""
    api.cancel_audit(audit, ports, visitor.principal)
    return RedirectResponse(f"/audits/{audit}?done=cancelled", 303, headers=HEADERS)


@router.get("/audits/{audit}/report")
def show_report(audit: Id, request: Request, ports: Ports, visitor: Reader) -> Response:
    """The report under its own policy: it runs nothing, and is nobody's page."""
    return results.show_report(audit, ports, visitor.principal, request.headers.get("if-none-match"))


@router.get("/audits/{audit}/manifest.json")
def show_manifest(audit: Id, request: Request, ports: Ports, visitor: Reader) -> Response:
    """The signed manifest."""
    response = results.show_manifest(audit, ports, visitor.principal, request.headers.get("if-none-match"))
    response.headers["Content-Security-Policy"] = results.FILE_POLICY
    return response


@router.get("/audits/{audit}/result.json")
def show_result(audit: Id, request: Request, ports: Ports, visitor: Reader) -> Response:
    """The result, byte for byte."""
    response = results.show_result(audit, ports, visitor.principal, request.headers.get("if-none-match"))
    response.headers["Content-Security-Policy"] = results.FILE_POLICY
    return response


def wanted_of(state: str, gate: str, classifier: str, dataset: str, text: str) -> Wanted:
    """What the filters of an address ask for; a word that is none of theirs asks for nothing."""
    return Wanted(
        state=AuditState(state) if state in set(AuditState) else None,
        gate=Outcome(gate) if gate in set(Outcome) else None,
        classifier=classifier.strip() or None,
        dataset=dataset.strip() or None,
        text=text.strip() or None,
    )


def current(audit: Audit) -> str | None:
    """The stage that runs now."""
    return next((stage.stage for stage in audit.stages if stage.state == "running"), None)


def _subjects(session: Session, row: AuditRow) -> tuple[str, str]:
    classifiers = listing.names_of(session, ClassifierRow, {row.classifier_id})
    datasets = listing.names_of(session, DatasetRow, {row.dataset_id})
    return classifiers[row.classifier_id], datasets[row.dataset_id]


def _others(session: Session, row: AuditRow) -> list[AuditRow]:
    """Audits of the same dataset that this one can be compared with, newest first."""
    return listing.of_dataset(session, row, MOST_OTHERS) if row.result_digest else []


def _view(store: S3BlobStore, digest: str) -> ReportView:
    result, _ = retold(AuditResult.model_validate_json(store.get(digest)), None)
    return report_view(result, None)
