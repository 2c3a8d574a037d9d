"""Scopes of routes. The middleware has found the key already; here its scope is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from schemas.api_keys import Scope
from services.api_keys.service import Principal
from services.errors import Unauthenticated

bearer = HTTPBearer(
    auto_error=False, description="An API key (`scot_…`), or a token of the identity provider", scheme_name="apiKey"
)
"""Only documents the scheme in OpenAPI."""


def _with_scope(scope: Scope) -> Callable[[Request], Principal]:
    def check(request: Request) -> Principal:
        principal: Principal | None = getattr(request.state, "principal", None)
        if principal is None:
            raise Unauthenticated("No API key was sent.")
        principal.require(scope)
        return principal

    return check


Viewer = Annotated[Principal, Depends(_with_scope(Scope.VIEWER))]
Auditor = Annotated[Principal, Depends(_with_scope(Scope.AUDITOR))]
Submitter = Annotated[Principal, Depends(_with_scope(Scope.SUBMITTER))]
Admin = Annotated[Principal, Depends(_with_scope(Scope.ADMIN))]
