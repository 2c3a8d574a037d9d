"""What happened, for others: an event is written where it becomes true, in the same transaction, and told afterwards.

Each interested sink gets a row of its own (``deliveries``), so that one that is away delays no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from schemas.webhooks import EventType
from services.db.identifiers import new_id
from services.db.outbox import DeliveryRow

from .cutting import fitted
from .listening import listening_lineage, listening_registries, listening_webhooks

Interested = Callable[[Session, str, str], Iterable[str | None]]
"""Ids of those of a kind, in the transaction's project, that want an event of a type on a subject; ``None`` for a sink
without one."""

SINKS: dict[str, Interested] = {
    "webhook": listening_webhooks,
    "mlflow": listening_registries,
    "openlineage": listening_lineage,
}
"""Who is told, by the name of the sink."""


def announce(session: Session, type: str, subject_id: str, data: Mapping[str, Any]) -> None:
    """Write an event into the caller's scoped transaction, once per interested sink.

    Args:
        session: the transaction that makes the event true.
        type: what happened.
        subject_id: what it happened to. Events of one subject reach a sink in the order of these calls.
        data: ids, names and states; never a secret. Long texts are cut where it is longer than an event may be.

    Raises:
        ValueError: ``type`` is unknown.
    """
    kind, facts = EventType(type), fitted(data)
    for sink, interested in SINKS.items():
        for sink_id in interested(session, kind, subject_id):
            session.add(delivery(sink, sink_id, kind, subject_id, facts))
    session.flush()


def delivery(sink: str, sink_id: str | None, kind: str, subject_id: str, data: Mapping[str, Any]) -> DeliveryRow:
    """A row that waits to be told."""
    return DeliveryRow(
        id=new_id("evt"), sink=sink, sink_id=sink_id, type=kind, subject_id=subject_id, payload=dict(data)
    )
