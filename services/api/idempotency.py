"""Idempotency keys (IETF draft-ietf-httpapi-idempotency-key-header-07).

The key is stored in the transaction that does the work, so both exist or neither does. An advisory lock, not a wait on
the unique index, tells that the first request is still running.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Protocol

from fastapi import Header
from fastapi.responses import JSONResponse
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from schemas.scalars import Contract
from services.api_keys.service import Principal
from services.db.tables import IdempotencyKeyRow
from services.errors import IdempotencyInFlight, IdempotencyKeyReused
from services.projects.trail import record

from .ports import PortSet

KEY_FORMAT = r"^[\x21-\x7e]{1,255}$"
KEY_HELP = "Chosen by the client, fresh for each new request (a UUID): 1 to 255 printable ASCII characters."

RequiredKey = Annotated[str, Header(alias="Idempotency-Key", pattern=KEY_FORMAT, description=KEY_HELP)]
OptionalKey = Annotated[str | None, Header(alias="Idempotency-Key", pattern=KEY_FORMAT, description=KEY_HELP)]


class Addressed(Protocol):
    """A contract with an id."""

    @property
    def id(self) -> str:
        """Its public id."""
        ...

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """As JSON."""
        ...


@dataclass(frozen=True)
class Created:
    """What a request made, and where it is."""

    location: str
    body: dict[str, Any]
    replayed: bool = False

    def response(self, retry_after: int | None = None) -> JSONResponse:
        """201: it is there; or, with ``retry_after``, 202: accepted, and to be looked at again at ``Location``."""
        headers = {"Location": self.location}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        if self.replayed:
            headers["Idempotency-Replayed"] = "true"
        return JSONResponse(self.body, status_code=201 if retry_after is None else 202, headers=headers)


def fingerprint(route: str, body: Contract) -> str:
    """SHA-256 of the request as it was understood; the order and spelling of its JSON do not matter."""
    text = json.dumps([route, body.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def once(
    session: Session,
    principal: Principal,
    key: str | None,
    mark: str,
    seconds: int,
    work: Callable[[], Created],
) -> Created:
    """Do ``work`` and remember its answer under (principal, key), or give the answer remembered.

    Args:
        session: the transaction that ``work`` writes in.
        principal: whose key it is: keys of others, and those that it sent in another project, never collide with it.
        key: the ``Idempotency-Key``; without one, ``work`` is simply done.
        mark: fingerprint of the request.
        seconds: how long the answer is remembered.
        work: makes the resource.

    Raises:
        IdempotencyInFlight: the first request with this key still runs.
        IdempotencyKeyReused: the key came with another request before.
    """
    if key is None:
        return work()
    _lock(session, principal, key)
    _forget_expired(session, principal, key)
    known = session.get(IdempotencyKeyRow, (principal.id, key, principal.project))
    if known is not None:
        return _replay(known, mark)
    made = work()
    session.add(
        IdempotencyKeyRow(
            principal=principal.id,
            key=key,
            fingerprint=mark,
            status=202,
            location=made.location,
            body=made.body,
            expires_at=func.now() + timedelta(seconds=seconds),
        )
    )
    return made


def accepted(
    ports: PortSet,
    principal: Principal,
    key: str | None,
    path: str,
    body: Contract,
    make: Callable[[Session], Addressed],
    retry_after: int = 1,
) -> JSONResponse:
    """The answer to ``POST path``, 202: ``make`` queued something, in a transaction of its own, :func:`once` per key.

    Raises:
        ServiceError: as ``make`` and :func:`once` do.
    """
    return _made(ports, principal, key, path, body, make).response(retry_after)


def created(
    ports: PortSet,
    principal: Principal,
    key: str | None,
    path: str,
    body: Contract,
    make: Callable[[Session], Addressed],
) -> JSONResponse:
    """Likewise where nothing is left to be done, 201.

    Raises:
        ServiceError: as ``make`` and :func:`once` do.
    """
    return _made(ports, principal, key, path, body, make).response()


def _made(
    ports: PortSet,
    principal: Principal,
    key: str | None,
    path: str,
    body: Contract,
    make: Callable[[Session], Addressed],
) -> Created:
    def work() -> Created:
        made = make(session)
        record(session, principal, f"{path.rpartition('/')[2]}.create", made.id)
        return Created(f"{path}/{made.id}", made.model_dump(mode="json"))

    mark = fingerprint(f"POST {path}", body)
    with ports.tenant(principal) as session:
        return once(session, principal, key, mark, ports.settings.idempotency_expiry_seconds, work)


def _lock(session: Session, principal: Principal, key: str) -> None:
    name = func.hashtextextended(f"{principal.project} {principal.id} {key}", 0)
    if not session.scalar(select(func.pg_try_advisory_xact_lock(name))):
        raise IdempotencyInFlight("A request with this Idempotency-Key is running.", "Send it again in a moment.")


def _forget_expired(session: Session, principal: Principal, key: str) -> None:
    row = IdempotencyKeyRow
    mine = (row.project_id == principal.project, row.principal == principal.id, row.key == key)
    session.execute(delete(row).where(*mine, row.expires_at < func.now()))


def _replay(known: IdempotencyKeyRow, mark: str) -> Created:
    if known.fingerprint != mark:
        raise IdempotencyKeyReused("This Idempotency-Key came with another request.", "Use a fresh key.")
    return Created(known.location or "", known.body or {}, replayed=True)
