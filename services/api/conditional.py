"""Entity tags: what a client has already is not sent again (RFC 9110, section 13)."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from fastapi import Header
from fastapi.responses import Response

from services.errors import PreconditionFailed, PreconditionRequired

IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=200, description="The `ETag` of what is changed, or `*`")
]
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


def revision_tag(revision: int) -> str:
    """The entity tag of something whose changes are counted."""
    return f'"{revision}"'


def revision_asked(if_match: str | None) -> int | None:
    """The revision that a change is meant for; ``None`` for whatever there is.

    Raises:
        PreconditionRequired: the request does not say.
        PreconditionFailed: it is no tag of ours, so nothing can match it.
    """
    if if_match is None:
        detail = "This change needs the header If-Match."
        raise PreconditionRequired(detail, "Send the ETag that you read it with, so that no other change is lost.")
    asked = if_match.strip()
    if asked == "*":
        return None
    found = re.fullmatch(r'"(\d{1,9})"', asked)
    if found is None:
        raise PreconditionFailed("If-Match is no ETag of this resource.", "Read it again, and send its ETag.")
    return int(found[1])


def not_modified(etag: str) -> Response:
    """304."""
    return Response(status_code=304, headers={"ETag": etag})
