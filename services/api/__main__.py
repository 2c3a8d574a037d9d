"""``python -m services.api`` serves; ``python -m services.api openapi`` writes the OpenAPI document to stdout."""

from __future__ import annotations

import os
import sys

import structlog
import uvicorn

from services.observability import configure_logging
from services.settings import Settings, load_settings
from services.tracing import export_traces

from .app import create_app, openapi_document

GRACE_SECONDS = 5
"""Time that open streams get when the process is told to stop."""


def serve(settings: Settings) -> None:
    """Serve until a signal comes. Port 0 means: any free one; the log line says which."""
    configure_logging(settings.log_format, settings.log_level)
    export_traces(settings.otlp_endpoint, "api")
    config = uvicorn.Config(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    socket = config.bind_socket()
    structlog.get_logger(__name__).info("api listening", host=settings.api_host, port=socket.getsockname()[1])
    uvicorn.Server(config).run(sockets=[socket])


def main(arguments: list[str]) -> int:
    """Entry point."""
    if arguments == ["openapi"]:
        sys.stdout.write(openapi_document())
    else:
        serve(load_settings(os.environ))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
