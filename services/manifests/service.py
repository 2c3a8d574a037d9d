"""Rules of sealed reports: stored when the subject ends, rendered anew when the template is newer, never lost.

Reports of audits and of comparisons go the same way: a :class:`Draft` says how to render and what to state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from schemas.manifests import Envelope, Statement
from schemas.manifests.document import read_manifest
from schemas.ports import BlobStore
from schemas.scalars import Sha256
from services.db.engine import SessionFactory, scoped, transaction
from services.db.trust import ManifestRow, ProjectRow
from services.errors import NotFound

from . import keys, repository
from .proof import proven
from .sealing import Render, Sealed, sealed
from .signer import SigningKeyPair

log = structlog.get_logger()

PAGE_TYPE = "text/html; charset=utf-8"
ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"


@dataclass(frozen=True)
class Desk:
    """Where manifests are signed: the project, its objects, and the key."""

    factory: SessionFactory
    store: BlobStore
    project: str
    key: SigningKeyPair | None


@dataclass(frozen=True)
class Draft:
    """A report to seal. ``statement`` is made from the project's name, only where no earlier manifest has it."""

    template_version: str
    render: Render
    statement: Callable[[str], Statement]


def seal(desk: Desk, draft: Draft, first: ManifestRow | None = None) -> Sealed:
    """Render and sign, outside of any transaction of the caller; the public key is made known first.

    Args:
        desk: who signs.
        draft: what.
        first: the manifest made when the subject ended. Its statement is taken over where its signature shows that
            this key made it; else it is a mere row, and what is stated comes from the result.

    Raises:
        Corrupt: it is not what was signed: nothing is signed after it.
    """
    with transaction(desk.factory) as session:
        keys.register(session, desk.key)
        name = session.scalar(select(ProjectRow.name).where(ProjectRow.id == desk.project)) or ""
        now = session.scalars(select(func.now())).one()
    statement = draft.statement(name)
    if first is None or not proven(first, statement, desk.key):
        return sealed(statement, draft.render, draft.template_version, desk.key, now)
    before = read_manifest(first.document.encode()).statement
    return sealed(before, draft.render, draft.template_version, desk.key, now, first.digest)


def page_digest(desk: Desk, subject: str, template_version: str, drafted: Callable[[], Draft]) -> Sha256:
    """Digest of the stored page of ``subject`` by this template; drafted, signed and kept when there is none yet.

    Raises:
        BlobMissing: there is none, and what it is rendered from is gone.
        Corrupt: it would follow a manifest that was changed.
    """
    if (kept := _kept(desk, subject, template_version)) is not None:
        return kept
    with scoped(desk.factory, desk.project) as session:
        first = repository.original(session, subject)
    made = seal(desk, drafted(), first)
    page = desk.store.put(made.page, PAGE_TYPE)
    with scoped(desk.factory, desk.project) as session:
        repository.add(session, subject, made, page, original=False)
    # Of two readers who had it made at the same time, both get the one that is kept.
    return _kept(desk, subject, template_version) or page


def _kept(desk: Desk, subject: str, template_version: str) -> Sha256 | None:
    with scoped(desk.factory, desk.project) as session:
        row = repository.current(session, subject, template_version, desk.key is not None)
    return row.page_digest if row is not None and desk.store.exists(row.page_digest) else None


def original_digest(session: Session, subject: str) -> Sha256:
    """Digest of the page that was stored when the subject ended.

    Raises:
        NotFound: none was.
    """
    row = repository.original(session, subject)
    if row is None:
        raise NotFound(f"No report of {subject} was stored when it ended.", "Ask without original=true.")
    return row.page_digest


def envelope(session: Session, subject: str) -> Envelope:
    """The manifest made when the subject ended; where there is none, the one made last.

    Raises:
        NotFound: there is none at all.
    """
    row = repository.original(session, subject) or repository.newest(session, subject)
    if row is None:
        raise NotFound(f"{subject} has no manifest yet.", "Fetch its report: it is sealed when it is first shown.")
    return repository.envelope(row)
