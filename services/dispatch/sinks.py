"""Everybody that a dispatcher tells of events, by the name of the sink."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from services.db.engine import SessionFactory
from services.deliveries.parcels import Sink
from services.outbound.client import outbound_client
from services.sealing.sealer import Sealer
from services.settings import Settings
from services.webhooks.sink import TIMEOUT_SECONDS, WebhookSink


def sinks_of(settings: Settings, factory: SessionFactory) -> Mapping[str, Sink]:
    """The sinks, connected."""
    tls = httpx.create_ssl_context()  # read once: it takes longer than a delivery
    webhook = WebhookSink(
        factory,
        Sealer(settings.secret_key),
        settings.public_url,
        lambda: outbound_client(settings.private_networks, TIMEOUT_SECONDS, tls),
    )
    return {"webhook": webhook}
