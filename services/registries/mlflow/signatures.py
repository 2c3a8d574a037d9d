"""Signatures of MLflow's webhooks: HMAC-SHA256 over ``delivery.timestamp.body`` (``mlflow/webhooks/delivery.py``)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping

SIGNATURE = "x-mlflow-signature"
DELIVERY = "x-mlflow-delivery-id"
TIMESTAMP = "x-mlflow-timestamp"
VERSION = "v1"

TOLERANCE = 300.0
"""Seconds that the clocks of registry and service may differ; a delivery older than that is not taken."""

LONGEST = 200
"""Characters of a header that are looked at."""


def sign(secret: str, delivery: str, timestamp: str, body: bytes) -> str:
    """What MLflow sends as ``X-MLflow-Signature``."""
    signed = f"{delivery}.{timestamp}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return f"{VERSION},{base64.b64encode(digest).decode()}"


def is_signed(secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether one of ``secrets`` signed ``body`` not long ago. Takes the same time for every wrong signature.

    Args:
        secrets: usually one, two while it is rotated.
        headers: of the request, by lower-case name.
        body: as it was received.
        now: seconds since 1970.
    """
    signature, delivery, timestamp = (headers.get(name, "")[:LONGEST] for name in (SIGNATURE, DELIVERY, TIMESTAMP))
    fits = [
        hmac.compare_digest(sign(secret, delivery, timestamp, body).encode(), signature.encode()) for secret in secrets
    ]
    return any(fits) and bool(delivery) and _recent(timestamp, now)


def _recent(timestamp: str, now: float) -> bool:
    return timestamp.isascii() and timestamp.isdigit() and abs(now - int(timestamp)) <= TOLERANCE
