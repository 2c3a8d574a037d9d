"""``/v1/uploads``: bytes come in directly, or in parts that go straight to object storage."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from schemas.scalars import Sha256
from schemas.uploads import Upload, UploadComplete, UploadCreate, UploadState
from services.api_keys.service import Principal
from services.db.tables import UploadRow
from services.errors import UploadClosed, UploadIncomplete, UploadMismatch
from services.projects.trail import record
from services.storage.multipart import MultipartUploads
from services.uploads import service
from services.uploads.content import Received

from ..access import Submitter
from ..ports import Ports, PortSet
from ..problems import problems
from .paths import Id

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])
OCTETS = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}


@router.post("", status_code=201, responses=problems(413, 429))
def create_upload(body: UploadCreate, response: Response, ports: Ports, principal: Submitter) -> Upload:
    """Open an upload. A multipart one comes with a presigned URL for each part."""
    with ports.tenant(principal) as session:
        upload = service.create(session, ports.uploads_of(principal), ports.settings, principal, body)
        record(session, principal, "uploads.create", upload.id)
    response.headers["Location"] = f"/v1/uploads/{upload.id}"
    response.headers["Cache-Control"] = "no-store"
    return upload


@router.get("/{upload}", responses=problems(404))
def show_upload(upload: Id, ports: Ports, principal: Submitter) -> Upload:
    """One upload, without URLs."""
    with ports.tenant(principal) as session:
        return service.get(session, principal, upload)


@router.put("/{upload}/content", responses=problems(404, 409, 413), openapi_extra=OCTETS)
async def put_content(upload: Id, request: Request, ports: Ports, principal: Submitter) -> Upload:
    """The bytes of a direct upload. They are hashed on the way and compared with what was declared."""
    row = await run_in_threadpool(_open_direct, ports, principal, upload)
    with ports.admission.receiving(row.id, principal.project, row.bytes), Received(row.bytes) as received:
        async for chunk in request.stream():
            # Memory first, then a local unnamed file: short enough for the event loop.
            received.write(chunk)
        return await run_in_threadpool(_keep, ports, principal, row, received)


@router.post("/{upload}:complete", responses=problems(404, 409, 413))
def complete_upload(upload: Id, body: UploadComplete, ports: Ports, principal: Submitter) -> Upload:
    """Join the parts of a multipart upload. Repeating it gives the same answer."""
    with ports.tenant(principal) as session:
        row = service.open_parts(session, principal, upload, body.parts)
    if row.state == UploadState.COMPLETE:
        return service.contract(row)
    digest = _join(ports, principal, row, body)
    with ports.tenant(principal) as session:
        record(session, principal, "uploads.complete", upload)
        return service.complete(session, upload, digest)


@router.delete("/{upload}", status_code=204, responses=problems(404, 409))
def abort_upload(upload: Id, ports: Ports, principal: Submitter) -> None:
    """Give an upload up."""
    with ports.tenant(principal) as session:
        record(session, principal, "uploads.abort", upload)
        service.abort(session, ports.uploads_of(principal), principal, upload)


def _open_direct(ports: PortSet, principal: Principal, upload: str) -> UploadRow:
    with ports.tenant(principal) as session:
        return service.open_direct(session, principal, upload)


def _keep(ports: PortSet, principal: Principal, row: UploadRow, received: Received) -> Upload:
    """Blob first, row second."""
    received.verify(row.declared_sha256)
    digest = received.store(ports.uploads_of(principal), row.id)
    with ports.tenant(principal) as session:
        record(session, principal, "uploads.complete", row.id)
        return service.complete(session, row.id, digest)


def _join(ports: PortSet, principal: Principal, row: UploadRow, body: UploadComplete) -> Sha256:
    """Join outside of any transaction; when another request was faster, its digest is the answer."""
    uploads = ports.uploads_of(principal)
    try:
        service.join_parts(uploads, row, body.parts)
        return _published(ports, principal, uploads, row)
    except UploadClosed:
        with ports.tenant(principal) as session:
            known = service.get(session, principal, row.id).digest
        if known is None:
            raise
        return known


def _published(ports: PortSet, principal: Principal, uploads: MultipartUploads, row: UploadRow) -> Sha256:
    """The digest of the joined bytes; refused ones close the upload, so that they cannot be joined for ever."""
    try:
        return service.publish_joined(uploads, row)
    except (UploadIncomplete, UploadMismatch):
        with ports.tenant(principal) as session:
            service.give_up(session, row.id)
        raise
