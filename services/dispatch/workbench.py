"""What every job of a dispatcher works with."""

from __future__ import annotations

from dataclasses import dataclass

from services.db.engine import SessionFactory
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

    def run(self, plan: Plan, signals: Signals, listen: Listen) -> SubjectRun:
        """A run of ``plan`` that has not begun."""
        return SubjectRun(self.cluster, self.memory, self.factory, self.metrics, signals, plan, listen)
