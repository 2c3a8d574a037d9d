"""The application: routes, middleware, and what lives as long as the process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from schemas import __version__
from schemas.problems import Problem
from services.settings import Settings

from .access import bearer
from .middleware import Authentication, BodyLimit, HttpMetrics, RequestContext
from .ports import open_ports
from .problems import install_handlers
from .routes import (
    api_keys,
    audits,
    autoencoders,
    certificate,
    classifiers,
    comparisons,
    datasets,
    events,
    health,
    policies,
    projects,
    registries,
    results,
    schedules,
    signing_keys,
    trail,
    uploads,
    webhooks,
)
from .web.site import install as install_web

KEYED = (
    uploads,
    classifiers,
    datasets,
    autoencoders,
    audits,
    events,
    results,
    signing_keys,
    comparisons,
    certificate,
    api_keys,
    policies,
    schedules,
    projects,
    trail,
    webhooks,
    registries,
)
SUMMARY = "Audits what an image classifier ignores."


def create_app(settings: Settings) -> FastAPI:
    """The API of one service. Nothing is opened before it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.ports = open_ports(settings)
        yield
        app.state.ports.engine.dispose()

    app = FastAPI(
        title="Scotoma",
        version=__version__,
        summary=SUMMARY,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        redirect_slashes=False,
        # RequestContext has spans of its own, which also know the project, and log lines with the same trace.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.registry = CollectorRegistry()
    app.include_router(health.router)
    for module in KEYED:
        app.include_router(module.router, dependencies=[Depends(bearer)])
    app.include_router(registries.inbound)
    install_handlers(app)
    install_web(app)
    # The last one added is the outermost.
    app.add_middleware(BodyLimit)
    app.add_middleware(Authentication)
    app.add_middleware(RequestContext, metrics=HttpMetrics(app.state.registry))
    return app


def openapi_document() -> str:
    """The published OpenAPI document, as text that does not change from run to run."""
    app = create_app(Settings(database_url=SecretStr("postgresql://nowhere/scotoma")))
    document: dict[str, Any] = app.openapi()
    document["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
