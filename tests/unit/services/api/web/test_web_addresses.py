"""Where a sign-in leads, where a form may come from, and what addresses ask for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi import Request
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.audits import AuditState
from schemas.policies import Outcome
from services.api.web import forgery
from services.api.web.listing import Wanted
from services.api.web.routes.audits import wanted_of
from services.api.web.routes.reference import type_of
from services.api.web.routes.sign_in import safe_target
from services.errors import Forbidden

HOST = "scotoma.example:8000"


@given(st.text(alphabet="/\\.:@?#%ab\t\n \u3002", max_size=20))
@example("//evil.example")
@example("/\\evil.example")
@example("/\t/evil.example")
def test_a_sign_in_never_leads_away(wanted: str) -> None:
    place = urljoin(f"https://{HOST}/sign-in", safe_target(wanted).replace("\\", "/"))
    assert urlsplit(place)[:2] == ("https", HOST)


def test_it_leads_to_the_page_that_was_asked_for() -> None:
    assert safe_target("/audits/aud_1?done=started") == "/audits/aud_1?done=started"


def posted(**headers: str) -> Request:
    app = SimpleNamespace(
        state=SimpleNamespace(ports=SimpleNamespace(settings=SimpleNamespace(public_url="https://public.example")))
    )
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in {"host": HOST, **headers}.items()]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": raw, "app": app}
    return Request(scope)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": f"http://{HOST}"},
        {"origin": "https://public.example"},
        {"sec_fetch_site": "same-origin"},
        {"origin": f"https://{HOST}", "sec_fetch_site": "same-origin"},
    ],
)
def test_forms_of_this_service_are_taken(headers: dict[str, str]) -> None:
    forgery.check_origin(posted(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://scotoma.example"},
        {"origin": "http://public.example"},
        {"origin": f"http://evil.example/{HOST}"},
        {"origin": f"http://{HOST}.evil.example"},
        {"origin": f"http://{HOST}", "sec_fetch_site": "cross-site"},
        {"origin": "https://evil.example", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
)
def test_forms_of_others_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Forbidden, match="This form was refused"):
        forgery.check_origin(posted(**headers))


def test_filters_that_say_nothing_ask_for_everything() -> None:
    assert wanted_of("nonsense", "", " ", "", "").anything
    asked = wanted_of("failed", "fail", "a ", " b", "c")
    assert asked == Wanted(AuditState.FAILED, Outcome.FAIL, "a", "b", "c")
    assert not asked.anything


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"$ref": "#/components/schemas/Audit"}, "Audit"),
        ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "list of string or null"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "map of number"),
        ({"enum": ["a", "b"]}, '"a" | "b"'),
        ({"const": "1"}, '"1"'),
        ({"type": "object", "additionalProperties": True}, "object"),
        ({}, "any"),
    ],
)
def test_types_in_words(schema: dict[str, Any], text: str) -> None:
    assert "".join(piece for piece, _ in type_of(schema)) == text
