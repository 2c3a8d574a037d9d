"""Files on their way to the service: hashing, streaming, multipart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import httpx

from ..scalars import Sha256
from ..uploads import CompletedPart, Upload, UploadComplete, UploadCreate, UploadPart, UploadState
from .errors import TransferError
from .transport import Transport, understood

CHUNK = 2**20
DIRECT_LIMIT = 64 * 2**20
"""Bytes. Larger files go to object storage in parts, past the API."""

PARTS_AT_ONCE = 4
PART_TRIES = 4
JOINING = 1800.0
"""Seconds that the service may take to join and hash a large file."""

OnProgress = Callable[[int, int], None]
"""Called with the bytes sent so far and the bytes in all."""


def sha256_of(path: Path) -> Sha256:
    """SHA-256 of a file, read once."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Meter:
    """Counts bytes over several threads and tells a listener."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self._total = total
        self._on_progress = on_progress
        self._sent = 0
        self._lock = Lock()

    def add(self, count: int) -> None:
        """Count ``count`` more bytes (fewer, when negative: a part that starts again)."""
        with self._lock:
            self._sent += count
            if self._on_progress is not None:
                self._on_progress(self._sent, self._total)


class Slice:
    """A stretch of a file that can be streamed again and again. Takes back what it counted when it starts over."""

    def __init__(self, path: Path, start: int, count: int, meter: Meter) -> None:
        self._path, self._start, self._count, self._meter = path, start, count, meter
        self._sent = 0

    def open(self) -> Iterator[bytes]:
        """The bytes, from the first, in chunks."""
        self._meter.add(-self._sent)
        self._sent = 0
        return self._read()

    def _read(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            file.seek(self._start)
            left = self._count
            while left and (chunk := file.read(min(CHUNK, left))):
                yield chunk
                left -= len(chunk)
                self._sent += len(chunk)
                self._meter.add(len(chunk))


def upload_file(
    transport: Transport,
    path: Path,
    *,
    digest: Sha256 | None = None,
    on_progress: OnProgress | None = None,
    direct_limit: int = DIRECT_LIMIT,
) -> Upload:
    """Send a file and return its completed upload; the service checks the digest.

    Raises:
        OSError: the file cannot be read.
        ServiceError: the service refused it.
        TransferError: object storage refused a part.
    """
    size = path.stat().st_size
    body = UploadCreate(
        filename=path.name,
        bytes=size,
        sha256=digest or sha256_of(path),
        transfer="direct" if size <= direct_limit else "multipart",
    )
    # An upload that nobody completes expires, so creating one twice after a broken connection does no harm.
    answer = transport.send("POST", "/v1/uploads", json=body.model_dump(mode="json"))
    upload = understood(Upload, answer.content)
    meter = Meter(size, on_progress)
    try:
        if upload.transfer == "direct":
            return _send_directly(transport, path, upload, meter)
        return _send_parts(transport, path, upload, meter)
    except (KeyboardInterrupt, TransferError):
        transport.send("DELETE", f"/v1/uploads/{upload.id}")
        raise


def _send_directly(transport: Transport, path: Path, upload: Upload, meter: Meter) -> Upload:
    body = Slice(path, 0, upload.bytes, meter)
    headers = {"Content-Length": str(upload.bytes), "Content-Type": "application/octet-stream"}
    answer = transport.send("PUT", f"/v1/uploads/{upload.id}/content", content=body.open, headers=headers)
    return understood(Upload, answer.content)


def _send_parts(transport: Transport, path: Path, upload: Upload, meter: Meter) -> Upload:
    starts = [sum(part.bytes for part in upload.parts[:index]) for index in range(len(upload.parts))]
    with httpx.Client(timeout=120.0) as storage, ThreadPoolExecutor(PARTS_AT_ONCE) as pool:

        def send(part: UploadPart, start: int) -> CompletedPart:
            return _send_part(storage, part, Slice(path, start, part.bytes, meter))

        done = list(pool.map(send, upload.parts, starts))
    body = UploadComplete(parts=done).model_dump(mode="json")
    headers = {"Idempotency-Key": upload.id}
    answer = transport.send("POST", f"/v1/uploads/{upload.id}:complete", json=body, headers=headers, timeout=JOINING)
    completed = understood(Upload, answer.content)
    if completed.state is not UploadState.COMPLETE:
        raise TransferError(f"upload {upload.id} is {completed.state} after its last part")
    return completed


def _send_part(storage: httpx.Client, part: UploadPart, body: Slice) -> CompletedPart:
    """Put one part to its presigned URL. The URL is a secret: it is never shown, not even in an error."""
    headers = {"Content-Length": str(part.bytes)}
    reason = ""
    for _ in range(PART_TRIES):
        try:
            answer = storage.put(part.url, content=body.open(), headers=headers)
        except httpx.TransportError as error:
            reason = type(error).__name__
            continue
        if answer.status_code == 200:
            return CompletedPart(number=part.number, etag=answer.headers["etag"])
        reason = f"status {answer.status_code}"
    raise TransferError(f"object storage did not take part {part.number}: {reason}")
