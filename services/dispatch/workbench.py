"""What every job of a dispatcher works with."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from services.db.engine import SessionFactory
from services.db.tables import JobState
from services.deliveries.courier import Courier
from services.jobs.queue import Claim, finish
from services.observability import Metrics
from services.settings import Settings
from services.storage.blobs import S3BlobStore

from .cluster import Cluster
from .memory import StageMemory
from .run import Listen, SubjectRun
from .science import Plan, Science
from .watch import Signals


@dataclass(frozen=True)
class Workbench:
    """The parts, connected."""

    settings: Settings
    factory: SessionFactory
    store: S3BlobStore
    cluster: Cluster
    memory: StageMemory
    science: Science
    metrics: Metrics
    courier: Courier

    def of_project(self, project: str) -> Workbench:
        """The parts as a project has them: its own objects and its own memory of stages."""
        return replace(
            self,
            store=self.store.of_project(project),
            cluster=self.cluster.of_project(project),
            memory=self.memory.of_project(project),
        )

    def run(self, plan: Plan, signals: Signals, listen: Listen) -> SubjectRun:
        """A run of ``plan`` that has not begun."""
        return SubjectRun(self.cluster, self.memory, self.factory, self.metrics, signals, plan, listen)

    def end_job(self, session: Session, owner: Claim, state: JobState, error: str | None = None) -> None:
        """End the job in the transaction that ends its subject, and count it.

        Raises:
            Fenced: the job is another's.
        """
        finish(session, owner, state, error)
        self.metrics.jobs.labels(state).inc()
