"""Uploads: bytes come in directly (small) or by presigned multipart (large), and become a blob by digest."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from .scalars import Contract, Identifier, Name, Sha256


class UploadState(StrEnum):
    """``open`` until its bytes are complete and hashed."""

    OPEN = "open"
    COMPLETE = "complete"
    ABORTED = "aborted"


class UploadCreate(Contract):
    """Body of ``POST /v1/uploads``. ``sha256`` is checked when given: a broken transfer is found, not audited."""

    filename: Name
    bytes: int = Field(gt=0, le=64 * 2**30)
    sha256: Sha256 | None = None
    transfer: Literal["direct", "multipart"] = "direct"


class UploadPart(Contract):
    """One part of a multipart upload: ``PUT`` the bytes to ``url`` and keep the ``ETag`` that comes back."""

    number: int = Field(ge=1, le=10_000)
    bytes: int
    url: str


class CompletedPart(Contract):
    """A part that the client has put."""

    number: int = Field(ge=1, le=10_000)
    etag: str


class UploadComplete(Contract):
    """Body of ``POST /v1/uploads/{id}:complete``."""

    parts: list[CompletedPart] = Field(min_length=1, max_length=10_000)


class Upload(Contract):
    """An upload as the API answers it. Direct: ``PUT`` the bytes to ``/v1/uploads/{id}/content``."""

    id: Identifier
    filename: Name
    bytes: int
    state: UploadState
    transfer: Literal["direct", "multipart"]
    digest: Sha256 | None = None
    parts: list[UploadPart] = []
    created_at: datetime
    expires_at: datetime
