"""Every error as ``application/problem+json`` (RFC 9457), and never a stack trace."""

from __future__ import annotations

from typing import Any, TypeAlias

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.types import Scope as AsgiScope

from schemas.ports import BlobMissing
from schemas.problems import ErrorCode, Problem
from services.errors import (
    ArtifactMissing,
    Conflict,
    IdempotencyInFlight,
    IdempotencyKeyMissing,
    InvalidRequest,
    NotFound,
    QuotaExceeded,
    ServiceError,
    Unauthenticated,
    Unavailable,
    UploadBusy,
)

Responses: TypeAlias = dict[int | str, dict[str, Any]]
"""What a route may answer, as OpenAPI says it."""

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = {Unavailable: "5", IdempotencyInFlight: "1", UploadBusy: "1"}
UNREACHABLE = (OperationalError, InterfaceError, PoolTimeout)

log = structlog.get_logger(__name__)


class MethodNotAllowed(ServiceError):
    """The resource exists and does not take this method."""

    code, status, title = ErrorCode.METHOD_NOT_ALLOWED, 405, "The method is not allowed here"


def request_id(scope: AsgiScope) -> str:
    """The id that the outermost middleware gave to this request."""
    return str(scope.get("state", {}).get("request_id", "unknown"))


def problem_response(error: ServiceError, scope: AsgiScope) -> Response:
    """The answer that ``error`` stands for."""
    problem = error.problem(instance=f"urn:scotoma:request:{request_id(scope)}")
    return Response(
        problem.model_dump_json(), status_code=problem.status, media_type=MEDIA_TYPE, headers=_headers(error, scope)
    )


def _headers(error: ServiceError, scope: AsgiScope) -> dict[str, str]:
    # The answer to a bug is made outside of every middleware, so the id is set here as well.
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Request-Id": request_id(scope)}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, QuotaExceeded):
        headers["Retry-After"] = str(error.retry_after)
    for kind, seconds in RETRY_SECONDS.items():
        if isinstance(error, kind):
            headers["Retry-After"] = seconds
    return headers


def install_handlers(app: FastAPI) -> None:
    """Answer each kind of exception with a problem."""
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(SQLAlchemyError, _on_database_error)
    app.add_exception_handler(BlobMissing, _on_missing_blob)
    app.add_exception_handler(Exception, _on_anything)


def _on_service_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ServiceError):
        raise TypeError(f"not a service error: {error!r}")
    return problem_response(error, request.scope)


def _on_validation_error(request: Request, error: Exception) -> Response:
    """Say which fields are wrong; what was sent is not repeated."""
    if not isinstance(error, RequestValidationError):
        raise TypeError(f"not a validation error: {error!r}")
    errors = [{"at": [str(step) for step in item["loc"]], "found": item["msg"]} for item in error.errors()]
    if any(item["at"] == ["header", "Idempotency-Key"] and item["found"] == "Field required" for item in errors):
        missing = IdempotencyKeyMissing("This route needs the header Idempotency-Key.", "Send a fresh UUID.")
        return problem_response(missing, request.scope)
    where = ", ".join(".".join(item["at"]) for item in errors[:5])
    return problem_response(InvalidRequest(f"Not valid: {where}.", "See 'errors'.", errors), request.scope)


def on_http_exception(request: Request, error: Exception) -> Response:
    """Say what the framework refused: an address, a method, a body."""
    if not isinstance(error, HTTPException):
        raise TypeError(f"not an HTTP exception: {error!r}")
    if isinstance(error.__cause__, ServiceError):
        # FastAPI wraps whatever goes wrong while it reads a body, also our own size limit.
        return problem_response(error.__cause__, request.scope)
    if error.status_code == 404:
        return problem_response(NotFound("Nothing is here.", "See /openapi.json for what exists."), request.scope)
    if error.status_code == 405:
        response = problem_response(MethodNotAllowed(f"{request.method} is not allowed here."), request.scope)
        response.headers.update(error.headers or {})
        return response
    return problem_response(InvalidRequest("The body cannot be read.", "Send JSON in UTF-8."), request.scope)


def database_problem(error: SQLAlchemyError) -> ServiceError | None:
    """What a failed statement means to the sender of the request; ``None`` when it is a bug of ours."""
    if isinstance(error, DataError):
        return InvalidRequest("A text or number does not fit.", "Leave out NUL characters and out-of-range numbers.")
    if isinstance(error, IntegrityError):
        return Conflict("Another request got there first.", "Read it again.")
    if isinstance(error, UNREACHABLE):
        log.warning("database unavailable", error=type(error).__name__)
        return Unavailable("The database does not answer.", "Try again later.")
    return None


def _on_database_error(request: Request, error: Exception) -> Response:
    problem = database_problem(error) if isinstance(error, SQLAlchemyError) else None
    return problem_response(problem, request.scope) if problem else _on_anything(request, error)


def _on_missing_blob(request: Request, error: Exception) -> Response:
    missing = ArtifactMissing(f"The object {error} is gone from the bucket.", "Run the audit again.")
    return problem_response(missing, request.scope)


def _on_anything(request: Request, error: Exception) -> Response:
    log.error("request failed", request_id=request_id(request.scope), exc_info=error)
    return problem_response(ServiceError("Something went wrong here.", "Report the instance id."), request.scope)


TITLES = {
    400: "A header is missing or malformed",
    401: "No usable API key",
    403: "The key's scope is too small",
    404: "Not found",
    405: "The method is not allowed here",
    409: "The resource is in another state",
    410: "Removed when its retention was over",
    412: "It was changed meanwhile",
    413: "The body is too large",
    422: "The request is not valid",
    428: "If-Match is needed",
    429: "A limit of the project is reached",
    500: "The service failed",
    503: "Database or storage cannot be reached",
}


def problems(*statuses: int) -> Responses:
    """OpenAPI responses for these statuses, besides those that every route can give."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {
        status: {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*statuses, 401, 403, 422, 500, 503})
    }
