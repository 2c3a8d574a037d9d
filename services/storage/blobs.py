"""Content-addressed blobs in S3: the key is the digest, nothing is replaced, every read is verified."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError, ReadTimeoutError, ResponseStreamingError
from botocore.exceptions import IncompleteReadError as BotoIncompleteRead
from urllib3.exceptions import HTTPError

from schemas.ports import BlobMissing
from schemas.projects import DEFAULT_PROJECT
from schemas.scalars import Sha256
from services.errors import Corrupt, Unavailable

from .client import Bucket, S3Client, connect, reaching_storage, status_of

READS = 3
"""Reads of one object before its bytes are called corrupt: a cut connection is healed by the second."""
CHUNK = 1 << 20
COPY_PART = 1 << 30
"""Objects up to this size are copied in one request, larger ones in parts of it (bytes)."""
WHOLE = TransferConfig(multipart_threshold=COPY_PART, multipart_chunksize=COPY_PART, use_threads=False)
ALREADY_THERE = 412
WRITING_NOW = 409
QUARANTINE = "quarantine/"
"""What the collector set aside waits here for its end, and comes back when anybody asks for it."""

Answer = TypeVar("Answer")


def blob_key(digest: Sha256) -> str:
    """The object key of ``digest``: two digits of folder, so that listings stay small."""
    return f"sha256/{digest[:2]}/{digest}"


class S3BlobStore:
    """:class:`schemas.ports.BlobStore` over S3. Pickled as its configuration; the client is made where it is used."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self._client: S3Client | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[S3BlobStore], tuple[Bucket]]:
        return S3BlobStore, (self.bucket,)

    def of_project(self, project: str) -> S3BlobStore:
        """The store of a project: no digest of one project reaches the bytes of another, even where they are equal.

        The default project's objects lie where those of before projects do.
        """
        prefix = self.bucket.prefix + ("" if project == DEFAULT_PROJECT else f"projects/{project}/")
        if prefix == self.bucket.prefix:
            return self
        store = S3BlobStore(replace(self.bucket, prefix=prefix))
        # Clients may be shared between threads, and making one takes longer than most requests.
        store._client = self.client
        return store

    @property
    def client(self) -> S3Client:
        """The client, made once per process."""
        with self._lock:
            if self._client is None:
                self._client = connect(self.bucket)
            return self._client

    def key(self, digest: Sha256) -> str:
        """The full key of ``digest`` in the bucket."""
        return self.bucket.prefix + blob_key(digest)

    def quarantine_key(self, digest: Sha256) -> str:
        """Where ``digest`` waits for its end."""
        return self.bucket.prefix + QUARANTINE + blob_key(digest)

    def put(self, data: bytes, media_type: str = "application/octet-stream") -> Sha256:
        """Store ``data`` under its SHA-256 and return that. When it is there already, nothing is written.

        Raises:
            Unavailable: the storage did not answer.
        """
        digest = hashlib.sha256(data).hexdigest()
        while not self._created(digest, data, media_type):
            if self.exists(digest):
                break
        return digest

    def get(self, digest: Sha256) -> bytes:
        """The bytes of ``digest``, verified.

        Raises:
            BlobMissing: nothing is stored under that digest.
            Corrupt: the bytes differ from their digest, each time they were read.
            Unavailable: the storage did not answer, or not to the end.
        """
        data: bytes | None = None
        for _ in range(READS):
            data = self._read(digest)
            if data is not None and hashlib.sha256(data).hexdigest() == digest:
                return data
        if data is None:
            raise Unavailable("the object storage breaks off its answers", "Try again later.")
        raise Corrupt(f"the stored bytes of {digest} are not what was written")

    def exists(self, digest: Sha256) -> bool:
        """Whether ``digest`` is stored.

        Raises:
            Unavailable: the storage did not answer.
        """
        try:
            self.size(digest)
        except BlobMissing:
            return False
        return True

    def size(self, digest: Sha256) -> int:
        """Length of ``digest`` in bytes.

        Raises:
            BlobMissing: nothing is stored under that digest.
            Unavailable: the storage did not answer.
        """
        place = {"Bucket": self.bucket.name, "Key": self.key(digest)}
        return self._asked(digest, lambda: int(self.client.head_object(**place)["ContentLength"]))

    def stream(self, digest: Sha256) -> Iterator[bytes]:
        """The bytes of ``digest`` in chunks of 1 MiB, for a download; the reader checks the digest.

        Raises:
            BlobMissing: nothing is stored under that digest.
            Unavailable: the storage did not answer.
        """
        place = {"Bucket": self.bucket.name, "Key": self.key(digest)}
        body = self._asked(digest, lambda: self.client.get_object(**place)["Body"])
        return iter(body.iter_chunks(CHUNK))

    def restore(self, digest: Sha256) -> bool:
        """Bring ``digest`` back from where the collector set it aside; whether it was there.

        Raises:
            Unavailable: the storage did not answer.
        """
        source = {"Bucket": self.bucket.name, "Key": self.quarantine_key(digest)}
        with reaching_storage():
            try:
                self.client.head_object(**source)
                self.client.copy(source, self.bucket.name, self.key(digest), Config=WHOLE)
            except ClientError as error:
                if status_of(error) != 404:
                    raise
                return False
        return True

    def _created(self, digest: Sha256, data: bytes, media_type: str) -> bool:
        """Whether the object is there now; false while another writer is in the middle of the same bytes."""
        with reaching_storage():
            try:
                self.client.put_object(
                    Bucket=self.bucket.name,
                    Key=self.key(digest),
                    Body=data,
                    ContentType=media_type,
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if status_of(error) not in (ALREADY_THERE, WRITING_NOW):
                    raise
                return status_of(error) == ALREADY_THERE
        return True

    def _read(self, digest: Sha256) -> bytes | None:
        """The bytes as they came; ``None`` when the connection broke in the middle."""
        place = {"Bucket": self.bucket.name, "Key": self.key(digest)}

        def read() -> bytes | None:
            try:
                return bytes(self.client.get_object(**place)["Body"].read())
            except (BotoIncompleteRead, ReadTimeoutError, ResponseStreamingError, HTTPError):
                return None

        return self._asked(digest, read)

    def _asked(self, digest: Sha256, request: Callable[[], Answer]) -> Answer:
        """The answer to ``request``. What the collector set aside is brought back first: somebody needs it.

        Raises:
            BlobMissing: nothing is stored under that digest.
            Unavailable: the storage did not answer.
        """
        with reaching_storage(), _missing_as(digest):
            try:
                return request()
            except ClientError as error:
                if status_of(error) != 404 or not self.restore(digest):
                    raise
            return request()


@contextmanager
def _missing_as(digest: Sha256) -> Iterator[None]:
    """Turn a real 404 into :class:`BlobMissing`; a denied access stays what it is."""
    try:
        yield
    except ClientError as error:
        if status_of(error) != 404:
            raise
        raise BlobMissing(digest) from error
