"""``GET /v1/certificate``: how often this release was right on classifiers whose truth is known."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from schemas.certificate import Certificate, released_bytes
from services.errors import NotFound
from services.reports import TEMPLATE_VERSION, render_certificate

from .. import conditional
from ..access import Viewer
from ..conditional import IfNoneMatch
from ..negotiation import Accept, prefers_html
from ..problems import Responses, problems
from ..sealed_pages import REPORT_POLICY
from .results import NOT_MODIFIED

router = APIRouter(prefix="/v1", tags=["certificate"])

PAGE: Responses = {
    200: {
        "content": {"text/html": {"schema": {"type": "string"}}},
        "description": "The certificate as JSON, or as one self-contained page",
    }
}


class Form(StrEnum):
    """How the certificate is wanted."""

    JSON = "json"
    HTML = "html"


@router.get("/certificate", response_model=Certificate, responses={**PAGE, **NOT_MODIFIED, **problems(404)})
def show_certificate(
    _: Viewer, accept: Accept = None, format: Form | None = None, known: IfNoneMatch = None
) -> Response:
    """The calibration certificate of this release; as HTML with `?format=html`, or when `Accept` prefers it."""
    data = released_bytes()
    if data is None:
        raise NotFound("This release has no calibration certificate.", "Make one with `make planted`.")
    page = format is Form.HTML if format else prefers_html(accept)
    etag = conditional.tag(data, TEMPLATE_VERSION if page else "")
    headers = {"ETag": etag, "Vary": "Accept"}
    if conditional.matches(known, etag):
        return Response(status_code=304, headers=headers)
    return _page(data, headers) if page else Response(data, media_type="application/json", headers=headers)


def _page(data: bytes, headers: dict[str, str]) -> Response:
    html = render_certificate(Certificate.model_validate_json(data), hashlib.sha256(data).hexdigest())
    policy = {
        "Content-Security-Policy": REPORT_POLICY,
        "Content-Disposition": 'inline; filename="scotoma-certificate.html"',
    }
    return HTMLResponse(html, headers=headers | policy)
