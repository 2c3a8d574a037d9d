"""What others are told of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from schemas.audits import AuditState
from services.db.tables import AuditRow, ClassifierRow, DatasetRow
from services.deliveries.events import announce

TOLD = {
    AuditState.RUNNING: "audit.started",
    AuditState.SUCCEEDED: "audit.succeeded",
    AuditState.FAILED: "audit.failed",
    AuditState.CANCELLED: "audit.cancelled",
}

LONGEST_SENTENCE = 1000


def announce_state(session: Session, audit_id: str, more: Mapping[str, Any] | None = None) -> None:
    """Announce the state that the audit's row has now, with its names, and ``more`` facts."""
    row = session.get_one(AuditRow, audit_id, populate_existing=True)
    kind = TOLD.get(AuditState(row.state))
    if kind is not None:
        announce(session, kind, row.id, facts_of(session, row) | dict(more or {}))


def announce_gate(session: Session, audit_id: str) -> None:
    """Announce what came of the audit's policy, as its row has it."""
    row = session.get_one(AuditRow, audit_id, populate_existing=True)
    announce(session, "audit.gated", row.id, facts_of(session, row))


def facts_of(session: Session, row: AuditRow) -> dict[str, Any]:
    """Ids, names and outcome of an audit: what every event about it holds."""
    classifier = session.get_one(ClassifierRow, row.classifier_id)
    dataset = session.get_one(DatasetRow, row.dataset_id)
    return {
        "audit": row.id,
        "project": row.project_id,
        "name": row.name,
        "state": row.state,
        "classifier": {"id": classifier.id, "name": classifier.name, "digest": classifier.digest},
        "dataset": {"id": dataset.id, "name": dataset.name},
        "policy": row.policy_id,
        "baseline": row.baseline_id,
        "gate": row.gate,
        "origin": row.origin,
        "problem": row.problem and _brief(row.problem),
    }


def _brief(problem: dict[str, Any]) -> dict[str, str]:
    """Code and sentences of a problem, cut: an event stays below 20 kB whatever names the sentences quote."""
    return {name: str(problem.get(name, ""))[:LONGEST_SENTENCE] for name in ("code", "detail", "advice")}
