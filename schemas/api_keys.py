"""API keys: shown once, stored as a hash."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from .projects import ProjectName
from .scalars import Contract, Identifier, Name


class Scope(StrEnum):
    """What a key may do in its project."""

    VIEWER = "viewer"
    """Read audits, results and reports."""
    AUDITOR = "auditor"
    """Read these, and who did what (the trail); change nothing."""
    SUBMITTER = "submitter"
    """Read, upload, and start audits, comparisons and schedules."""
    ADMIN = "admin"
    """All that, and keys, webhooks and registries."""


class ApiKeyCreate(Contract):
    """Body of ``POST /v1/api-keys``. ``project``: id or name of another one, for operators; left out, the own."""

    name: Name
    scope: Scope = Scope.SUBMITTER
    expires_in_days: int | None = Field(default=None, ge=1, le=3650)
    project: Identifier | ProjectName | None = None


class ApiKey(Contract):
    """A key as listed: its visible prefix, never the secret."""

    id: Identifier
    project: Identifier
    name: Name
    prefix: str
    scope: Scope
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class ApiKeyCreated(ApiKey):
    """The only answer that ever holds the secret."""

    secret: str


class ApiKeyList(Contract):
    """Every key."""

    items: list[ApiKey]
