"""The memory of finished stages: a row per key, whose blobs are checked before it is believed.

Each project has its own: what one has run tells another nothing, not even by how long its own audit takes.
"""

from __future__ import annotations

import copy
import hashlib
import threading

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas.projects import DEFAULT_PROJECT
from schemas.stages import StageOutcome
from services.db.engine import SessionFactory, scoped
from services.db.tables import StageOutputRow
from services.storage.blobs import S3BlobStore


class StageMemory:
    """Outcomes by key, over all audits of a project; and which keys this dispatcher works on at the moment."""

    def __init__(self, factory: SessionFactory, store: S3BlobStore) -> None:
        self._factory = factory
        self._store = store
        self._project = DEFAULT_PROJECT
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def of_project(self, project: str) -> StageMemory:
        """The memory of a project; which keys are under work is known to all."""
        memory = copy.copy(self)
        memory._store, memory._project = self._store.of_project(project), project
        return memory

    def find(self, key: str) -> StageOutcome | None:
        """The outcome of ``key``; ``None`` when it is unknown, or when one of its blobs is gone."""
        with scoped(self._factory, self._project) as session:
            # Marked as used before it is used: what retention forgets, it forgets before or not at all.
            used = update(StageOutputRow).where(StageOutputRow.key == self._own(key)).values(used_at=func.now())
            row = session.scalars(used.returning(StageOutputRow)).one_or_none()
        if row is None or not all(self._store.exists(digest) for digest in row.outputs.values()):
            return None
        facts = {name: getattr(row, name) for name in ("outputs", "summary", "seconds")}
        return StageOutcome(key=key, **facts, reused=True)

    def record(self, session: Session, stage: str, outcome: StageOutcome) -> None:
        """Remember ``outcome`` in the caller's transaction. Its blobs are stored already: blob first, row second."""
        values = outcome.model_dump(mode="json", exclude={"reused"}) | {"key": self._own(outcome.key)}
        statement = insert(StageOutputRow).values(stage=stage, **values)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=[StageOutputRow.key],
                set_={name: statement.excluded[name] for name in ("outputs", "summary", "seconds")}
                | {"used_at": func.now()},
            )
        )

    def begin(self, key: str) -> bool:
        """Whether the caller may run ``key``: two audits that share a stage do not both run it here."""
        with self._lock:
            if self._own(key) in self._busy:
                return False
            self._busy.add(self._own(key))
            return True

    def end(self, key: str) -> None:
        """The caller no longer runs ``key``."""
        with self._lock:
            self._busy.discard(self._own(key))

    def _own(self, key: str) -> str:
        """The project's own key. The default project's are those of before projects, which were their rows' alone."""
        if self._project == DEFAULT_PROJECT:
            return key
        return hashlib.sha256(f"{self._project} {key}".encode()).hexdigest()
