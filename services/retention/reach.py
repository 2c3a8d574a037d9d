"""Which digests the rows of a project name: these blobs stay.

Taken from the declaration of the tables, so that a table that is added tomorrow protects what it names: every column of
text whose name ends in ``digest``, every JSON column, and the text of manifests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import ColumnElement, Select, Subquery, Text, cast, func, select, union
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from schemas.scalars import Sha256
from services.db.every_table import SCOPED
from services.db.scoping import Table
from services.db.trust import ManifestRow

PATTERN = r"\m[0-9a-f]{64}\M"


def reached(session: Session) -> set[bytes]:
    """Every digest that a row of the transaction's project names, as 32 bytes each."""
    query = select(_everything().c.digest).execution_options(yield_per=10_000)
    return {bytes.fromhex(digest) for digest in session.scalars(query)}


def named(session: Session, digests: Collection[Sha256]) -> set[Sha256]:
    """Those of ``digests`` that a row names at this moment."""
    found = _everything().c.digest
    return set(session.scalars(select(found).where(found.in_(digests))))


def _everything() -> Subquery:
    return union(*_sources()).subquery()


def _sources() -> Iterator[Select[tuple[str]]]:
    for name in SCOPED:
        for column in Table.metadata.tables[name].columns:
            if isinstance(column.type, Text) and column.name.endswith("digest"):
                yield select(column.label("digest")).where(column.op("~")(f"^{PATTERN}$"))
            elif isinstance(column.type, JSONB):
                yield _inside(cast(column, Text))
    yield _inside(ManifestRow.__table__.c.document)


def _inside(text: ColumnElement[str]) -> Select[tuple[str]]:
    """Every digest in a longer text; object keys end with one."""
    return select(func.unnest(func.regexp_matches(text, PATTERN, "g")).label("digest"))
