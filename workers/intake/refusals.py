"""Words shared by refusals: names from an upload are shown short and escaped."""

from __future__ import annotations

from schemas.problems import ErrorCode
from workers.errors import IntakeError


def show(name: str | bytes, most: int = 80) -> str:
    """A hostile name, quoted, escaped and cut. Bytes are what protobuf gives for text that is not UTF-8."""
    name = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
    return ascii(name if len(name) <= most else name[:most] + "…")


def refuse(code: ErrorCode, detail: str, advice: str) -> IntakeError:
    """The refusal of an upload: what was found, and what to change."""
    return IntakeError(code, detail, advice)
