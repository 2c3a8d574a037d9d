"""What the routes need from the outside, built once per process."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from services.api_keys.oidc import Bearers
from services.api_keys.service import Principal
from services.db.engine import SessionFactory, make_engine, make_session_factory, scoped, transaction
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from services.storage.client import bucket_of
from services.storage.multipart import MultipartUploads
from services.uploads.admission import Admission


@dataclass(frozen=True)
class PortSet:
    """Database, object storage and, if there is one, identity provider of one running API, and what it receives now."""

    settings: Settings
    engine: Engine
    sessions: SessionFactory
    store: S3BlobStore
    bearers: Bearers | None
    admission: Admission = field(default_factory=Admission)

    def tenant(self, principal: Principal) -> AbstractContextManager[Session]:
        """A transaction in the principal's project: rows of others do not exist in it."""
        return scoped(self.sessions, principal.project)

    def governed(self, principal: Principal) -> AbstractContextManager[Session]:
        """A transaction over the projects that the principal governs: every one for operators, else its own.

        Only for what operators manage: projects and keys. It asks ``principal.operator``, so no route need.
        """
        return transaction(self.sessions) if principal.operator else self.tenant(principal)

    def store_of(self, principal: Principal) -> S3BlobStore:
        """The principal's project's own objects."""
        return self.store.of_project(principal.project)

    def uploads_of(self, principal: Principal) -> MultipartUploads:
        """Where the principal's project's large uploads come in."""
        return MultipartUploads(self.store_of(principal))


def open_ports(settings: Settings) -> PortSet:
    """Connect lazily: no request is made before the first use."""
    engine = make_engine(settings.database_url.get_secret_value(), pool_size=20)
    sessions = make_session_factory(engine, settings.told_sinks)
    bearers = Bearers(settings) if settings.oidc_issuer else None
    return PortSet(settings, engine, sessions, S3BlobStore(bucket_of(settings)), bearers)


def _ports_of(request: Request) -> PortSet:
    ports: PortSet = request.app.state.ports
    return ports


Ports = Annotated[PortSet, Depends(_ports_of)]
