"""Which form a client would rather have."""

from __future__ import annotations

import pytest

from services.api.negotiation import prefers_html


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html;q=0.5, application/json", False),
        ("Text/HTML ; Q=0.9, application/json;q=0.2", True),
        ("text/*, application/json;q=0.9", True),
        ("text/html;q=0, */*", False),
        ("text/html;q=much", False),
        (";;,,q=1", False),
    ],
)
def test_html_only_where_it_is_wanted_more(accept: str | None, html: bool) -> None:
    assert prefers_html(accept) is html
