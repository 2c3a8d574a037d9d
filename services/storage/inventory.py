"""What lies in the bucket, and the slow way out of it: set aside first, removed much later.

Removing an object at once can never be safe: a publisher may have found it there a moment ago and be about to name it.
So it moves to the quarantine first; :class:`services.storage.blobs.S3BlobStore` brings it back for whoever asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from schemas.scalars import Sha256

from .blobs import QUARANTINE, WHOLE, S3BlobStore
from .client import code_of, reaching_storage, status_of

BLOBS = "sha256/"
STAGING = "staging/"
MOVE_SECONDS = 60.0
"""A move that took longer between its copy and its removal is broken off: its collector may have been replaced."""


@dataclass(frozen=True)
class Stored:
    """An object as listed. ``name`` is the end of its key: the digest of a blob, the id of an upload."""

    key: str
    name: str
    bytes: int
    modified: datetime


@dataclass(frozen=True)
class OpenParts:
    """A multipart upload that nobody completed."""

    key: str
    name: str
    upload_id: str
    began: datetime


def blobs(store: S3BlobStore) -> Iterator[Stored]:
    """Every blob of the store's project.

    Raises:
        Unavailable: the storage did not answer.
    """
    return _listed(store, BLOBS)


def quarantined(store: S3BlobStore) -> Iterator[Stored]:
    """Every blob that was set aside, ``modified`` when that was.

    Raises:
        Unavailable: the storage did not answer.
    """
    return _listed(store, QUARANTINE + BLOBS)


def staged(store: S3BlobStore) -> Iterator[Stored]:
    """Every object of an upload that is not published yet.

    Raises:
        Unavailable: the storage did not answer.
    """
    return _listed(store, STAGING)


def storage_now(store: S3BlobStore) -> datetime:
    """The storage's own clock, which its objects are dated by.

    Raises:
        Unavailable: the storage did not answer.
    """
    with reaching_storage():
        answer = store.client.list_objects_v2(Bucket=store.bucket.name, Prefix=store.bucket.prefix, MaxKeys=1)
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


def set_aside(store: S3BlobStore, digest: Sha256) -> bool:
    """Move a blob to the quarantine; whether it was there.

    Raises:
        Unavailable: the storage did not answer.
    """
    began = time.monotonic()
    source = {"Bucket": store.bucket.name, "Key": store.key(digest)}
    with reaching_storage():
        try:
            store.client.copy(source, store.bucket.name, store.quarantine_key(digest), Config=WHOLE)
        except ClientError as error:
            if status_of(error) != 404:
                raise
            return False
        if time.monotonic() - began > MOVE_SECONDS:
            return False
        store.client.delete_object(**source)
    return True


def drop(store: S3BlobStore, key: str) -> None:
    """Remove an object for good. One that is gone already is fine.

    Raises:
        Unavailable: the storage did not answer.
    """
    with reaching_storage():
        store.client.delete_object(Bucket=store.bucket.name, Key=key)


def open_parts(store: S3BlobStore) -> Iterator[OpenParts]:
    """Multipart uploads that were begun and not completed.

    Raises:
        Unavailable: the storage did not answer.
    """
    prefix = store.bucket.prefix + STAGING
    for page in _pages(store, "list_multipart_uploads", prefix):
        for item in page.get("Uploads", []):
            yield OpenParts(item["Key"], item["Key"].removeprefix(prefix), item["UploadId"], item["Initiated"])


def abort(store: S3BlobStore, parts: OpenParts) -> None:
    """Drop the parts of an upload. One that is gone already is fine.

    Raises:
        Unavailable: the storage did not answer.
    """
    with reaching_storage():
        try:
            store.client.abort_multipart_upload(Bucket=store.bucket.name, Key=parts.key, UploadId=parts.upload_id)
        except ClientError as error:
            if code_of(error) != "NoSuchUpload":
                raise


def read_note(store: S3BlobStore, name: str) -> bytes | None:
    """A small object that is no blob and may change; ``None`` where there is none.

    Raises:
        Unavailable: the storage did not answer.
    """
    with reaching_storage():
        try:
            answer = store.client.get_object(Bucket=store.bucket.name, Key=store.bucket.prefix + name)
            return bytes(answer["Body"].read())
        except ClientError as error:
            if status_of(error) != 404:
                raise
            return None


def write_note(store: S3BlobStore, name: str, data: bytes) -> None:
    """Write such an object, over an older one.

    Raises:
        Unavailable: the storage did not answer.
    """
    with reaching_storage():
        store.client.put_object(Bucket=store.bucket.name, Key=store.bucket.prefix + name, Body=data)


def _listed(store: S3BlobStore, folder: str) -> Iterator[Stored]:
    for page in _pages(store, "list_objects_v2", store.bucket.prefix + folder):
        for item in page.get("Contents", []):
            yield Stored(item["Key"], item["Key"].rsplit("/", 1)[1], item["Size"], item["LastModified"])


def _pages(store: S3BlobStore, operation: str, prefix: str) -> Iterable[dict[str, Any]]:
    pages = iter(store.client.get_paginator(operation).paginate(Bucket=store.bucket.name, Prefix=prefix))
    while True:
        with reaching_storage():
            page = next(pages, None)
        if page is None:
            return
        yield page
