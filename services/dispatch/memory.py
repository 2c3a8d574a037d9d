"""The memory of finished stages: a row per key, whose blobs are checked before it is believed."""

from __future__ import annotations

import threading

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas.ports import BlobStore
from schemas.stages import StageOutcome
from services.db.engine import SessionFactory, transaction
from services.db.tables import StageOutputRow


class StageMemory:
    """Outcomes by key, over all audits; and which keys this dispatcher works on at the moment."""

    def __init__(self, factory: SessionFactory, store: BlobStore) -> None:
        self._factory = factory
        self._store = store
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def find(self, key: str) -> StageOutcome | None:
        """The outcome of ``key``; ``None`` when it is unknown, or when one of its blobs is gone."""
        with transaction(self._factory) as session:
            row = session.execute(select(StageOutputRow).where(StageOutputRow.key == key)).scalar_one_or_none()
        if row is None or not all(self._store.exists(digest) for digest in row.outputs.values()):
            return None
        facts = {name: getattr(row, name) for name in ("key", "outputs", "summary", "seconds")}
        return StageOutcome(**facts, reused=True)

    def record(self, session: Session, stage: str, outcome: StageOutcome) -> None:
        """Remember ``outcome`` in the caller's transaction. Its blobs are stored already: blob first, row second."""
        values = outcome.model_dump(mode="json", exclude={"reused"})
        statement = insert(StageOutputRow).values(stage=stage, **values)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=[StageOutputRow.key],
                set_={name: statement.excluded[name] for name in ("outputs", "summary", "seconds")},
            )
        )

    def begin(self, key: str) -> bool:
        """Whether the caller may run ``key``: two audits that share a stage do not both run it here."""
        with self._lock:
            if key in self._busy:
                return False
            self._busy.add(key)
            return True

    def end(self, key: str) -> None:
        """The caller no longer runs ``key``."""
        with self._lock:
            self._busy.discard(key)
