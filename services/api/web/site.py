"""Everything of the web page under one router, and what it keeps as long as the process."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from ..problems import on_http_exception
from .errors import error_page, understood
from .routes import assets, audits, comparisons, events, keys, project, reference, schedules, sign_in, submitting
from .throttle import Throttle
from .verdicts import VerdictCounts
from .visitor import own_form, own_origin

OPEN = (assets, reference, sign_in)
"""For everyone."""

CLOSED = (submitting, audits, comparisons, schedules, keys, project, events)
"""For those who signed in; whatever they post carries the token of their session."""


def install(app: FastAPI) -> None:
    """Serve the web page beside the API; its routes are no part of the published document."""
    app.state.throttle = Throttle()
    app.state.verdicts = VerdictCounts()
    site = APIRouter(include_in_schema=False, dependencies=[Depends(own_origin)])
    for module in OPEN:
        site.include_router(module.router)
    for module in CLOSED:
        site.include_router(module.router, dependencies=[Depends(own_form)])
    app.include_router(site)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Answer addresses that nothing serves with a page where a person looks, and as the API does elsewhere."""
    if "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1"):
        return error_page(request, understood(error, request))
    return on_http_exception(request, error)
