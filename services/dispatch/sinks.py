"""Everybody that a dispatcher tells of events, by the name of the sink."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from services.db.engine import SessionFactory
from services.deliveries.parcels import Sink
from services.lineage import sink as lineage
from services.lineage.sink import LineageSink
from services.outbound.client import outbound_client
from services.registries.access import access_of
from services.registries.results import MlflowSink
from services.sealing.sealer import Sealer
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from services.storage.client import bucket_of
from services.webhooks.sink import TIMEOUT_SECONDS, WebhookSink


def sinks_of(settings: Settings, factory: SessionFactory) -> Mapping[str, Sink]:
    """The sinks, connected."""
    tls = httpx.create_ssl_context()  # read once: it takes longer than a delivery
    store = S3BlobStore(bucket_of(settings))
    webhook = WebhookSink(
        factory,
        Sealer(settings.secret_key),
        settings.public_url,
        lambda: outbound_client(settings.private_networks, TIMEOUT_SECONDS, tls),
    )
    mlflow = MlflowSink(factory, store, access_of(settings, tls), settings.public_url)
    sinks: dict[str, Sink] = {"webhook": webhook, "mlflow": mlflow}
    if settings.openlineage_url:
        sinks["openlineage"] = _lineage(settings, factory, store)
    return sinks


def _lineage(settings: Settings, factory: SessionFactory, store: S3BlobStore) -> LineageSink:
    """The operator's own backend: unlike what users name, it may be anywhere."""
    key = settings.openlineage_api_key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return LineageSink(
        factory,
        store,
        settings.openlineage_url,
        settings.public_url.rstrip("/") or "scotoma",
        lambda: httpx.Client(headers=headers, timeout=lineage.TIMEOUT_SECONDS),
    )
