"""Received bytes: counted and hashed as they come, kept in memory while small and on disk beyond that."""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from types import TracebackType
from typing import IO, cast

from schemas.scalars import Sha256
from services.errors import UploadIncomplete, UploadMismatch, UploadTooLarge
from services.storage.blobs import S3BlobStore
from services.storage.client import reaching_storage
from services.storage.multipart import MultipartUploads

IN_MEMORY = 8 * 2**20
"""Bytes. Longer bodies are spooled to an unnamed file."""


class Received:
    """A body that is being received; ``expected`` bytes long.

    Use as a context manager: the spooled bytes are gone when it ends.
    """

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.length = 0
        self._hasher = hashlib.sha256()
        # Closed by __exit__; a disk file without a name, so nothing is left behind by a crash either.
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115

    def __enter__(self) -> Received:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def digest(self) -> Sha256:
        """SHA-256 of what has come so far."""
        return self._hasher.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            UploadTooLarge: more bytes than were declared.
        """
        self.length += len(chunk)
        if self.length > self.expected:
            raise UploadTooLarge(
                f"The body is longer than the {self.expected} bytes that were declared.",
                "Create an upload with the file's true size.",
            )
        self._hasher.update(chunk)
        self._file.write(chunk)

    def verify(self, declared: Sha256 | None) -> None:
        """Check that everything arrived and is what was declared.

        Raises:
            UploadIncomplete: fewer bytes than were declared.
            UploadMismatch: another digest than was declared.
        """
        check_length(self.length, self.expected)
        check_digest(self.digest, declared)

    def store(self, uploads: MultipartUploads, upload: str) -> Sha256:
        """Write the bytes to object storage under their digest, without holding a large body in memory.

        Raises:
            Unavailable: the storage did not answer.
        """
        self._file.seek(0)
        if self.length <= IN_MEMORY:
            return uploads.store.put(self._file.read())
        # A key of its own: another try may be on its way.
        key = uploads.staging_key(f"{upload}-{secrets.token_hex(8)}")
        return _stage(uploads, key, cast("IO[bytes]", self._file))


def check_length(length: int, expected: int) -> None:
    """Compare lengths.

    Raises:
        UploadIncomplete: fewer bytes than were declared.
        UploadMismatch: more bytes than were declared.
    """
    if length < expected:
        raise UploadIncomplete(f"{length} of {expected} bytes arrived.", "Send the whole file again.")
    if length > expected:
        raise UploadMismatch(
            f"{length} bytes arrived, {expected} were declared.", "Create an upload with the true size."
        )


def check_digest(digest: Sha256, declared: Sha256 | None) -> None:
    """Compare digests.

    Raises:
        UploadMismatch: the bytes are not those that were declared.
    """
    if declared is not None and digest != declared:
        raise UploadMismatch(
            f"The bytes have the SHA-256 {digest}, {declared} was declared.",
            "Send the file again; it changed on the way.",
        )


def _stage(uploads: MultipartUploads, key: str, file: IO[bytes]) -> Sha256:
    store: S3BlobStore = uploads.store
    with reaching_storage():
        store.client.put_object(Bucket=store.bucket.name, Key=key, Body=file)
    return uploads.publish(key, uploads.inspect(key))
