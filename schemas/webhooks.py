"""Webhooks: addresses that are told what happens, signed after Standard Webhooks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from .scalars import Contract, Identifier, Name

Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=8, max_length=2000)]
"""An ``https`` address. Which hosts and ports are allowed, the service says."""


class EventType(StrEnum):
    """What can happen. A name, once released, never changes its meaning."""

    AUDIT_STARTED = "audit.started"
    AUDIT_SUCCEEDED = "audit.succeeded"
    AUDIT_FAILED = "audit.failed"
    AUDIT_CANCELLED = "audit.cancelled"
    AUDIT_GATED = "audit.gated"
    """The policy of an audit was checked: ``gate`` is pass, fail or inconclusive."""
    COMPARISON_SUCCEEDED = "comparison.succeeded"
    COMPARISON_FAILED = "comparison.failed"
    SCHEDULE_PAUSED = "schedule.paused"
    PING = "ping"
    """Asked for by ``:test``."""


class WebhookCreate(Contract):
    """Body of ``POST /v1/webhooks``. ``events`` empty: all of them, those of later releases too."""

    name: Name
    url: Address
    events: list[EventType] = Field(default=[], max_length=len(EventType))


class WebhookChange(Contract):
    """Body of ``PATCH /v1/webhooks/{id}``: what is left out stays. ``disabled`` false takes up sending again."""

    name: Name | None = None
    url: Address | None = None
    events: list[EventType] | None = Field(default=None, max_length=len(EventType))
    disabled: bool | None = None


class Webhook(Contract):
    """A webhook as the API answers it, without its secret.

    ``previous_until``: until then the secret before the last rotation signs too. ``failing_since``: every delivery
    since then failed; after five days of it the service disables the webhook.
    """

    id: Identifier
    name: Name
    url: str
    events: list[EventType]
    previous_until: datetime | None = None
    failing_since: datetime | None = None
    disabled_at: datetime | None = None
    disabled_because: str | None = None
    created_at: datetime


class WebhookSecret(Webhook):
    """A webhook with its secret (``whsec_…``): shown when it is made or rotated, and never again."""

    secret: str


class WebhookPage(Contract):
    """A page of webhooks, newest first. ``next`` is an opaque cursor, absent on the last page."""

    items: list[Webhook]
    next: str | None = None


class DeliveryState(StrEnum):
    """Life of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    """The last attempt failed, or the address does not want it; ``:redeliver`` begins again."""


class Delivery(Contract):
    """An event on its way to one webhook. ``id`` is the header ``webhook-id``, the same at every attempt.

    ``status`` and ``error`` are of the latest attempt; ``next_attempt_at`` of the next one, while it waits.
    """

    id: Identifier
    type: EventType
    subject: str
    state: DeliveryState
    attempts: int
    status: int | None = None
    error: str | None = None
    created_at: datetime
    next_attempt_at: datetime | None = None
    finished_at: datetime | None = None


class DeliveryPage(Contract):
    """A page of deliveries, newest first. ``next`` is an opaque cursor, absent on the last page."""

    items: list[Delivery]
    next: str | None = None
