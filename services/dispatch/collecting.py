"""The collector's loop: retention and removal of objects, by whichever dispatcher comes first."""

from __future__ import annotations

import structlog

from services.retention.guard import CollectionRefused
from services.retention.service import retention

from .workbench import Workbench

log = structlog.get_logger()


def collect(bench: Workbench) -> bool:
    """One run; whether more waits."""
    try:
        found = retention(bench.settings, bench.factory, bench.store).run()
    except CollectionRefused as refused:
        log.error("collector.refused", why=str(refused))  # noqa: TRY400 - the message is the whole of it
        bench.metrics.collections.labels("refused").inc()
        return False
    if found is None:
        return False
    bench.metrics.orphan_objects.set(found.orphans + found.waiting)
    bench.metrics.collected_bytes.inc(found.removed_bytes)
    bench.metrics.collections.labels("done").inc()
    return found.more
