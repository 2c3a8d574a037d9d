"""Rules of webhooks. Their secrets are shown once, and lie sealed."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func
from sqlalchemy.orm import Session

from schemas.webhooks import (
    Delivery,
    DeliveryState,
    EventType,
    Webhook,
    WebhookChange,
    WebhookCreate,
    WebhookSecret,
)
from services.db.identifiers import new_id
from services.db.outbox import DeliveryRow, WebhookRow
from services.db.paging import Position
from services.deliveries.events import delivery
from services.errors import NotFound, QuotaExceeded
from services.sealing.sealer import Sealer

from . import repository
from .signing import new_secret

ROTATION_HOURS = 24
"""How long the secret before a rotation signs too."""

MOST_WEBHOOKS = 50
"""Of one project, disabled ones too."""
MOST_PINGS = 10
"""To one webhook in a minute."""
MINUTE = 60


def create(session: Session, sealer: Sealer, body: WebhookCreate) -> WebhookSecret:
    """Make a webhook. The answer is the only place where its secret is ever shown.

    Raises:
        QuotaExceeded: the project has as many as it may have.
        SecretsUnconfigured: this installation has no key to seal secrets with.
    """
    if repository.count(session) >= MOST_WEBHOOKS:
        detail = f"The project has {MOST_WEBHOOKS} webhooks already, and may not have more."
        raise QuotaExceeded(detail, "Delete one that is not needed, or let one address pass events on.", MINUTE)
    secret = new_secret()
    row = WebhookRow(
        id=new_id("whk"),
        name=body.name,
        url=body.url,
        events=list(dict.fromkeys(body.events)),
        sealed_secret=sealer.seal(secret),
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return WebhookSecret(**contract(row).model_dump(), secret=secret)


def get(session: Session, webhook: str) -> Webhook:
    """One webhook.

    Raises:
        NotFound: no webhook has this id.
    """
    return contract(_existing(repository.find(session, webhook), webhook))


def page(session: Session, after: Position | None, limit: int) -> tuple[list[Webhook], Position | None]:
    """A page of webhooks, newest first, and where the next one begins."""
    rows, following = repository.page(session, after, limit)
    return [contract(row) for row in rows], following


def change(session: Session, webhook: str, body: WebhookChange) -> Webhook:
    """Change what ``body`` names. One that is enabled again starts without a record of failures.

    Raises:
        NotFound: no webhook has this id.
    """
    row = _existing(repository.lock(session, webhook), webhook)
    for name in ("name", "url"):
        setattr(row, name, getattr(body, name) or getattr(row, name))
    if body.events is not None:
        row.events = list(dict.fromkeys(body.events))
    if body.disabled is not None:
        _set_disabled(row, body.disabled)
    session.flush()
    session.refresh(row)
    return contract(row)


def rotate(session: Session, sealer: Sealer, webhook: str) -> WebhookSecret:
    """A new secret. For 24 hours the one before signs too, so that no receiver has to change at the same moment.

    Raises:
        NotFound: no webhook has this id.
        SecretsUnconfigured: this installation has no key to seal secrets with.
    """
    row, secret = _existing(repository.lock(session, webhook), webhook), new_secret()
    row.sealed_previous, row.previous_until = row.sealed_secret, func.now() + timedelta(hours=ROTATION_HOURS)
    row.sealed_secret = sealer.seal(secret)
    session.flush()
    session.refresh(row)
    return WebhookSecret(**contract(row).model_dump(), secret=secret)


def remove(session: Session, webhook: str) -> None:
    """Delete a webhook with everything that waited for it.

    Raises:
        NotFound: no webhook has this id.
    """
    row = _existing(repository.lock(session, webhook), webhook)
    session.execute(delete(DeliveryRow).where(DeliveryRow.sink == repository.SINK, DeliveryRow.sink_id == row.id))
    session.delete(row)


def ping(session: Session, webhook: str) -> Delivery:
    """Send a ping to this webhook, whatever events it wants.

    Raises:
        NotFound: no webhook has this id.
        QuotaExceeded: too many were asked for in the last minute.
    """
    row = _existing(repository.lock(session, webhook), webhook)
    if repository.sent_lately(session, webhook, EventType.PING, MINUTE) >= MOST_PINGS:
        detail = f"{MOST_PINGS} pings to {webhook} were asked for within a minute."
        raise QuotaExceeded(detail, "Read what came of them in its deliveries, and ask again in a minute.", MINUTE)
    sent = delivery(repository.SINK, row.id, EventType.PING, row.id, {"webhook": row.id, "name": row.name})
    session.add(sent)
    session.flush()
    session.refresh(sent)
    return told(sent)


def deliveries(
    session: Session, webhook: str, after: Position | None, limit: int
) -> tuple[list[Delivery], Position | None]:
    """A page of what was, or is to be, told, newest first.

    Raises:
        NotFound: no webhook has this id.
    """
    _existing(repository.find(session, webhook), webhook)
    rows, following = repository.deliveries(session, webhook, after, limit)
    return [told(row) for row in rows], following


def redeliver(session: Session, webhook: str, delivered: str) -> Delivery:
    """Begin again with a delivery, under the id that it had: at once, and with every attempt.

    Raises:
        NotFound: the webhook has no such delivery.
    """
    _existing(repository.lock(session, webhook), webhook)
    row = repository.delivery(session, webhook, delivered)
    if row is None:
        raise NotFound(f"The webhook {webhook} has no delivery {delivered}.")
    row.state, row.attempt, row.available_at, row.finished_at = DeliveryState.WAITING, 0, func.now(), None
    row.last_status, row.last_error = None, None
    session.flush()
    session.refresh(row)
    return told(row)


def contract(row: WebhookRow) -> Webhook:
    """A row as the API answers it."""
    return Webhook(
        id=row.id,
        name=row.name,
        url=row.url,
        events=[EventType(event) for event in row.events],
        previous_until=row.previous_until,
        failing_since=row.failing_since,
        disabled_at=row.disabled_at,
        disabled_because=row.disabled_because,
        created_at=row.created_at,
    )


def told(row: DeliveryRow) -> Delivery:
    """A delivery as the API answers it."""
    return Delivery(
        id=row.id,
        type=EventType(row.type),
        subject=row.subject_id,
        state=DeliveryState(row.state),
        attempts=row.attempt,
        status=row.last_status,
        error=row.last_error,
        created_at=row.created_at,
        next_attempt_at=row.available_at if row.state == DeliveryState.WAITING else None,
        finished_at=row.finished_at,
    )


def _existing(row: WebhookRow | None, webhook: str) -> WebhookRow:
    if row is None:
        raise NotFound(f"No webhook has the id {webhook}.")
    return row


def _set_disabled(row: WebhookRow, disabled: bool) -> None:
    row.failing_since = None
    row.disabled_at = (row.disabled_at or func.now()) if disabled else None
    row.disabled_because = (row.disabled_because or "An administrator disabled it.") if disabled else None
