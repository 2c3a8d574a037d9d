"""Messages after Standard Webhooks: what is sent, and its signatures (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook

from services.deliveries.links import links
from services.deliveries.parcels import Parcel

SECRET_BYTES = 32
MARK = "whsec_"


def new_secret() -> str:
    """A fresh secret, as receivers take it: ``whsec_`` and base64 of 32 random bytes."""
    return MARK + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def body_of(parcel: Parcel, public_url: str) -> bytes:
    """The same at every attempt: what happened, when, and the facts."""
    found = links(public_url, parcel.type, parcel.subject_id)
    data = parcel.payload | ({"links": found} if found else {})
    message = {"type": parcel.type, "timestamp": parcel.happened_at.isoformat(), "data": data}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(parcel: Parcel, body: bytes, keys: Sequence[str], now: datetime) -> dict[str, str]:
    """Id, time of this attempt, and a signature per secret: two while a secret is rotated."""
    signatures = [Webhook(key).sign(parcel.id, now, body.decode()) for key in keys]
    return {
        "content-type": "application/json",
        "user-agent": "scotoma-webhooks",
        "webhook-id": parcel.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
