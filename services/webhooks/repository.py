"""Queries on webhooks and what is told to them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.outbox import DeliveryRow, WebhookRow
from services.db.paging import Position, newest_first

SINK = "webhook"


def find(session: Session, webhook: str) -> WebhookRow | None:
    """One webhook."""
    return session.get(WebhookRow, webhook)


def lock(session: Session, webhook: str) -> WebhookRow | None:
    """One webhook, which nobody else changes until the transaction ends."""
    return session.scalar(select(WebhookRow).where(WebhookRow.id == webhook).with_for_update())


def page(session: Session, after: Position | None, limit: int) -> tuple[list[WebhookRow], Position | None]:
    """A page of webhooks, newest first."""
    return newest_first(session, select(WebhookRow), WebhookRow, after, limit)


def deliveries(
    session: Session, webhook: str, after: Position | None, limit: int
) -> tuple[list[DeliveryRow], Position | None]:
    """A page of a webhook's deliveries, newest first."""
    query = select(DeliveryRow).where(DeliveryRow.sink == SINK, DeliveryRow.sink_id == webhook)
    return newest_first(session, query, DeliveryRow, after, limit)


def delivery(session: Session, webhook: str, delivered: str) -> DeliveryRow | None:
    """One delivery of a webhook."""
    mine = (DeliveryRow.id == delivered, DeliveryRow.sink == SINK, DeliveryRow.sink_id == webhook)
    return session.scalar(select(DeliveryRow).where(*mine).with_for_update())
