"""The loop of schedules: look at each that has something to do. Any number of dispatchers do so at once."""

from __future__ import annotations

import structlog

from services.db.engine import scoped, transaction
from services.observability import Metrics
from services.schedules import repository
from services.schedules.look import Looked, look

from .workbench import Workbench

log = structlog.get_logger()


def look_at_schedules(bench: Workbench) -> bool:
    """One look at every schedule that may need one; whether any got on. The fault of one never stops the others."""
    with transaction(bench.factory) as session:
        found = repository.to_look_at(session)
    return any([_look(bench, schedule, project) for schedule, project in found])  # noqa: C419 - each is looked at


def _look(bench: Workbench, schedule: str, project: str) -> bool:
    try:
        with scoped(bench.factory, project) as session:
            looked = look(session, schedule, repository.clock(session))
    except Exception:
        log.exception("schedule.failed", schedule=schedule)
        return False
    _count(bench.metrics, looked)
    return looked.decided > 0


def _count(metrics: Metrics, looked: Looked) -> None:
    metrics.schedule_missed.inc(looked.missed)
    for lag in looked.lags:
        metrics.schedule_lag.observe(lag)
