"""Prefixed random ids (``aud_…``): they say what they name, and cannot be guessed."""

from __future__ import annotations

import secrets


def new_id(prefix: str) -> str:
    """A new id, 96 random bits in hex: ``new_id("aud")`` is ``aud_`` and 24 digits."""
    return f"{prefix}_{secrets.token_hex(12)}"
