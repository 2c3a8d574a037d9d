"""Ports: what stages need from the outside, as small as it goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .scalars import Sha256

ReportProgress = Callable[[float, str], None]
"""Called by a stage with the fraction done (0..1) and a few words for people; raises to cancel."""


class BlobStore(Protocol):
    """Content-addressed bytes. Objects are immutable: the same bytes have the same digest, and nothing is replaced."""

    def put(self, data: bytes, media_type: str = "application/octet-stream") -> Sha256:
        """Store ``data`` and return its SHA-256. Storing twice is harmless."""
        ...

    def get(self, digest: Sha256) -> bytes:
        """The bytes of ``digest``, verified.

        Raises:
            BlobMissing: nothing is stored under that digest.
        """
        ...

    def exists(self, digest: Sha256) -> bool:
        """Whether ``digest`` is stored."""
        ...


class BlobMissing(LookupError):
    """Nothing is stored under the digest that was asked for."""
