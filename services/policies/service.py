"""Rules of policies. Documents never change: another one of the same name is the name's next."""

from __future__ import annotations

import hashlib
import json

from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from schemas.policies import Policy, StoredPolicy
from services.db.automation import PolicyRow
from services.db.identifiers import new_id
from services.db.paging import Position, newest_first
from services.db.scoping import CURRENT_PROJECT
from services.errors import NotFound


def create(session: Session, document: Policy) -> StoredPolicy:
    """Store a document as the next of its name; what is the newest already is not stored again.

    Pipelines push at every run: the same document is then the same policy.
    """
    _take_turns(session, document.name)
    newest, digest = _newest(session, document.name), digest_of(document)
    if newest is not None and newest.digest == digest:
        return contract(newest)
    row = PolicyRow(
        id=new_id("pol"),
        name=document.name,
        version=1 if newest is None else newest.version + 1,
        document=document.model_dump(mode="json"),
        digest=digest,
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return contract(row)


def get(session: Session, policy: str) -> StoredPolicy:
    """One policy.

    Raises:
        NotFound: no policy has this id.
    """
    row = session.get(PolicyRow, policy)
    if row is None:
        raise NotFound(f"No policy has the id {policy}.", "List the policies to see their ids.")
    return contract(row)


def page(
    session: Session, after: Position | None, limit: int, name: str | None = None
) -> tuple[list[StoredPolicy], Position | None]:
    """A page of policies (of one name), newest first, and where the next one begins."""
    query = select(PolicyRow) if name is None else select(PolicyRow).where(PolicyRow.name == name)
    rows, following = newest_first(session, query, PolicyRow, after, limit)
    return [contract(row) for row in rows], following


def contract(row: PolicyRow) -> StoredPolicy:
    """A row as the API answers it."""
    return StoredPolicy(
        id=row.id,
        name=row.name,
        number=row.version,
        document=Policy.model_validate(row.document),
        digest=row.digest,
        created_at=row.created_at,
    )


def digest_of(document: Policy) -> str:
    """SHA-256 of the document as it was understood; the order and spelling of its YAML do not matter."""
    text = json.dumps(document.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _take_turns(session: Session, name: str) -> None:
    """Two that push the same name at once get two numbers, one after the other."""
    turn = func.concat("policy ", literal_column(CURRENT_PROJECT), " ", name)
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(turn, 0))))


def _newest(session: Session, name: str) -> PolicyRow | None:
    query = select(PolicyRow).where(PolicyRow.name == name).order_by(PolicyRow.version.desc()).limit(1)
    return session.scalars(query).first()
