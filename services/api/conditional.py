"""Entity tags: what a client has already is not sent again (RFC 9110, section 13)."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import Header
from fastapi.responses import Response

IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=2000)]


def tag(*parts: str | bytes) -> str:
    """A strong entity tag of everything that decides a body."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hasher.update(len(data).to_bytes(8, "big") + data)
    return f'"{hasher.hexdigest()[:32]}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has the body of ``etag``."""
    if if_none_match is None:
        return False
    known = [item.strip().removeprefix("W/") for item in if_none_match.split(",")]
    return "*" in known or etag in known


def not_modified(etag: str) -> Response:
    """304."""
    return Response(status_code=304, headers={"ETag": etag})
