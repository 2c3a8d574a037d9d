"""Who wants to hear of an event: webhooks, the registry that an audit came from, the lineage backend."""

from __future__ import annotations

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from services.db.automation import RegistryRow
from services.db.engine import TOLD_SINKS
from services.db.outbox import WebhookRow
from services.db.scoping import CURRENT_PROJECT
from services.db.tables import AuditRow

ENDS = frozenset({"audit.succeeded", "audit.failed", "audit.cancelled"})
RUNS = frozenset({"audit.started", "audit.succeeded", "audit.failed", "audit.cancelled"})
LINEAGE = "openlineage"


def listening_webhooks(session: Session, kind: str, _subject: str) -> list[str | None]:
    """Webhooks of the transaction's project that want events of ``kind``; one that names no type wants all."""
    wants = or_(WebhookRow.events == [], WebhookRow.events.contains([kind]))
    mine = WebhookRow.project_id == text(CURRENT_PROJECT)
    return list(session.scalars(select(WebhookRow.id).where(mine, WebhookRow.disabled_at.is_(None), wants)))


def listening_registries(session: Session, kind: str, subject_id: str) -> list[str | None]:
    """The registry that told of the audit's classifier, if it wants results and the event ends the audit."""
    if kind not in ENDS:
        return []
    origin = AuditRow.origin["registry"].astext
    wants = (RegistryRow.disabled_at.is_(None), RegistryRow.body["log_results"].as_boolean())
    query = select(RegistryRow.id).join(AuditRow, origin == RegistryRow.id).where(AuditRow.id == subject_id, *wants)
    return list(session.scalars(query))


def listening_lineage(session: Session, kind: str, _subject: str) -> list[str | None]:
    """The installation's lineage backend, where one is set, for events that move an audit."""
    wanted = kind in RUNS and LINEAGE in session.info.get(TOLD_SINKS, ())
    return [None] if wanted else []
