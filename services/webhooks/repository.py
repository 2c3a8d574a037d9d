"""Queries on webhooks and what is told to them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from services.db.outbox import DeliveryRow, WebhookRow
from services.db.paging import Position, newest_first
from services.db.scoping import CURRENT_PROJECT

SINK = "webhook"


def find(session: Session, webhook: str) -> WebhookRow | None:
    """One webhook."""
    return session.get(WebhookRow, webhook)


def lock(session: Session, webhook: str) -> WebhookRow | None:
    """One webhook, which nobody else changes until the transaction ends."""
    return session.scalar(select(WebhookRow).where(WebhookRow.id == webhook).with_for_update())


def count(session: Session) -> int:
    """How many webhooks the transaction's project has; nobody else counts them until the transaction ends."""
    lock = func.pg_advisory_xact_lock(func.hashtextextended(text(f"'webhooks ' || {CURRENT_PROJECT}"), 0))
    session.execute(select(lock))
    mine = WebhookRow.project_id == text(CURRENT_PROJECT)
    return session.scalar(select(func.count()).select_from(WebhookRow).where(mine)) or 0


def sent_lately(session: Session, webhook: str, kind: str, seconds: float) -> int:
    """How many deliveries of a kind were made for a webhook in the last ``seconds``."""
    row = DeliveryRow
    lately = row.created_at > func.now() - timedelta(seconds=seconds)
    query = select(func.count()).where(row.sink == SINK, row.sink_id == webhook, row.type == kind, lately)
    return session.scalar(query) or 0


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
