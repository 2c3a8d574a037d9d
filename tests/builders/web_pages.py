"""A project as its members see it: audits in every state, by rows and stored results; nothing of it was measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, update

from schemas.audits import AuditState, StageProgress, StageState
from schemas.policies import Outcome
from schemas.problems import ErrorCode
from schemas.results import Verdict
from services.db.engine import transaction
from services.db.tables import AuditRow
from services.dispatch import journal
from services.errors import failure

from . import results
from .api_server import Api
from .rows import add_audit, add_classifier, add_dataset

STAGES = ("cut", "autoencoder", "codes", "inn:logits", "evidence", "result")
OUTCOMES = (Outcome.PASS, Outcome.PASS, Outcome.FAIL, None, Outcome.INCONCLUSIVE)
IGNORED, USED, ENCODED, OPEN = Verdict.IGNORED, Verdict.USED, Verdict.ENCODED_UNUSED, Verdict.UNDETERMINED
FINDINGS: tuple[dict[str, Verdict] | None, ...] = (
    {"ruler": IGNORED, "skin tone": IGNORED, "border": USED, "area": USED, "sharpness": ENCODED},
    {"ruler": IGNORED, "skin tone": OPEN, "border": USED, "area": USED, "sharpness": ENCODED},
    {"ruler": USED, "skin tone": USED, "border": USED, "area": OPEN, "sharpness": OPEN},
    {"hue": IGNORED, "slant": USED, "stroke thickness": ENCODED},
    None,
)
RELEASES = ("lesions-v1", "lesions-v2", "lesions-v3", "digits-robust", "digits-colour")


@dataclass
class Populated:
    """Ids by what they are."""

    classifiers: dict[str, str] = field(default_factory=dict)
    dataset: str = ""
    digits: str = ""
    done: list[str] = field(default_factory=list)
    running: str = ""
    queued: str = ""
    failed: str = ""
    cancelled: str = ""


def populate(api: Api) -> Populated:
    """Five audits that are done, and one in each other state."""
    made = Populated()
    with transaction(api.factory) as session:
        made.classifiers = {name: add_classifier(session, name) for name in RELEASES}
        made.dataset, made.digits = (add_dataset(session, name) for name in ("lesions-holdout", "digits-holdout"))
    for number, (release, gate) in enumerate(zip(RELEASES, OUTCOMES, strict=True)):
        made.done.append(_done(api, made, release, number, gate))
    made.failed, made.cancelled, made.running, made.queued = (
        _audit(api, made, release, name)
        for release, name in zip(RELEASES, ("nightly", "first try", "nightly", "release candidate"), strict=False)
    )
    _fail(api, made.failed)
    with transaction(api.factory) as session:
        journal.move(session, made.cancelled, AuditState.CANCELLED)
    run_half(api, made.running)
    _spread(api, [*made.done, made.failed, made.cancelled, made.running, made.queued])
    return made


def run_half(api: Api, audit: str, fraction: float = 0.43) -> None:
    """The audit runs, and its fourth stage is in the middle."""
    api.run(audit)
    stages = [StageProgress(stage=STAGES[0], state=StageState.REUSED, fraction=1.0, seconds=0.0)]
    stages += [StageProgress(stage=name, state=StageState.DONE, fraction=1.0, seconds=12.5) for name in STAGES[1:3]]
    stages.append(
        StageProgress(stage=STAGES[3], state=StageState.RUNNING, fraction=fraction, detail="epoch 3 of 7, loss 1.21")
    )
    stages += [StageProgress(stage=name, state=StageState.WAITING) for name in STAGES[4:]]
    with transaction(api.factory) as session:
        journal.progress(session, audit, stages, [stages[3]], 0.5 + fraction / 6)


def finish(api: Api, audit: str, features: dict[str, Verdict] | None = None, gate: Outcome | None = None) -> None:
    """The audit succeeds with a result of its own."""
    data = results.result(features).model_dump_json().encode()
    digest = api.store.put(data, "application/json")
    with transaction(api.factory) as session:
        journal.succeed(session, audit, digest, [], gate)


def _audit(api: Api, made: Populated, release: str, name: str) -> str:
    with transaction(api.factory) as session:
        dataset = made.dataset if release.startswith("lesions") else made.digits
        return add_audit(session, f"{release} {name}", made.classifiers[release], dataset)


def _done(api: Api, made: Populated, release: str, number: int, gate: Outcome | None) -> str:
    audit = _audit(api, made, release, "nightly")
    api.run(audit)
    finish(api, audit, FINDINGS[number], gate)
    return audit


def _fail(api: Api, audit: str) -> None:
    api.run(audit)
    problem = failure(
        ErrorCode.RESOURCE_EXHAUSTED, "Stage inn:logits ran out of memory on 64 GiB.", "Use fewer taps or images."
    )
    with transaction(api.factory) as session:
        journal.fail(session, audit, problem)


def _spread(api: Api, audits: list[str]) -> None:
    """Over the last days, so that ages differ."""
    now = datetime.now(UTC)
    with transaction(api.factory) as session:
        for number, audit in enumerate(reversed(audits)):
            begun = now - timedelta(minutes=4 + 7 * 3**number)
            times = {"created_at": begun, "started_at": begun + timedelta(seconds=40)}
            ended = case((AuditRow.finished_at.is_not(None), begun + timedelta(minutes=3 + number)))
            session.execute(update(AuditRow).where(AuditRow.id == audit).values(**times, finished_at=ended))
