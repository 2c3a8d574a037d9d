"""Answers with a sealed report: of an audit or of a comparison, under the same policy."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Response
from fastapi.responses import HTMLResponse

from schemas.scalars import Sha256
from services.api_keys.service import Principal
from services.manifests import service as manifests
from services.manifests.signer import key_pair
from services.projects.trail import record
from services.reports import TEMPLATE_VERSION

from . import conditional
from .ports import PortSet

REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)


def sealed_digest(ports: PortSet, principal: Principal, subject: str, drafted: Callable[[], manifests.Draft]) -> Sha256:
    """Digest of the page by today's template; made, signed and kept when there is none yet."""
    desk = manifests.Desk(ports.sessions, ports.store_of(principal), principal.project, key_pair(ports.settings))
    return manifests.page_digest(desk, subject, TEMPLATE_VERSION, drafted)


def sealed_answer(
    ports: PortSet, principal: Principal, subject: str, digest: Sha256, known: str | None, action: str
) -> Response:
    """The stored page ``digest`` of ``subject``, or 304; who reads it goes into the trail as ``action``."""
    etag = conditional.tag(digest)
    if conditional.matches(known, etag):
        return conditional.not_modified(etag)
    with ports.tenant(principal) as session:
        record(session, principal, action, f"{subject}/report")
    headers = {
        "ETag": etag,
        "Content-Security-Policy": REPORT_POLICY,
        "Content-Disposition": f'inline; filename="scotoma-{subject}.html"',
    }
    return HTMLResponse(ports.store_of(principal).get(digest), headers=headers)
