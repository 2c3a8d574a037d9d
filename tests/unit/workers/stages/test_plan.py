"""The plan is pure, complete, and reuses whatever does not depend on what changed."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from schemas.audits import AuditConfig, Profile, View
from schemas.stages import AuditSubject, PlannedStage, StageOutcome
from tests.builders.subjects import subject
from workers.stages import plan, profiles
from workers.stages.plan import plan_audit
from workers.stages.registry import STAGES

ROOT = Path(plan.__file__).parents[2]

TAPS = ["conv", "hidden", "logits"]
DATASET_ONLY = {"autoencoder", "oracles", "editor", "prior", "concepts"}


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


def test_a_changed_threshold_changes_the_keys_of_all_that_rests_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else an audit would mix numbers judged by one release with those judged by another."""
    first = run_plan(subject())
    monkeypatch.setattr(plan, "DEFAULT", replace(plan.DEFAULT, flip_rate=0.03))
    second = run_plan(subject())
    assert {name for name in first if first[name] != second[name]} == {"effects", "evidence", "result"}


def test_a_changed_budget_changes_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_plan(subject())
    monkeypatch.setitem(profiles.BUDGETS, "quick", replace(profiles.QUICK, draws=9))
    second = run_plan(subject())
    assert not [name for name in first if first[name] == second[name]]


@cache
def imports(module: str) -> frozenset[str]:
    """What ``module`` imports by ``from``, if it is one of ours: modules, and names that may be modules."""
    source = ROOT / (module.replace(".", "/") + ".py")
    if not source.is_file():
        return frozenset()
    found = set[str]()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), module.rpartition(".")[0])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def imported(module: str) -> set[str]:
    """Everything that ``module`` imports, directly or through others."""
    found, left = set[str](), {module}
    while left:
        found |= left
        left = {one for name in left for one in imports(name)} - found
    return found


def test_stages_that_read_thresholds_are_those_whose_key_holds_them() -> None:
    other = subject(AuditConfig(views=list(View)))
    whole = other.model_copy(update={"against": [other.classifier], "outside": other.dataset})
    stages = plan_audit(whole, {"taps": outcome(PlannedStage(name="taps", title="", inputs={}), "a" * 64)})
    assert {"companions", "outside", "response"} <= {stage.name for stage in stages}
    for stage in stages:
        step = (stage.runs or stage.name).partition(":")[0]
        reads = "workers.evidence.thresholds" in imported(STAGES[step].__module__)
        assert ("thresholds" in stage.config) == reads, step
