"""Everything that a team can have, one of each, marked so that a byte of it is known wherever it turns up."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from schemas.api_keys import Scope
from services.db.automation import ComparisonRow, OccurrenceRow, PolicyRow, RegistryRow, RegistryVersionRow, ScheduleRow
from services.db.engine import scoped
from services.db.identifiers import new_id
from services.db.outbox import DeliveryRow, WebhookRow
from services.db.tables import AuditRow
from services.sealing.sealer import Sealer
from tests.builders.api_server import Api
from tests.builders.results import result, sheets
from tests.builders.rows import add_audit, add_autoencoder, add_classifier, add_dataset

DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """Ids by what they name, as paths call it, and the ``mark`` in every name, text and file."""

    api: Api
    mark: str
    ids: dict[str, str]

    def holds(self, body: bytes) -> set[str]:
        """What of this world is in ``body``."""
        known = {self.mark, *self.ids.values()} - {self.ids["role"]}
        return {word for word in known if word.encode() in body}


def make_world(api: Api) -> World:
    """One of each in the project of ``api``."""
    mark = f"mark{secrets.token_hex(8)}"
    sealed = Sealer(api.settings.secret_key).seal(mark)
    with api.http(Scope.ADMIN) as http:
        key = http.post("/v1/api-keys", json={"name": mark}).json()
    with api.http(None, Authorization=f"Bearer {key['secret']}") as http:
        upload = http.post("/v1/uploads", json={"filename": mark, "bytes": len(mark)}).json()["id"]
        http.put(f"/v1/uploads/{upload}/content", content=mark.encode()).raise_for_status()
    with scoped(api.factory, api.project) as session:
        ids = {
            "project": api.project,
            "upload": upload,
            "key": key["id"],
            "role": "result",
            **_rows(session, mark, sealed),
        }
    for audit in ("audit", "after"):
        api.run(ids[audit])
        api.succeed(ids[audit], result().model_copy(update={"name": mark}), sheets())
    return World(api, mark, ids)


def _rows(session: Session, mark: str, sealed: str) -> dict[str, str]:
    classifier, dataset = add_classifier(session, name=mark), add_dataset(session, name=mark)
    files = {"classifier": classifier, "dataset": dataset, "autoencoder": add_autoencoder(session, name=mark)}
    audits = {word: add_audit(session, mark, classifier, dataset) for word in ("audit", "after")}
    return files | audits | _automation(session, mark, files, audits) | _outside(session, mark, sealed, files, audits)


def _automation(session: Session, mark: str, files: dict[str, str], audits: dict[str, str]) -> dict[str, str]:
    document = {"version": 1, "name": mark, "rules": [{"must_ignore": "hue"}]}
    policy = PolicyRow(id=new_id("pol"), name=mark, version=1, document=document, digest=secrets.token_hex(32))
    body = {"name": mark, "cron": "0 3 * * *", "dataset": files["dataset"], "classifier_name": mark}
    schedule = ScheduleRow(id=new_id("sch"), name=mark, body=body, looked_at=DAY)
    comparison = ComparisonRow(id=new_id("cmp"), name=mark, before_id=audits["audit"], after_id=audits["after"])
    session.add_all([policy, schedule, comparison])
    session.flush()
    session.get_one(AuditRow, audits["audit"]).policy_id = policy.id
    occurrence = {"kind": "trigger", "state": "missed", "starts_at": DAY, "detail": mark}
    session.add(OccurrenceRow(schedule_id=schedule.id, due_at=DAY, **occurrence))
    return {"policy": policy.id, "schedule": schedule.id, "comparison": comparison.id}


def _outside(session: Session, mark: str, sealed: str, files: dict[str, str], audits: dict[str, str]) -> dict[str, str]:
    url = f"https://{mark}.invalid/"
    webhook = WebhookRow(id=new_id("whk"), name=mark, url=url, events=[], sealed_secret=sealed)
    event = {"type": "ping", "subject_id": audits["audit"], "payload": {"mark": mark}, "state": "failed"}
    delivery = DeliveryRow(id=new_id("evt"), sink="webhook", sink_id=webhook.id, **event)
    options = {"dataset": files["dataset"]}
    registry = RegistryRow(id=new_id("reg"), name=mark, kind="mlflow", url=url, body=options, sealed_secret=sealed)
    session.add_all([webhook, delivery, registry])
    session.flush()
    session.add(RegistryVersionRow(id=new_id("ver"), registry_id=registry.id, model=mark, version="1"))
    return {"webhook": webhook.id, "delivery": delivery.id, "registry": registry.id}
