"""Sink ``mlflow`` of the outbox: what came of an audit goes back to the registry that told of its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.audits import Origin
from schemas.policies import Outcome as Gate
from schemas.ports import BlobMissing, BlobStore
from schemas.results import AuditResult
from schemas.scalars import Sha256
from services.db.automation import RegistryRow
from services.db.engine import SessionFactory, scoped
from services.db.tables import AuditArtifactRow, AuditRow
from services.deliveries.links import links
from services.deliveries.parcels import Outcome, Parcel, Told
from services.errors import ServiceError
from services.storage.blobs import S3BlobStore

from .access import Access
from .mlflow import entries
from .mlflow.record import Record, write
from .service import options_of

FILES = {"report": "report.html", "manifest": "manifest.dsse.json"}
"""Artifacts of an audit that go to the registry beside ``result.json``, and what they are called there."""


@dataclass(frozen=True)
class Rows:
    """What is in the database on an audit that ended; ``files`` maps roles of artifacts to digests."""

    audit: AuditRow
    registry: RegistryRow
    files: Mapping[str, Sha256]


@dataclass(frozen=True)
class MlflowSink:
    """Writes results of audits to MLflow. Told again, it writes the same."""

    factory: SessionFactory
    store: S3BlobStore
    access: Access
    public_url: str

    def send(self, parcel: Parcel) -> Told:
        """Write everything that is to be found in the registry once."""
        rows = self._rows(parcel)
        if rows is None:
            return Told(Outcome.REFUSED, error="The registry or the audit is gone, or no results are wanted.")
        try:
            record = record_of(rows, self.store.of_project(parcel.project), self.public_url)
            with self.access.server(rows.registry) as server:
                write(server, record)
        except ServiceError as error:
            return Told(Outcome.RETRY, error=f"{error.detail} {error.advice}".strip())
        except BlobMissing:
            return Told(Outcome.REFUSED, error="What the audit left is no longer stored.")
        return Told(Outcome.DELIVERED)

    def settle(self, session: Session, parcel: Parcel, told: Told) -> None:
        """A registry that fails stays as it is: each delivery says why."""

    def _rows(self, parcel: Parcel) -> Rows | None:
        with scoped(self.factory, parcel.project) as session:
            registry = session.get(RegistryRow, parcel.sink_id)
            audit = session.get(AuditRow, parcel.subject_id)
            found = select(AuditArtifactRow).where(AuditArtifactRow.audit_id == parcel.subject_id)
            files = {row.role: row.digest for row in session.scalars(found) if row.role in FILES}
        if registry is None or registry.disabled_at or audit is None or not options_of(registry).log_results:
            return None
        return Rows(audit, registry, files)


def record_of(rows: Rows, store: BlobStore, public_url: str) -> Record:
    """What is written of an audit; of one that has no result, that it ended without.

    Raises:
        BlobMissing: its result or report is gone.
        Unavailable: the storage did not answer.
    """
    audit, origin = rows.audit, Origin.model_validate(rows.audit.origin or {})
    where = links(public_url, f"audit.{audit.state}", audit.id)
    tags = {"audit.id": audit.id, "audit.state": audit.state} | _page(where)
    begun = Record(
        model=origin.model or "",
        version=origin.version or "",
        audit=audit.id,
        at=int((audit.finished_at or audit.created_at).timestamp() * 1000),
        tags=tags,
    )
    return begun if audit.result_digest is None else _with_result(begun, rows, store, audit.result_digest)


def _with_result(begun: Record, rows: Rows, store: BlobStore, digest: Sha256) -> Record:
    data = store.get(digest)
    result = AuditResult.model_validate_json(data)
    alias = options_of(rows.registry).alias_on_pass
    return Record(
        model=begun.model,
        version=begun.version,
        audit=begun.audit,
        at=begun.at,
        tags={**begun.tags, "audit.verdict": entries.verdict(result, rows.audit.gate)},
        metrics=entries.metrics(result),
        params=entries.params(result),
        files={"result.json": data} | {FILES[role]: store.get(file) for role, file in rows.files.items()},
        alias=alias if rows.audit.gate == Gate.PASS else None,
    )


def _page(where: Mapping[str, str]) -> dict[str, str]:
    """The tag that leads people to the report, where this installation knows its own address."""
    return {"audit.report": where["report"]} if "report" in where else {}
