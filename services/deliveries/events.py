"""What happened, for others: an event is written where it becomes true, in the same transaction, and told afterwards.

Each interested sink gets a row of its own (``deliveries``), so that one that is away delays no other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from schemas.webhooks import EventType
from services.db.base import CURRENT_PROJECT
from services.db.identifiers import new_id
from services.db.outbox import DeliveryRow, WebhookRow

MAX_PAYLOAD = 20_000
"""Bytes of an event's data as JSON: Standard Webhooks asks for less than 20 kB, the envelope included."""

Interested = Callable[[Session, str], Iterable[str | None]]
"""Ids of those of a kind, in the transaction's project, that want events of a type; ``None`` for a sink without one."""


def listening_webhooks(session: Session, kind: str) -> list[str | None]:
    """Webhooks of the transaction's project that want events of ``kind``; one that names no type wants all."""
    wants = or_(WebhookRow.events == [], WebhookRow.events.contains([kind]))
    mine = WebhookRow.project_id == text(CURRENT_PROJECT)
    return list(session.scalars(select(WebhookRow.id).where(mine, WebhookRow.disabled_at.is_(None), wants)))


SINKS: dict[str, Interested] = {"webhook": listening_webhooks}
"""Who is told, by the name of the sink."""


def announce(session: Session, type: str, subject_id: str, data: Mapping[str, Any]) -> None:
    """Write an event into the caller's scoped transaction, once per interested sink.

    Args:
        session: the transaction that makes the event true.
        type: what happened.
        subject_id: what it happened to. Events of one subject reach a sink in the order of these calls.
        data: ids, names and states; never a secret.

    Raises:
        ValueError: ``data`` is longer than 20 kB, or ``type`` is unknown.
    """
    kind = EventType(type)
    if len(json.dumps(data, default=str)) > MAX_PAYLOAD:
        raise ValueError(f"the data of {type} for {subject_id} is longer than {MAX_PAYLOAD} bytes")
    for sink, interested in SINKS.items():
        for sink_id in interested(session, kind):
            session.add(delivery(sink, sink_id, kind, subject_id, data))
    session.flush()


def delivery(sink: str, sink_id: str | None, kind: str, subject_id: str, data: Mapping[str, Any]) -> DeliveryRow:
    """A row that waits to be told."""
    return DeliveryRow(
        id=new_id("evt"), sink=sink, sink_id=sink_id, type=kind, subject_id=subject_id, payload=dict(data)
    )
