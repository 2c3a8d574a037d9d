"""Policies in the service: documents that never change, numbered by name."""

from __future__ import annotations

from datetime import datetime

from ..scalars import Contract, Identifier, Name, Sha256
from .document import Policy


class StoredPolicy(Contract):
    """A policy as the service keeps it. ``number`` counts the documents of this name from 1.

    ``digest`` is of the document: the same rules under the same name, the same digest.
    """

    id: Identifier
    name: Name
    number: int
    document: Policy
    digest: Sha256
    created_at: datetime


class PolicyPage(Contract):
    """A page of policies, newest first. ``next`` is an opaque cursor, absent on the last page."""

    items: list[StoredPolicy]
    next: str | None = None
