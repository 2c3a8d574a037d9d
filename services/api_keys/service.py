"""Rules of API keys. The secret is 256 random bits, so a plain SHA-256 of it is safe to store."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func
from sqlalchemy.orm import Session

from schemas.api_keys import ApiKey, ApiKeyCreate, ApiKeyCreated, ApiKeyList, Scope
from schemas.projects import DEFAULT_PROJECT
from services.db.identifiers import new_id
from services.db.tables import ApiKeyRow
from services.errors import Forbidden, NotFound, Unauthenticated

from . import repository

MARK = "scot_"
VISIBLE = len(MARK) + 6
PROJECT_MARK = "project:"
INCLUDES = {
    Scope.VIEWER: {Scope.VIEWER},
    Scope.AUDITOR: {Scope.VIEWER, Scope.AUDITOR},
    Scope.SUBMITTER: {Scope.VIEWER, Scope.SUBMITTER},
    Scope.ADMIN: set(Scope),
}
"""What each scope may do: auditors read the trail and change nothing, submitters the other way round."""


@dataclass(frozen=True)
class Principal:
    """Who sends a request: a key (or the bearer of a token), its scope, and the project that it acts in.

    ``request_id`` is the request's, for the trail.
    """

    id: str
    scope: Scope
    project: str = DEFAULT_PROJECT
    request_id: str = field(default="", compare=False)

    @property
    def operator(self) -> bool:
        """Whether it administers the installation: an administrator of the default project."""
        return self.scope is Scope.ADMIN and self.project == DEFAULT_PROJECT

    def may(self, scope: Scope) -> bool:
        """Whether this key's scope includes ``scope``."""
        return scope in INCLUDES[self.scope]

    def may_give(self, scope: Scope) -> bool:
        """Whether it may make a key with ``scope``: never one with more rights than its own."""
        return INCLUDES[scope] <= INCLUDES[self.scope]

    def require(self, scope: Scope) -> None:
        """Check the scope.

        Raises:
            Forbidden: the key's scope is too small.
        """
        if not self.may(scope):
            raise Forbidden(f"This key has the scope {self.scope}.", f"Use a key with the scope {scope}.")


def hash_of(secret: str, project: str = DEFAULT_PROJECT) -> str:
    """What is stored of the secret of a key of ``project``.

    The release before projects looks for the plain SHA-256 and would show such a key's bearer every project: it must
    not find the keys of any but the default one.
    """
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return digest if project == DEFAULT_PROJECT else PROJECT_MARK + digest


def authenticate(session: Session, secret: str) -> Principal:
    """The principal that ``secret`` stands for.

    Raises:
        Unauthenticated: no usable key has this secret.
    """
    digest = hash_of(secret)
    row = repository.find_usable(session, (digest, PROJECT_MARK + digest)) if secret.startswith(MARK) else None
    if row is None:
        raise Unauthenticated("The API key is unknown, expired or revoked.", "Ask an administrator for a new key.")
    return Principal(row.id, Scope(row.scope), row.project_id)


def create(session: Session, body: ApiKeyCreate, project: str = DEFAULT_PROJECT) -> ApiKeyCreated:
    """Make a key of ``project``. The answer is the only place where its secret is ever shown."""
    secret = MARK + secrets.token_urlsafe(32)
    row = ApiKeyRow(
        id=new_id("key"),
        project_id=project,
        name=body.name,
        prefix=secret[:VISIBLE],
        hash=hash_of(secret, project),
        scope=body.scope,
    )
    if body.expires_in_days is not None:
        row.expires_at = func.now() + timedelta(days=body.expires_in_days)
    session.add(row)
    session.flush()
    session.refresh(row)
    return ApiKeyCreated(**_contract(row).model_dump(), secret=secret)


def all_keys(session: Session, project: str) -> ApiKeyList:
    """Every key of ``project``, without secrets."""
    return ApiKeyList(items=[_contract(row) for row in repository.newest(session, project)])


def revoke(session: Session, key: str) -> str:
    """Make a key useless from the next request on; return its project. Revoking twice is harmless.

    Raises:
        NotFound: no key has this id.
    """
    row = repository.find(session, key)
    if row is None:
        raise NotFound(f"No API key has the id {key}.")
    if row.revoked_at is None:
        row.revoked_at = func.now()
    return row.project_id


def _contract(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        project=row.project_id,
        name=row.name,
        prefix=row.prefix,
        scope=Scope(row.scope),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
