"""``/v1/registries``: administrators only; and the address that registries tell of new versions, by signature."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import APIKeyHeader
from starlette.concurrency import run_in_threadpool

from schemas.registries import (
    EventAnswer,
    Registry,
    RegistryChange,
    RegistryCreate,
    RegistryCreated,
    RegistryPage,
    RegistryVersion,
    RegistryVersionPage,
    VersionTold,
)
from services.errors import UploadTooLarge
from services.outbound.addresses import check_address
from services.projects import trail
from services.registries import service, versions
from services.registries.inbound import receive
from services.sealing.sealer import Sealer

from .. import cursors
from ..access import Admin
from ..cursors import Cursor, Limit
from ..ports import Ports, PortSet
from ..problems import problems
from .paths import Id

signature = APIKeyHeader(
    name="X-MLflow-Signature",
    scheme_name="mlflowSignature",
    auto_error=False,
    description="MLflow's own: HMAC-SHA256 over delivery id, timestamp and body, with the registry's secret",
)
"""Only documents the scheme in OpenAPI."""

router = APIRouter(prefix="/v1/registries", tags=["registries"])
inbound = APIRouter(prefix="/v1/registries", tags=["registries"], dependencies=[Depends(signature)])

MOST_EVENT = 256 * 2**10
"""Bytes of an event: a name, a version, tags and a description."""

ANY_JSON = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


@router.post("", status_code=201, responses=problems(409, 413))
def create_registry(body: RegistryCreate, response: Response, ports: Ports, principal: Admin) -> RegistryCreated:
    """Connect a registry. The secret of its webhook is shown here and never again."""
    response.headers["Cache-Control"] = "no-store"
    sealer = _sealer(ports)
    sealer.check()
    check_address(body.url, ports.settings.private_networks)
    with ports.tenant(principal) as session:
        made = service.create(session, sealer, ports.settings.public_url, body)
        trail.record(session, principal, "registries.create", made.id)
    return made


@router.get("", responses=problems())
def list_registries(ports: Ports, principal: Admin, cursor: Cursor = None, limit: Limit = 25) -> RegistryPage:
    """Registries, newest first, without secrets."""
    with ports.tenant(principal) as session:
        items, following = service.page(session, ports.settings.public_url, cursors.decode(cursor), limit)
    return RegistryPage(items=items, next=cursors.encode(following))


@router.get("/{registry}", responses=problems(404))
def show_registry(registry: Id, ports: Ports, principal: Admin) -> Registry:
    """One registry."""
    with ports.tenant(principal) as session:
        return service.get(session, ports.settings.public_url, registry)


@router.patch("/{registry}", responses=problems(404, 409, 413))
def change_registry(registry: Id, body: RegistryChange, ports: Ports, principal: Admin) -> Registry:
    """Disable it, take it up again, or give it another token."""
    with ports.tenant(principal) as session:
        changed = service.change(session, _sealer(ports), ports.settings.public_url, registry, body)
        trail.record(session, principal, "registries.change", registry)
    return changed


@router.delete("/{registry}", status_code=204, responses=problems(404))
def delete_registry(registry: Id, ports: Ports, principal: Admin) -> None:
    """Forget it and what it told. The classifiers and audits that came of it stay."""
    with ports.tenant(principal) as session:
        service.remove(session, registry)
        trail.record(session, principal, "registries.delete", registry)


@router.post("/{registry}:rotate", responses=problems(404, 409))
def rotate_registry(registry: Id, response: Response, ports: Ports, principal: Admin) -> RegistryCreated:
    """A new secret, shown here and never again. For 24 hours the one before is taken too."""
    response.headers["Cache-Control"] = "no-store"
    with ports.tenant(principal) as session:
        rotated = service.rotate(session, _sealer(ports), ports.settings.public_url, registry)
        trail.record(session, principal, "registries.rotate", registry)
    return rotated


@router.get("/{registry}/versions", responses=problems(404))
def list_versions(
    registry: Id, ports: Ports, principal: Admin, cursor: Cursor = None, limit: Limit = 25
) -> RegistryVersionPage:
    """What it told of, newest first, and what became of each."""
    with ports.tenant(principal) as session:
        items, following = versions.page(session, registry, cursors.decode(cursor), limit)
    return RegistryVersionPage(items=items, next=cursors.encode(following))


@router.post("/{registry}/versions", status_code=202, responses=problems(404, 413))
def import_version(registry: Id, body: VersionTold, ports: Ports, principal: Admin) -> RegistryVersion:
    """Audit a version that it did not tell of, or try one again whose import failed. One that is known stays."""
    with ports.tenant(principal) as session:
        asked = versions.ask(session, registry, body)
        trail.record(session, principal, "registries.import", asked.id)
    return asked


@inbound.post("/{registry}/events", status_code=202, responses=problems(401, 413), openapi_extra=ANY_JSON)
async def receive_event(registry: str, request: Request, ports: Ports) -> EventAnswer:
    """Called by the registry itself: MLflow's webhook, signed with the registry's secret (`X-MLflow-Signature`)."""
    body, sealer = await _body(request), _sealer(ports)
    return await run_in_threadpool(receive, ports.sessions, sealer, registry, request.headers, body)


def _sealer(ports: PortSet) -> Sealer:
    return Sealer(ports.settings.secret_key)


async def _body(request: Request) -> bytes:
    """The body, as it was signed."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_EVENT:
            raise UploadTooLarge(f"An event is longer than {MOST_EVENT} bytes.", "Shorten the version's description.")
    return body
