"""``/healthz``, ``/readyz``, ``/metrics``: without a key, and without a word about what is inside."""

from __future__ import annotations

import anyio
import structlog
from anyio import to_thread
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from services.db.engine import transaction
from services.db.migrate import schema_is_sufficient
from services.errors import Unavailable

from ..ports import Ports, PortSet
from ..problems import problems

READY_WITHIN = 5.0
NOBODY = "0" * 64

log = structlog.get_logger(__name__)
router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthy() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: problems()[503]})
async def ready(ports: Ports) -> dict[str, str]:
    """Database and object storage answer, within 5 seconds."""
    for name, check in (("database", _reach_database), ("storage", _reach_storage)):
        with anyio.move_on_after(READY_WITHIN) as window:
            fine = await to_thread.run_sync(check, ports, abandon_on_cancel=True)
        if window.cancelled_caught or not fine:
            raise Unavailable(f"The {name} does not answer.", "Try again later.")
    return {"status": "ready"}


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus text."""
    registry: CollectorRegistry = request.app.state.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _reach_database(ports: PortSet) -> bool:
    try:
        with transaction(ports.sessions) as session:
            # Not just a connection: an API that is newer than its schema waits for the migration.
            if not schema_is_sufficient(session.connection()):
                log.warning("not ready", part="database", error="the schema is older than this code")
                return False
    except SQLAlchemyError as error:
        log.warning("not ready", part="database", error=type(error).__name__)
        return False
    return True


def _reach_storage(ports: PortSet) -> bool:
    try:
        ports.store.exists(NOBODY)
    except Exception as error:  # a denied access or a missing bucket is not ready either
        log.warning("not ready", part="storage", error=type(error).__name__)
        return False
    return True
