"""Answers of strangers, read as they come over the wire and never beyond a length.

An HTTP client that undoes ``Content-Encoding`` turns a few hundred bytes into gigabytes before anybody counts them, so
an encoded answer is refused: nothing here asks for one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

PLAIN: Mapping[str, str] = {"Accept-Encoding": "identity"}
"""Headers of every request whose answer is read."""


class BadAnswer(ValueError):
    """The answer is encoded, too long, or no JSON."""


def pieces(answer: httpx.Response) -> Iterator[bytes]:
    """The body of a streamed answer, as it comes.

    Raises:
        BadAnswer: it is encoded.
        httpx.HTTPError: it breaks off.
    """
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise BadAnswer("it is encoded, which was not asked for")
    yield from answer.iter_raw()


def limited(answer: httpx.Response, most: int) -> bytes:
    """The whole body of a streamed answer of at most ``most`` bytes.

    Raises:
        BadAnswer: it is encoded, or longer.
        httpx.HTTPError: it breaks off.
    """
    body = bytearray()
    for piece in pieces(answer):
        body += piece
        if len(body) > most:
            raise BadAnswer(f"it is longer than {most} bytes")
    return bytes(body)


def parsed(body: bytes) -> Any:
    """The JSON of a body.

    Raises:
        BadAnswer: it is none, or nested too deeply to be read.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadAnswer("it is not JSON that can be read") from error
