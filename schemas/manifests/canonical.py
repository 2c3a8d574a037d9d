"""Canonical JSON (RFC 8785, without floating point): one value, one text, so that a signature is over the value.

Keys are sorted by their UTF-16 code units, nothing is between tokens, strings are UTF-8 with the shortest escapes.
Numbers are integers below 2**53 in magnitude: a manifest needs no others, and others are what readers disagree about.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

LARGEST = 2**53 - 1
DEEPEST = 32
MOST_BYTES = 1 << 20
"""A manifest is a few kilobytes; what is a thousand times longer is an attack on its reader."""


class NotCanonical(ValueError):
    """The text is not JSON, or not in the one form that it may have; or the value has no such form."""


def canonical(value: Any) -> bytes:
    """The one text of ``value``: dicts with text keys, lists, text, integers, booleans and ``None``.

    Raises:
        NotCanonical: something in it is none of these.
    """
    try:
        text = json.dumps(_ordered(value, 0), ensure_ascii=False, separators=(",", ":"))
        return text.encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("a text holds half a surrogate pair") from error


def parse(data: bytes) -> Any:
    """The value of a canonical text.

    Raises:
        NotCanonical: too long, not JSON, a key twice, a fraction, or any other spelling of the same value.
    """
    if len(data) > MOST_BYTES:
        raise NotCanonical(f"{len(data)} bytes are more than {MOST_BYTES}")
    try:
        value = json.loads(
            data.decode(), parse_float=_no_fraction, parse_constant=_no_fraction, object_pairs_hook=_once_each
        )
    except RecursionError as error:
        raise NotCanonical("it is nested too deeply") from error
    except NotCanonical:
        raise
    except ValueError as error:
        raise NotCanonical("it is not JSON in UTF-8") from error
    if canonical(value) != data:
        raise NotCanonical("it is JSON in another spelling than the canonical one")
    return value


def _ordered(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise NotCanonical("it is nested too deeply")
    if isinstance(value, dict):
        return {key: _ordered(value[key], depth + 1) for key in sorted(value, key=_code_units)}
    if isinstance(value, list):
        return [_ordered(item, depth + 1) for item in value]
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int) and abs(value) <= LARGEST:
        return value
    raise NotCanonical(f"{type(value).__name__} has no canonical form here")


def _code_units(key: object) -> bytes:
    if not isinstance(key, str):
        raise NotCanonical("a key is not text")
    return key.encode("utf-16-be")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotCanonical("a key stands twice")
    return found


def _no_fraction(text: str) -> NoReturn:
    raise NotCanonical(f"{text[:20]} is not an integer")
