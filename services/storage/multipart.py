"""Large uploads: clients put parts straight into the bucket by presigned URLs, then the bytes become a blob."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from botocore.exceptions import ClientError

from schemas.scalars import Sha256
from schemas.uploads import CompletedPart, UploadPart
from services.errors import UploadClosed, UploadIncomplete

from .blobs import CHUNK, WHOLE, S3BlobStore
from .client import S3Client, code_of, connect, reaching_storage, status_of

BAD_PARTS = {"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"}
NOT_THERE = 404


@dataclass(frozen=True)
class Staged:
    """A completed staging object: its true digest, length and the provider's tag of exactly these bytes."""

    digest: Sha256
    bytes: int
    etag: str


def part_sizes(total: int, part_bytes: int) -> list[int]:
    """Lengths of the parts of ``total`` bytes: all ``part_bytes`` but the last."""
    whole, rest = divmod(total, part_bytes)
    return [part_bytes] * whole + ([rest] if rest else [])


class MultipartUploads:
    """Staging objects of one bucket, below ``staging/``."""

    def __init__(self, store: S3BlobStore) -> None:
        self.store = store
        self.bucket = store.bucket

    def staging_key(self, upload: str) -> str:
        """The key that the parts of upload ``upload`` go to."""
        return f"{self.bucket.prefix}staging/{upload}"

    def create(self, key: str) -> str:
        """Open a multipart upload to ``key``; return the provider's upload id.

        Raises:
            Unavailable: the storage did not answer.
        """
        with reaching_storage():
            return str(self.store.client.create_multipart_upload(Bucket=self.bucket.name, Key=key)["UploadId"])

    def sign(self, key: str, upload_id: str, sizes: list[int], expires: int) -> list[UploadPart]:
        """A URL per part, usable for ``expires`` seconds and a body of the part's very length. No request is made."""
        client = self._signer()
        return [
            UploadPart(number=number, bytes=size, url=self._part_url(client, key, upload_id, number, size, expires))
            for number, size in enumerate(sizes, start=1)
        ]

    def complete(self, key: str, upload_id: str, parts: list[CompletedPart]) -> None:
        """Join the parts.

        Raises:
            UploadIncomplete: a part is missing, too small, or its ETag is another's.
            UploadClosed: the upload was completed or aborted already.
            Unavailable: the storage did not answer.
        """
        ordered = sorted(parts, key=lambda part: part.number)
        listing = [{"PartNumber": part.number, "ETag": part.etag} for part in ordered]
        with reaching_storage():
            try:
                self.store.client.complete_multipart_upload(
                    Bucket=self.bucket.name,
                    Key=key,
                    UploadId=upload_id,
                    MultipartUpload={"Parts": listing},
                )
            except ClientError as error:
                raise _completion_error(error) from error

    def abort(self, key: str, upload_id: str) -> None:
        """Forget the parts. An upload that is gone already is fine.

        Raises:
            Unavailable: the storage did not answer.
        """
        with reaching_storage():
            try:
                self.store.client.abort_multipart_upload(Bucket=self.bucket.name, Key=key, UploadId=upload_id)
            except ClientError as error:
                if code_of(error) != "NoSuchUpload":
                    raise

    def length(self, key: str) -> int | None:
        """Bytes of the object that was joined under ``key``; ``None`` where there is none.

        Raises:
            Unavailable: the storage did not answer.
        """
        with reaching_storage():
            try:
                return int(self.store.client.head_object(Bucket=self.bucket.name, Key=key)["ContentLength"])
            except ClientError as error:
                if status_of(error) == NOT_THERE:
                    return None
                raise

    def inspect(self, key: str) -> Staged:
        """Read the joined object once, in chunks, and hash it: a client's word or ETag is never a digest.

        Raises:
            UploadClosed: somebody else took or dropped it.
            Unavailable: the storage did not answer.
        """
        hasher, length = hashlib.sha256(), 0
        with reaching_storage():
            try:
                answer = self.store.client.get_object(Bucket=self.bucket.name, Key=key)
            except ClientError as error:
                if status_of(error) == NOT_THERE:
                    raise UploadClosed("the joined bytes were taken or dropped meanwhile") from error
                raise
            for chunk in answer["Body"].iter_chunks(CHUNK):
                hasher.update(chunk)
                length += len(chunk)
        return Staged(hasher.hexdigest(), length, answer["ETag"])

    def publish(self, key: str, staged: Staged) -> Sha256:
        """Copy the staging object to its digest, inside the storage, then drop it. Repeating is harmless.

        Raises:
            Unavailable: the storage did not answer.
        """
        if not self.store.exists(staged.digest):
            self._copy(key, staged)
        self.discard(key)
        return staged.digest

    def discard(self, key: str) -> None:
        """Drop a staging object.

        Raises:
            Unavailable: the storage did not answer.
        """
        with reaching_storage():
            self.store.client.delete_object(Bucket=self.bucket.name, Key=key)

    def _copy(self, key: str, staged: Staged) -> None:
        with reaching_storage():
            self.store.client.copy(
                {"Bucket": self.bucket.name, "Key": key},
                self.bucket.name,
                self.store.key(staged.digest),
                ExtraArgs={"CopySourceIfMatch": staged.etag},
                Config=WHOLE,
            )

    def _signer(self) -> S3Client:
        return connect(self.bucket, self.bucket.public_endpoint)

    def _part_url(self, client: S3Client, key: str, upload_id: str, number: int, size: int, expires: int) -> str:
        place = {"Bucket": self.bucket.name, "Key": key, "UploadId": upload_id, "PartNumber": number}
        parameters = {**place, "ContentLength": size}  # becomes a signed header: the storage refuses any other length
        return str(client.generate_presigned_url("upload_part", Params=parameters, ExpiresIn=expires))


def _completion_error(error: ClientError) -> Exception:
    if code_of(error) in BAD_PARTS:
        return UploadIncomplete("a part is missing, too small or not the one that was put", "Put the parts again.")
    if code_of(error) == "NoSuchUpload":
        return UploadClosed("the upload was completed or aborted already")
    refused: Exception = error
    return refused
