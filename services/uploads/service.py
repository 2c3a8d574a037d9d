"""Rules of uploads: open, filled directly or in parts, then complete under a digest, or aborted.

Bytes reach the bucket first, the row second: a crash in between leaves an object that nobody names, never a row that
names nothing. An upload belongs to the key that created it; to every other key but an administrator's it is not there.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn

from sqlalchemy import func
from sqlalchemy.orm import Session

from schemas.api_keys import Scope
from schemas.scalars import Sha256
from schemas.uploads import CompletedPart, Upload, UploadCreate, UploadPart, UploadState
from services.api_keys.service import Principal
from services.db.identifiers import new_id
from services.db.tables import UploadRow
from services.errors import InvalidRequest, NotFound, UploadClosed, UploadIncomplete, UploadMismatch, UploadTooLarge
from services.projects.quotas import check_bytes
from services.settings import Settings
from services.storage.multipart import MultipartUploads, part_sizes

from . import repository
from .content import check_digest, check_length

MOST_PARTS = 10_000


def create(
    session: Session, store: MultipartUploads, settings: Settings, principal: Principal, body: UploadCreate
) -> Upload:
    """Open an upload; a multipart one comes with the URLs of its parts.

    Raises:
        UploadTooLarge: more bytes than this service takes.
        QuotaExceeded: more bytes than the project may keep.
        Unavailable: the storage did not answer.
    """
    _check_size(body, settings)
    check_bytes(session, body.bytes)
    row = UploadRow(
        id=new_id("upl"),
        filename=body.filename,
        bytes=body.bytes,
        declared_sha256=body.sha256,
        transfer=body.transfer,
        principal=principal.id,
        expires_at=func.now() + timedelta(seconds=settings.upload_expiry_seconds),
    )
    if body.transfer == "multipart":
        row.staging_key = store.staging_key(row.id)
        row.part_bytes = max(settings.part_bytes, -(-body.bytes // MOST_PARTS))
        row.s3_upload_id = store.create(row.staging_key)
    session.add(row)
    session.flush()
    session.refresh(row)
    return contract(row, _signed_parts(store, row, settings.upload_expiry_seconds))


def get(session: Session, principal: Principal, upload: str) -> Upload:
    """One upload, without URLs.

    Raises:
        NotFound: no upload of this key has this id.
    """
    return contract(_owned(repository.find(session, upload), principal, upload))


def open_direct(session: Session, principal: Principal, upload: str) -> UploadRow:
    """The upload, ready for its bytes.

    Raises:
        NotFound: no upload of this key has this id.
        UploadClosed: it is complete, aborted or expired.
        InvalidRequest: its bytes come in parts.
    """
    row = _owned(repository.find(session, upload), principal, upload)
    _check_open(session, row)
    _check_transfer(row, "direct")
    return row


def open_parts(session: Session, principal: Principal, upload: str, parts: list[CompletedPart]) -> UploadRow:
    """The upload, complete already or ready to be joined from ``parts``.

    Raises:
        NotFound: no upload of this key has this id.
        UploadClosed: it was aborted or has expired.
        UploadIncomplete: parts are missing.
        InvalidRequest: its bytes do not come in parts.
    """
    row = _owned(repository.find(session, upload), principal, upload)
    _check_transfer(row, "multipart")
    if row.state != UploadState.COMPLETE:
        _check_open(session, row)
        _check_parts(row, parts)
    return row


def join_parts(store: MultipartUploads, row: UploadRow, parts: list[CompletedPart]) -> None:
    """Join the parts.

    Raises:
        UploadClosed: somebody else joined and took, or dropped the parts.
        UploadIncomplete: parts are not those that were put.
        Unavailable: the storage did not answer.
    """
    key, upload_id = _staging(row)
    try:
        store.complete(key, upload_id, parts)
    except UploadClosed:
        # An earlier try joined the parts and broke off before its commit: go on with the joined object.
        if store.length(key) is None:
            raise


def publish_joined(store: MultipartUploads, row: UploadRow) -> Sha256:
    """Hash the joined parts and publish them under their digest. Minutes for large files: no transaction is open.

    Bytes that are not what was declared are dropped; of a wrong length, without being read.

    Raises:
        UploadClosed: somebody else took or dropped them.
        UploadIncomplete: fewer bytes than were declared.
        UploadMismatch: other bytes than were declared.
        Unavailable: the storage did not answer.
    """
    key, _ = _staging(row)
    length = store.length(key)
    if length is None:
        raise UploadClosed(f"The upload {row.id} was taken or dropped meanwhile.", "Read it again.")
    try:
        check_length(length, row.bytes)
        staged = store.inspect(key)
        check_digest(staged.digest, row.declared_sha256)
    except (UploadIncomplete, UploadMismatch):
        store.discard(key)
        raise
    return store.publish(key, staged)


def complete(session: Session, upload: str, digest: Sha256) -> Upload:
    """Close an upload whose bytes are stored under ``digest``. The same bytes twice are harmless.

    Raises:
        UploadClosed: it was closed meanwhile, with other bytes.
    """
    row = repository.lock(session, upload)
    if row is None:
        raise NotFound(f"No upload has the id {upload}.")
    if row.state == UploadState.COMPLETE and row.digest == digest:
        return contract(row)
    _check_open(session, row)
    row.state, row.digest = UploadState.COMPLETE, digest
    return contract(row)


def abort(session: Session, store: MultipartUploads, principal: Principal, upload: str) -> None:
    """Give an upload up. Aborting twice is harmless.

    Raises:
        NotFound: no upload of this key has this id.
        UploadClosed: it is complete.
        Unavailable: the storage did not answer.
    """
    row = _owned(repository.lock(session, upload), principal, upload)
    if row.state == UploadState.ABORTED:
        return
    if row.state == UploadState.COMPLETE:
        _refuse_closed(row)
    if row.s3_upload_id is not None:
        key, upload_id = _staging(row)
        store.abort(key, upload_id)
        store.discard(key)  # joined by a try that broke off
    row.state = UploadState.ABORTED


def give_up(session: Session, upload: str) -> None:
    """Close an upload whose joined bytes were refused: they are gone, and no other can come."""
    row = repository.lock(session, upload)
    if row is not None and row.state == UploadState.OPEN:
        row.state = UploadState.ABORTED


def completed(session: Session, principal: Principal, upload: str) -> tuple[UploadRow, Sha256]:
    """The upload and its digest, for whoever wants to build on its bytes.

    Raises:
        InvalidRequest: no upload of this key has this id.
        UploadIncomplete: its bytes are not complete.
    """
    row = repository.find(session, upload)
    if row is None or not _visible(row, principal):
        raise InvalidRequest(f"No upload has the id {upload}.", "Create an upload with this key first.")
    if row.state != UploadState.COMPLETE or row.digest is None:
        raise UploadIncomplete(f"The upload {upload} is {row.state}.", "Send its bytes first.")
    return row, row.digest


def contract(row: UploadRow, parts: list[UploadPart] | None = None) -> Upload:
    """A row as the API answers it."""
    return Upload(
        id=row.id,
        filename=row.filename,
        bytes=row.bytes,
        state=UploadState(row.state),
        transfer="direct" if row.transfer == "direct" else "multipart",
        digest=row.digest,
        parts=parts or [],
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _check_size(body: UploadCreate, settings: Settings) -> None:
    limit = settings.max_upload_bytes
    if body.transfer == "direct":
        limit = min(limit, settings.max_direct_upload_bytes)
    if body.bytes > limit:
        advice = "Use the transfer 'multipart'." if body.bytes <= settings.max_upload_bytes else "Send a smaller file."
        raise UploadTooLarge(f"{body.bytes} bytes are more than the {limit} of a {body.transfer} upload.", advice)


def _signed_parts(store: MultipartUploads, row: UploadRow, expires: int) -> list[UploadPart]:
    if row.part_bytes is None:
        return []
    return store.sign(*_staging(row), part_sizes(row.bytes, row.part_bytes), expires)


def _staging(row: UploadRow) -> tuple[str, str]:
    if row.staging_key is None or row.s3_upload_id is None:
        raise UploadIncomplete(f"The upload {row.id} has no parts.")
    return row.staging_key, row.s3_upload_id


def _check_parts(row: UploadRow, parts: list[CompletedPart]) -> None:
    """Object storage joins any subset without a word, so the set of numbers is checked here."""
    expected = set(range(1, len(part_sizes(row.bytes, row.part_bytes or row.bytes)) + 1))
    if {part.number for part in parts} != expected or len(parts) != len(expected):
        raise UploadIncomplete(f"The parts 1 to {len(expected)} are needed, each once.", "Put every part first.")


def _visible(row: UploadRow, principal: Principal) -> bool:
    return row.principal == principal.id or principal.may(Scope.ADMIN)


def _owned(row: UploadRow | None, principal: Principal, upload: str) -> UploadRow:
    if row is None or not _visible(row, principal):
        raise NotFound(f"No upload has the id {upload}.")
    return row


def _check_transfer(row: UploadRow, transfer: str) -> None:
    if row.transfer != transfer:
        raise InvalidRequest(f"The upload {row.id} is {row.transfer}, not {transfer}.")


def _check_open(session: Session, row: UploadRow) -> None:
    if row.state != UploadState.OPEN or repository.expired(session, row):
        _refuse_closed(row)


def _refuse_closed(row: UploadRow) -> NoReturn:
    state = "expired" if row.state == UploadState.OPEN else row.state
    raise UploadClosed(f"The upload {row.id} is {state}.", "Create a new upload.")
