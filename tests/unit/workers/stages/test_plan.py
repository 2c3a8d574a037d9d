"""The plan is pure, complete, and reuses whatever does not depend on what changed."""

from __future__ import annotations

import hashlib

import pytest

from schemas.audits import AuditConfig, Profile
from schemas.stages import AuditSubject, PlannedStage, StageOutcome
from tests.builders.subjects import subject
from workers.stages.plan import plan_audit
from workers.stages.registry import STAGES

TAPS = ["conv", "hidden", "logits"]
DATASET_ONLY = {"autoencoder", "oracles", "editor", "prior"}


class Everything(dict[str, str]):
    """Outputs of a stage that left whatever is asked for, each output with its own digest."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def __missing__(self, name: str) -> str:
        return hashlib.sha256(f"{self.key}/{name}".encode()).hexdigest()


def outcome(stage: PlannedStage, key: str) -> StageOutcome:
    summary = {"taps": TAPS} if stage.name == "taps" else {}
    return StageOutcome.model_construct(key=key, outputs=Everything(key), summary=summary, seconds=1.0, reused=False)


def run_plan(audit: AuditSubject) -> dict[str, str]:
    """Key of every stage, running the plan until it asks for nothing more."""
    done: dict[str, StageOutcome] = {}
    keys: dict[str, str] = {}
    while True:
        ready = [
            (stage, request)
            for stage in plan_audit(audit, done)
            if stage.name not in done and (request := stage.resolve(done)) is not None
        ]
        if not ready:
            missing = [stage.name for stage in plan_audit(audit, done) if stage.name not in done]
            assert not missing, f"never ready: {missing}"
            return keys
        for stage, request in ready:
            keys[stage.name] = request.key
            done[stage.name] = outcome(stage, request.key)


def test_every_stage_becomes_ready_and_has_a_function() -> None:
    names = run_plan(subject())
    assert {"result", "evidence", "inn:logits", "samples:conv"} <= set(names)
    assert {name.partition(":")[0] for name in names} <= set(STAGES)


def test_same_audit_same_keys() -> None:
    assert run_plan(subject()) == run_plan(subject())


def test_another_model_reuses_what_depends_on_the_dataset_alone() -> None:
    first, second = run_plan(subject()), run_plan(subject(model_digest="e" * 64))
    assert {name for name in first if first[name] == second[name]} == DATASET_ONLY


@pytest.mark.parametrize("config", [AuditConfig(seed=1), AuditConfig(profile=Profile.STANDARD)])
def test_seed_and_profile_change_every_key(config: AuditConfig) -> None:
    first, second = run_plan(subject()), run_plan(subject(config))
    assert not [name for name in first if first[name] == second[name]]


def test_named_taps_change_nothing_that_depends_on_the_dataset_alone() -> None:
    first, second = run_plan(subject()), run_plan(subject(AuditConfig(taps=["conv"])))
    assert first["taps"] != second["taps"]
    assert all(first[name] == second[name] for name in DATASET_ONLY)


def test_another_attempt_finds_the_same_keys() -> None:
    """Else an audit that lost its worker would start from nothing."""
    assert run_plan(subject()) == run_plan(subject().model_copy(update={"attempt": 3}))
