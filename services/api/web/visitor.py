"""Who is asking, and whether the form is theirs: what every page of the web depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData

from schemas.api_keys import Scope
from services.db.engine import transaction
from services.errors import Unauthenticated

from ..ports import Ports
from ..problems import request_id
from . import cookies, forgery, sessions
from .sessions import Visitor

MOST_FIELDS = 60


class SignInNeeded(Unauthenticated):
    """Nobody is signed in, or no longer."""

    title = "Sign in first"


def signed_in(request: Request, ports: Ports) -> Visitor:
    """The visitor of this request.

    Raises:
        SignInNeeded: there is no session, or it or its key has ended.
    """
    value = cookies.value_of(request)
    visitor = None
    if value is not None:
        with transaction(ports.sessions) as session:
            visitor = sessions.find(session, value, request_id(request.scope))
    if visitor is None:
        raise SignInNeeded("Nobody is signed in.", "Sign in with an API key.")
    request.state.visitor = visitor
    return visitor


SignedIn = Annotated[Visitor, Depends(signed_in)]


def _with_scope(scope: Scope) -> Callable[[Visitor], Visitor]:
    def check(visitor: SignedIn) -> Visitor:
        visitor.principal.require(scope)
        return visitor

    return check


Reader = Annotated[Visitor, Depends(_with_scope(Scope.VIEWER))]
Submitter = Annotated[Visitor, Depends(_with_scope(Scope.SUBMITTER))]
Administrator = Annotated[Visitor, Depends(_with_scope(Scope.ADMIN))]


async def _form(request: Request) -> FormData:
    return await request.form(max_files=0, max_fields=MOST_FIELDS)


Form = Annotated[FormData, Depends(_form)]


async def own_origin(request: Request) -> None:
    """Whatever is posted comes from a page of this service.

    Raises:
        Forbidden: it does not.
    """
    if request.method == "POST":
        forgery.check_origin(request)


async def own_form(request: Request, visitor: SignedIn) -> None:
    """Whatever is posted carries the token of the visitor's session.

    Raises:
        Forbidden: it does not.
    """
    if request.method == "POST":
        forgery.check_token((await _form(request)).get(forgery.FIELD), visitor.csrf)


def field(form: FormData, name: str) -> str | None:
    """The text of a field; ``None`` where it is absent or blank."""
    value = form.get(name)
    return value.strip() or None if isinstance(value, str) else None
