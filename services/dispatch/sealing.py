"""The report of an audit that is about to succeed: rendered, signed and stored before the transaction that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.orm import Session

from schemas.classifiers import Classifier
from schemas.datasets import Dataset
from schemas.manifests import Material, Product
from schemas.policies import Outcome
from schemas.scalars import Sha256
from schemas.stages import AuditSubject
from services.db.tables import AuditArtifactRow
from services.jobs.queue import Claim
from services.manifests import repository, service
from services.manifests.audits import audit_draft
from services.manifests.sealing import Sealed
from services.manifests.service import ENVELOPE_TYPE, PAGE_TYPE, Desk
from services.manifests.signer import key_pair
from services.manifests.sources import source_digest

from .workbench import Workbench

log = structlog.get_logger()


@dataclass(frozen=True)
class StoredReport:
    """A sealed report whose bytes are stored, under ``page`` and ``envelope``; its rows are still to be written."""

    audit: str
    sealed: Sealed
    page: Sha256
    envelope: Sha256

    def record(self, session: Session) -> None:
        """Write its rows, in the transaction in which the audit succeeds."""
        repository.add(session, self.audit, self.sealed, self.page, original=True)
        session.add_all(
            [
                self._artifact("report", self.page, len(self.sealed.page), PAGE_TYPE),
                self._artifact("manifest", self.envelope, len(self.sealed.envelope.text()), ENVELOPE_TYPE),
            ]
        )

    def _artifact(self, role: str, digest: Sha256, size: int, media_type: str) -> AuditArtifactRow:
        return AuditArtifactRow(audit_id=self.audit, role=role, digest=digest, bytes=size, media_type=media_type)


def stored_report(
    bench: Workbench,
    owner: Claim,
    subject: AuditSubject,
    result: Sha256,
    artifacts: Sequence[AuditArtifactRow],
    gate: Outcome | None,
) -> StoredReport | None:
    """The report, or ``None`` where it cannot be made now: an audit never fails for want of its page, which is made and
    sealed when it is first asked for.
    """
    try:
        return _stored(bench, owner, subject, result, artifacts, gate)
    except Exception:
        log.exception("report.not_sealed", audit=owner.subject_id)
        return None


def _stored(
    bench: Workbench,
    owner: Claim,
    subject: AuditSubject,
    result: Sha256,
    artifacts: Sequence[AuditArtifactRow],
    gate: Outcome | None,
) -> StoredReport:
    products = [Product(role=row.role, digest=row.digest, bytes=row.bytes) for row in artifacts]
    draft = audit_draft(bench.store, owner.project, result, products, gate, source_digest(), _others(subject))
    sealed = service.seal(Desk(bench.factory, bench.store, owner.project, key_pair(bench.settings)), draft)
    page = bench.store.put(sealed.page, PAGE_TYPE)
    return StoredReport(owner.subject_id, sealed, page, bench.store.put(sealed.envelope.text(), ENVELOPE_TYPE))


def _others(subject: AuditSubject) -> list[Material]:
    """What went in beside the classifier and its references."""
    found: list[tuple[str, Classifier | Dataset]] = [
        (f"against:{number}", row) for number, row in enumerate(subject.against, start=1)
    ]
    if subject.outside is not None:
        found.append(("outside", subject.outside))
    made = [
        Material(
            role=role,
            id=row.id,
            name=row.name,
            digest=row.digest,
            canonical_digest=row.facts.canonical_digest if row.facts else None,
        )
        for role, row in found
    ]
    return made + _autoencoder(subject)


def _autoencoder(subject: AuditSubject) -> list[Material]:
    given = subject.autoencoder
    if given is None:
        return []
    halves = {"encoder": given.encoder_digest, "decoder": given.decoder_digest}
    return [Material(role=role, id=given.id, name=given.name, digest=digest) for role, digest in halves.items()]
