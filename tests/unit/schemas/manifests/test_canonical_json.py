"""One value has one text, and nothing else is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.manifests.canonical import DEEPEST, LARGEST, MOST_BYTES, NotCanonical, canonical, parse

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_a_value_comes_back_from_its_text(value: Any) -> None:
    assert parse(canonical(value)) == value
    assert json.loads(canonical(value)) == value


@given(st.dictionaries(TEXTS, st.integers(0, 9), min_size=2, max_size=6), st.randoms())
def test_the_order_of_making_is_not_in_the_text(value: dict[str, int], random: Any) -> None:
    pairs = list(value.items())
    random.shuffle(pairs)
    assert canonical(dict(pairs)) == canonical(value)


def test_the_example_of_rfc_8785() -> None:
    """Section 3.2.3 without its fractions: keys are sorted by UTF-16 code units, not by code points."""
    value = {"€": "Euro", "\r": "Return", "\ufb33": "Hebrew", "1": "One", "😀": "Smiley", "\x80": "Control", "ö": "o"}
    keys = ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"]
    assert list(json.loads(canonical(value))) == keys
    assert canonical({"b": '\u20ac$\u000f\nA\'B"\\"/', "a": [None, True]}) == (
        '{"a":[null,true],"b":"€$\\u000f\\nA\'B\\"\\\\\\"/"}'.encode()
    )


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"",
        b'{"a":1,"a":1}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"a":-0}',
        b'{"a":9007199254740992}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\ud800"}',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"[" * (DEEPEST + 2) + b"]" * (DEEPEST + 2),
        b"1" * 5_000,
        b'"' + b"a" * MOST_BYTES + b'"',
    ],
)
def test_nothing_else_is_read(text: bytes) -> None:
    with pytest.raises(NotCanonical):
        parse(text)


@pytest.mark.parametrize("value", [1.5, LARGEST + 1, {1: 2}, {"a": b""}, "\ud800", {"\ud800": 1}, (1,)])
def test_what_has_no_form_is_refused(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)
