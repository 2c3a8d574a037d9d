"""What went wrong, as a page that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from schemas.ports import BlobMissing
from services.errors import ArtifactMissing, InvalidRequest, NotFound, ServiceError, UploadTooLarge

from ..problems import database_problem, request_id
from .pages import HEADERS, page
from .visitor import SignInNeeded

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

log = structlog.get_logger(__name__)


class PageRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Handler:
        """The handler, with every error answered as HTML."""
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await answer(request)
            except SignInNeeded:
                return ask_to_sign_in(request)
            except Exception as error:  # nothing may reach the visitor as it is
                return error_page(request, understood(error, request))

        return answered


def error_page(request: Request, error: ServiceError) -> Response:
    """``error`` with its advice; the id is what an operator finds the log line by."""
    context = {"problem": error.problem(), "request_id": request_id(request.scope)}
    return page(request, "error.html.j2", context, error.status)


def ask_to_sign_in(request: Request) -> Response:
    """Go to the sign-in page and come back later.

    A browser that follows a link from elsewhere (a mail, a chat) brings no ``SameSite=Strict`` cookie although it has
    one; a page that asks again from here brings it.
    """
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET":
        return RedirectResponse("/sign-in", 303, headers=HEADERS)
    if request.headers.get("sec-fetch-site") == "cross-site" and request.headers.get("sec-fetch-mode") == "navigate":
        return page(request, "arriving.html.j2", {"target": target})
    return RedirectResponse(f"/sign-in?next={quote(target, safe='/')}", 303, headers=HEADERS)


def understood(error: Exception, request: Request) -> ServiceError:
    """What ``error`` means to the visitor. A bug of ours is logged, and means nothing to anyone."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _http(error)
    if isinstance(error, BlobMissing):
        return ArtifactMissing("A stored object of this page is gone from the bucket.", "Run the audit again.")
    known = database_problem(error) if isinstance(error, SQLAlchemyError) else None
    if known is not None:
        return known
    log.error("page failed", request_id=request_id(request.scope), exc_info=error)
    return ServiceError("Something went wrong here.", "Tell an operator the id of the request.")


def _invalid(error: RequestValidationError) -> ServiceError:
    places = {str(item["loc"][0]) for item in error.errors()}
    if "path" in places:
        return NotFound("Nothing is at this address.", "Start from the list of audits.")
    return InvalidRequest("A part of the address or the form is not valid.", "Go back and correct it.")


def _http(error: HTTPException) -> ServiceError:
    if isinstance(error.__cause__, ServiceError):
        return error.__cause__
    if error.status_code == 413:
        return UploadTooLarge("The form is too long.", "Send fewer or shorter fields.")
    if error.status_code == 404:
        return NotFound("Nothing is at this address.", "Start from the list of audits.")
    return InvalidRequest("The form cannot be read.", "Open the page again and send the form from there.")
