"""Queries on manifests, in the project of the transaction."""

from __future__ import annotations

import base64

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas.manifests import Envelope
from schemas.manifests.envelope import sealed as enveloped
from schemas.scalars import Sha256
from services.db.trust import ManifestRow

from .sealing import Sealed


def add(session: Session, subject: str, made: Sealed, page: Sha256, original: bool) -> None:
    """Keep a manifest. Of two that were made at once for one subject, template and key, the first one stays."""
    signature = made.envelope.signature()
    values = {
        "subject_id": subject,
        "digest": made.digest,
        "original": original,
        "template_version": made.manifest.report.template_version,
        "page_digest": page,
        "document": made.envelope.document().decode(),
        "key_id": made.manifest.signer.key_id if made.manifest.signer else None,
        "signature": None if signature is None else base64.b64encode(signature).decode(),
        "signed_at": made.manifest.signed_at,
    }
    session.execute(insert(ManifestRow).values(**values).on_conflict_do_nothing())


def original(session: Session, subject: str) -> ManifestRow | None:
    """The manifest made when the subject ended."""
    query = select(ManifestRow).where(ManifestRow.subject_id == subject, ManifestRow.original)
    return session.scalars(query.order_by(ManifestRow.signed_at).limit(1)).one_or_none()


def newest(session: Session, subject: str) -> ManifestRow | None:
    """The manifest made last."""
    query = select(ManifestRow).where(ManifestRow.subject_id == subject)
    return session.scalars(query.order_by(ManifestRow.signed_at.desc()).limit(1)).one_or_none()


def current(session: Session, subject: str, template_version: str, signed: bool) -> ManifestRow | None:
    """The manifest of the page by this template; where a key is at hand, a signed one."""
    query = select(ManifestRow).where(
        ManifestRow.subject_id == subject, ManifestRow.template_version == template_version
    )
    if signed:
        query = query.where(ManifestRow.key_id.is_not(None))
    order = (ManifestRow.key_id.is_(None), ManifestRow.signed_at)
    return session.scalars(query.order_by(*order).limit(1)).one_or_none()


def envelope(row: ManifestRow) -> Envelope:
    """A row as it was signed."""
    signature = None if row.signature is None else base64.b64decode(row.signature)
    return enveloped(row.document.encode(), row.key_id, signature)
