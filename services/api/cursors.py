"""Opaque cursors: a position in the newest-first order, as text."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import Annotated

from fastapi import Query

from services.db.paging import Position
from services.errors import InvalidCursor

NUMBER = re.compile(r"^[0-9]{1,18}$")
ID = re.compile(r"^[a-z]{2,4}_[0-9a-z]{16,40}$")

Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before this one")]
Limit = Annotated[int, Query(ge=1, le=100)]


def encode(position: Position | None) -> str | None:
    """The cursor that goes on after ``position``."""
    if position is None:
        return None
    text = f"{position.created_at.isoformat()} {position.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str | None) -> Position | None:
    """The position that a cursor stands for.

    Raises:
        InvalidCursor: the text did not come from :func:`encode`.
    """
    if cursor is None:
        return None
    moment, _, identifier = _text(cursor).partition(" ")
    try:
        created_at = datetime.fromisoformat(moment)
    except ValueError as error:
        raise _invalid() from error
    if created_at.tzinfo is None or not ID.match(identifier):
        raise _invalid()
    return Position(created_at, identifier)


def encode_number(number: int | None) -> str | None:
    """The cursor that goes on before row ``number``, for rows that are numbered."""
    return None if number is None else base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def decode_number(cursor: str | None) -> int | None:
    """The number that a cursor stands for.

    Raises:
        InvalidCursor: the text did not come from :func:`encode_number`.
    """
    if cursor is None:
        return None
    text = _text(cursor)
    if not NUMBER.match(text):
        raise _invalid()
    return int(text)


def _text(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise _invalid() from error


def _invalid() -> InvalidCursor:
    return InvalidCursor("This cursor did not come from this service.", "Start again without a cursor.")
