"""The toy science with a real result: whoever reads results of audits finds one, and its policy was checked."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from schemas.policies import Policy
from schemas.policies.check import check
from schemas.ports import BlobStore, ReportProgress
from schemas.stages import AuditSubject, PlannedStage, StageOutcome, StageRequest
from services.dispatch.science import Done, Science
from tests.builders import results, toy_science


def told_science(folder: Path) -> Science:
    """Plans that work in ``folder``."""
    return replace(toy_science.toy_science(folder), plan_audit=partial(plan_audit, folder), execute=execute)


def plan_audit(folder: Path, subject: AuditSubject, done: Done) -> list[PlannedStage]:
    """As the toy science plans; the policy goes to the result."""
    planned = toy_science.plan_audit(folder, subject, done)
    policy = None if subject.policy is None else subject.policy.model_dump(mode="json")
    given = {"policy": policy, "audit": subject.audit_id, "name": subject.name}
    return [
        stage.model_copy(update={"config": {**stage.config, **given}}) if stage.name == "result" else stage
        for stage in planned
    ]


def execute(request: StageRequest, store: BlobStore, report: ReportProgress) -> StageOutcome:
    """As the toy science executes; the result is one."""
    outcome = toy_science.execute(request, store, report)
    if request.name != "result":
        return outcome
    result = results.result(audit=results.provenance(id=request.config["audit"], name=request.config["name"]))
    summary: dict[str, Any] = {"artifacts": {}}
    if request.config["policy"] is not None:
        checked = check(Policy.model_validate(request.config["policy"]), result)
        result, summary = result.model_copy(update={"policies": [checked]}), {**summary, "gate": checked.outcome}
    digest = store.put(result.model_dump_json().encode(), "application/json")
    return StageOutcome(key=outcome.key, outputs={"result": digest}, summary=summary, seconds=outcome.seconds)
