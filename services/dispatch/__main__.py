"""``python -m services.dispatch``: the dispatcher with the real science."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType

import ray
from prometheus_client import start_http_server

from services.observability import Metrics, configure_logging
from services.settings import Settings, load_settings
from services.tracing import export_traces

from .cluster import connect_ray
from .dispatcher import Dispatcher, assembled
from .loops import turning
from .science import Science


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = load_settings(os.environ)
    configure_logging(settings.log_format, settings.log_level)
    serve(settings, real_science())


def serve(settings: Settings, science: Science) -> None:
    """Run a dispatcher in this process until SIGTERM or SIGINT, then give back its jobs."""
    export_traces(settings.otlp_endpoint, "dispatcher")
    metrics, stop = Metrics(), threading.Event()
    connect_ray(settings.ray_address)
    stop_on_signals(stop)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, registry=metrics.registry)
    try:
        with assembled(settings, science, metrics) as bench, turning(bench, stop):
            if settings.ready_file:
                Path(settings.ready_file).touch()
            Dispatcher(bench).run(stop)
    finally:
        ray.shutdown()


def stop_on_signals(stop: threading.Event) -> None:
    """Set ``stop`` on SIGTERM and SIGINT. After Ray is connected, for Ray sets handlers of its own."""

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature is Python's
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def real_science() -> Science:
    """Plans and stages of ``workers``; imported here, so that the rest of this package runs without torch."""
    from workers.actors import execute
    from workers.stages import comparison_plan, plan

    return Science(
        plan.plan_audit,
        plan.plan_classifier_intake,
        plan.plan_dataset_intake,
        plan.plan_autoencoder_intake,
        comparison_plan.plan_comparison,
        execute,
    )


if __name__ == "__main__":
    main()
