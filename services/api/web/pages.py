"""How a page is made: the report's templates, words and style, and a policy that lets nothing else in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from schemas.api_keys import Scope
from services.reports.page import environment as report_environment

from . import words
from .forgery import FIELD
from .sessions import Visitor

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    # With no-referrer browsers send "Origin: null" along with forms, and the origin could not be checked.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
FILTERS = (words.age, words.moment, words.span)


@cache
def environment() -> jinja2.Environment:
    """The report's environment (escaped unless it is our own markup), with the pages' own templates first."""
    shared = report_environment()
    own = jinja2.PackageLoader(__package__ or "services.api.web")
    made = shared.overlay(loader=jinja2.ChoiceLoader([own, shared.loader] if shared.loader else [own]))
    made.filters = {**shared.filters, **{function.__name__: function for function in FILTERS}}
    made.globals = {
        **shared.globals,
        "states": words.STATES,
        "gates": words.GATES,
        "rules": words.RULES,
        "stage_states": words.STAGE_STATES,
        "occurrences": words.OCCURRENCES,
        "messages": words.MESSAGES,
        "token": _token,
        "places": places,
    }
    return made


def page(request: Request, template: str, context: Mapping[str, Any] | None = None, status: int = 200) -> HTMLResponse:
    """``template`` as the answer to ``request``; ``visitor`` is who is signed in, if anyone."""
    visitor = getattr(request.state, "visitor", None)
    text = (
        environment()
        .get_template(template)
        .render(visitor=visitor, path=request.url.path, done=request.query_params.get("done"), **(context or {}))
    )
    return HTMLResponse(text, status_code=status, headers=HEADERS)


def places(visitor: Visitor) -> list[tuple[str, str]]:
    """Where the bar on top leads: only to what the visitor may see."""
    found = [("/", "Audits"), ("/comparisons", "Comparisons"), ("/schedules", "Schedules"), ("/project", "Project")]
    return [*found, ("/keys", "Keys")] if visitor.principal.may(Scope.ADMIN) else found


def _token(visitor: Visitor) -> Markup:
    """The hidden field that proves a form to be of this session."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, visitor.csrf)
