"""Errors read as sentences."""

from __future__ import annotations

import pytest

from schemas.client.errors import sentences


@pytest.mark.parametrize(
    ("detail", "advice", "said"),
    [
        ("the file is no model", "Export it again.", "the file is no model. Export it again."),
        ("It broke.", "Try again.", "It broke. Try again."),
        ("it broke", "", "it broke"),
    ],
)
def test_what_was_found_and_what_to_change(detail: str, advice: str, said: str) -> None:
    assert sentences(detail, advice) == said
