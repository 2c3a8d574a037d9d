"""The S3 client: where the bucket is, and how the provider's errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from services.errors import Unavailable
from services.settings import Settings

S3Client: TypeAlias = Any
"""boto3 makes its clients at run time and ships no types."""

ATTEMPTS = 4
"""Tries per request on 5xx, throttling and broken connections, with exponential backoff and jitter (botocore)."""


@dataclass(frozen=True)
class Bucket:
    """Where the bucket is. ``prefix`` goes before every key; ``public_endpoint`` is what clients reach."""

    name: str
    endpoint: str = ""
    public_endpoint: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    region: str = "us-east-1"
    prefix: str = ""


def bucket_of(settings: Settings) -> Bucket:
    """The bucket that the settings name."""
    return Bucket(
        name=settings.s3_bucket,
        endpoint=settings.s3_endpoint,
        public_endpoint=settings.s3_public_endpoint,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
        region=settings.s3_region,
        prefix=settings.s3_prefix,
    )


def connect(bucket: Bucket, endpoint: str = "") -> S3Client:
    """A client of ``bucket``'s provider. Without keys, the provider's own chain finds them (roles, files).

    Checksums that only AWS knows are left out; every digest is checked here instead.
    """
    config = Config(
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=16,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        signature_version="s3v4",
        s3={"addressing_style": "path" if bucket.endpoint else "auto", "payload_signing_enabled": True},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint or bucket.endpoint or None,
        aws_access_key_id=bucket.access_key or None,
        aws_secret_access_key=bucket.secret_key or None,
        region_name=bucket.region,
        config=config,
    )


def status_of(error: ClientError) -> int:
    """The HTTP status of the provider's answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(error: ClientError) -> str:
    """The provider's error code, such as ``NoSuchUpload``."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def reaching_storage() -> Iterator[None]:
    """Turn a lost connection or a provider's 5xx into :class:`Unavailable`; a refusal (4xx) passes through.

    Raises:
        Unavailable: the storage did not answer after every retry.
    """
    try:
        yield
    except ClientError as error:
        if status_of(error) >= 500 or status_of(error) == 429:
            raise Unavailable("the object storage answers with errors", "Try again later.") from error
        raise
    except BotoCoreError as error:
        raise Unavailable("the object storage cannot be reached", "Try again later.") from error


def ensure_bucket(bucket: Bucket) -> None:
    """Create the bucket when it does not exist.

    Raises:
        Unavailable: the storage did not answer.
    """
    client = connect(bucket)
    with reaching_storage():
        try:
            client.head_bucket(Bucket=bucket.name)
        except ClientError as error:
            if status_of(error) != 404:
                raise
            _create_bucket(client, bucket.name)


def _create_bucket(client: S3Client, name: str) -> None:
    try:
        client.create_bucket(Bucket=name)
    except ClientError as error:
        if code_of(error) != "BucketAlreadyOwnedByYou":
            raise
