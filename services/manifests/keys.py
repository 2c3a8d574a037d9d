"""Public keys of this installation. A key that once signed stays known: old reports are verified with it."""

from __future__ import annotations

import base64

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas.manifests import SigningKey, SigningKeyList
from schemas.manifests.keys import pem_of
from services.db.trust import SigningKeyRow

from .signer import SigningKeyPair


def register(session: Session, key: SigningKeyPair | None) -> None:
    """Make the public key known, before anything is signed with it. Repeating is harmless."""
    if key is None:
        return
    public_key = base64.b64encode(key.public_key).decode()
    session.execute(insert(SigningKeyRow).values(id=key.key_id, public_key=public_key).on_conflict_do_nothing())


def listed(session: Session, key: SigningKeyPair | None) -> SigningKeyList:
    """Every key that ever signed, and the ``current`` one."""
    register(session, key)
    rows = session.scalars(select(SigningKeyRow).order_by(SigningKeyRow.created_at.desc(), SigningKeyRow.id))
    current = key.key_id if key else None
    return SigningKeyList(items=[_contract(row, current) for row in rows])


def _contract(row: SigningKeyRow, current: str | None) -> SigningKey:
    return SigningKey(
        id=row.id,
        public_key=row.public_key,
        pem=pem_of(base64.b64decode(row.public_key)),
        created_at=row.created_at,
        current=row.id == current,
    )
