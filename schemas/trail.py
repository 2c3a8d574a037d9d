"""The trail: who did what, when. It can be read and added to, never changed."""

from __future__ import annotations

from datetime import datetime

from .scalars import Contract


class TrailEntry(Contract):
    """One deed. ``principal`` is a key's id, or stands for the bearer of tokens; ``action`` is ``resource.verb``."""

    at: datetime
    principal: str
    action: str
    subject: str
    """Id of what it was done to, with ``/report`` and the like for what was read of it."""
    request: str
    """Id of the request, as in the service's log."""


class TrailPage(Contract):
    """Deeds, newest first; ``next`` is the cursor of the following page."""

    items: list[TrailEntry]
    next: str | None = None
