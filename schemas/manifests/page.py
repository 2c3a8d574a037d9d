"""The seal of a page: its manifest in a comment after the end of the document, so that the file proves itself.

A comment needs no script, no style and no network, and nothing may show it. The manifest holds the digest of every byte
before the seal; the seal is the end of the file.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from .canonical import MOST_BYTES
from .envelope import Envelope, EnvelopeUnreadable, read_envelope, strict_base64

MARK = b"<!--scotoma-seal"
"""Text of users cannot hold it: a page escapes every ``<``."""
BEGIN = b"\n" + MARK + b":1 "
END = b"-->\n"


class Unsealed(ValueError):
    """The file has no seal."""


class SealBroken(ValueError):
    """The file has a seal that was damaged, moved or doubled; the message says how."""


@dataclass(frozen=True)
class SealedPage:
    """A page as it was before it was sealed, and its seal."""

    body: bytes
    envelope: Envelope


def seal_page(body: bytes, envelope: Envelope) -> bytes:
    """``body`` with its seal.

    Raises:
        ValueError: it holds the mark of a seal already.
    """
    if MARK in body:
        raise ValueError("the page holds the mark of a seal")
    return body + BEGIN + base64.b64encode(envelope.text()) + END


def open_page(data: bytes) -> SealedPage:
    """The page and its seal; says nothing yet of whether one belongs to the other.

    Raises:
        Unsealed: there is none.
        SealBroken: it is not whole, not at the end, or not alone.
    """
    found = data.lower().count(MARK)
    if not found:
        raise Unsealed("the file has no seal")
    if found > 1:
        raise SealBroken(f"the file has {found} seals")
    body, begin, rest = data.partition(BEGIN)
    if not begin or not rest.endswith(END):
        raise SealBroken("the seal is not the end of the file: something was moved, added or cut off")
    return SealedPage(body, _envelope(rest.removesuffix(END)))


def _envelope(encoded: bytes) -> Envelope:
    if len(encoded) > 2 * MOST_BYTES:
        raise SealBroken("the seal is far too long")
    try:
        return read_envelope(strict_base64(encoded.decode("ascii")))
    except (EnvelopeUnreadable, UnicodeDecodeError) as error:
        raise SealBroken("the seal was damaged") from error
