"""Tables of what is told to others: webhooks, and the outbox that every delivery waits in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .scoping import Scoped, Table, created, one_of

SINKS = ("webhook", "mlflow", "openlineage")
WAITING = "state = 'waiting'"


class WebhookRow(Scoped, Table):
    """An address that is told of events. Its secrets are sealed; the previous one signs too while it is rotated."""

    __tablename__ = "webhooks"
    __table_args__ = (Index("ix_webhooks_newest", "project_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    url: Mapped[str]
    events: Mapped[list[Any]]
    sealed_secret: Mapped[str]
    sealed_previous: Mapped[str | None]
    previous_until: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_because: Mapped[str | None]
    created_at: Mapped[datetime] = created()


class DeliveryRow(Scoped, Table):
    """Something to be told, written in the transaction that made it true. ``id`` stays the same over all attempts.

    ``sequence`` orders what is told of one subject: its writers wait for each other at the subject's row.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        one_of("sink", SINKS),
        one_of("state", ("waiting", "delivered", "failed")),
        Index("ix_deliveries_waiting", "available_at", postgresql_where=text(WAITING)),
        Index("ix_deliveries_order", "sink", "sink_id", "sequence", postgresql_where=text(WAITING)),
        Index("ix_deliveries_sink", "sink_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    sink: Mapped[str]
    sink_id: Mapped[str | None]
    type: Mapped[str]
    subject_id: Mapped[str]
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(server_default="waiting")
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    available_at: Mapped[datetime] = created()
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = created()
    finished_at: Mapped[datetime | None]
