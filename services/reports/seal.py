"""What a page itself says of its signature; the seal after it is made by ``services.manifests``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class SealNote:
    """Who signs the page, and when. ``key_id`` ``None``: nobody does. ``service``: where to find the signer."""

    key_id: str | None
    service: str
    signed_at: datetime
