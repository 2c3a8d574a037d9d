"""The plan is pure, complete, and reuses whatever does not depend on what changed."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from schemas.audits import AuditConfig, Profile, SymmetryGroup, View
from schemas.stages import AuditSubject, PlannedStage, StageOutcome
from tests.builders.subjects import subject
from workers.stages import plan, profiles
from workers.stages.plan import plan_audit
from workers.stages.registry import STAGES

ROOT = Path(plan.__file__).parents[2]

TAPS = ["conv", "hidden", "logits"]
VIEWED = ["conv"]
DATASET_ONLY = {"autoencoder", "oracles", "editor", "prior", "concepts"}


class Everything(dict[str, str]):
    """Outputs of a stage that left whatever is asked for, each output with its own digest."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def __missing__(self, name: str) -> str:
        return hashlib.sha256(f"{self.key}/{name}".encode()).hexdigest()


def outcome(stage: PlannedStage, key: str, viewed: list[str] = VIEWED) -> StageOutcome:
    summary = {"taps": {"taps": TAPS}, "symmetry": {"views": viewed}}.get(stage.name, {})
    return StageOutcome.model_construct(key=key, outputs=Everything(key), summary=summary, seconds=1.0, reused=False)


def run_plan(audit: AuditSubject, viewed: list[str] = VIEWED) -> dict[str, str]:
    """Key of every stage, running the plan until it asks for nothing more; ``viewed`` taps have an invariant view."""
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
            done[stage.name] = outcome(stage, request.key, viewed)


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
    assert {name for name in first if first[name] != second[name]} == {"effects", "geometry", "evidence", "result"}


def test_a_changed_threshold_of_symmetry_screens_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_plan(subject())
    monkeypatch.setattr(plan, "OF_SYMMETRY", replace(plan.OF_SYMMETRY, small=0.1))
    second = run_plan(subject())
    changed = {name for name in first if first[name] != second[name]}
    assert {"symmetry", "invariant", "samples:conv", "scores", "evidence", "result"} <= changed
    assert not {"latents", "inn:conv", "effects", "samples:hidden"} & changed


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
    known = {name: outcome(PlannedStage(name=name, title="", inputs={}), "a" * 64) for name in ("taps", "symmetry")}
    stages = plan_audit(whole, known)
    assert {"companions", "outside", "response", "geometry"} <= {stage.name for stage in stages}
    for stage in stages:
        step = (stage.runs or stage.name).partition(":")[0]
        read = imported(STAGES[step].__module__)
        assert ("thresholds" in stage.config) == ("workers.evidence.thresholds" in read), step
        assert ("symmetry_thresholds" in stage.config) == ("workers.symmetry.thresholds" in read), step


def planned(audit: AuditSubject, viewed: list[str] = VIEWED) -> dict[str, PlannedStage]:
    """The whole plan by name, with the taps and the symmetry screen done."""
    known = {
        name: outcome(PlannedStage(name=name, title="", inputs={}), "a" * 64, viewed) for name in ("taps", "symmetry")
    }
    return {stage.name: stage for stage in plan_audit(audit, known)}


def test_what_rests_on_the_screen_waits_for_it() -> None:
    known = {"taps": outcome(PlannedStage(name="taps", title="", inputs={}), "a" * 64)}
    before = {stage.name for stage in plan_audit(subject(), known)}
    assert {"symmetry", "inn:conv", "effects"} <= before
    assert not before & {"samples:conv", "invariant", "scores", "geometry", "evidence", "result"}


def test_a_viewed_tap_is_read_without_its_pose_and_compared() -> None:
    stages = planned(subject())
    assert {"invariant", "geometry"} <= set(stages)
    assert "symmetry" in stages["samples:conv"].inputs
    assert "symmetry" not in stages["samples:hidden"].inputs
    for name in ("scores", "evidence"):
        assert {"symmetry", "invariant"} <= set(stages[name].inputs), name
    assert {"symmetry", "projection"} <= set(stages["geometry"].inputs)
    assert "turned" in stages["evidence"].inputs
    assert "galleries:symmetry" in stages["result"].inputs


@pytest.mark.parametrize(
    ("config", "deep"),
    [
        (AuditConfig(), False),
        (AuditConfig(symmetries=[SymmetryGroup.C4]), True),
        (AuditConfig(profile=Profile.STANDARD), True),
    ],
)
def test_a_view_gets_networks_of_its_own_where_declared_or_beyond_quick(config: AuditConfig, deep: bool) -> None:
    stages = planned(subject(config))
    of_views = {name for name in stages if name.startswith(("inn@invariant", "samples@invariant"))}
    assert of_views == ({"inn@invariant:conv", "samples@invariant:conv"} if deep else set())
    assert ("invariant:conv" in stages["evidence"].inputs) == deep
    if deep:
        assert stages["samples@invariant:conv"].config["view"] == "invariant"
        assert stages["inn@invariant:conv"].runs == "inn:conv"


def test_without_views_nothing_is_read_twice_but_the_screen_is_shown() -> None:
    stages = planned(subject(), viewed=[])
    assert not {"invariant", "geometry"} & set(stages)
    assert not [name for name in stages if "@invariant" in name]
    assert "symmetry" in stages["evidence"].inputs
    assert "galleries:symmetry" in stages["result"].inputs


def test_an_audit_that_leaves_symmetry_out_plans_nothing_of_it() -> None:
    config = AuditConfig(views=[View.CONCEPTS])
    names = set(run_plan(subject(config)))
    assert not [name for name in names if "symmetry" in name or "invariant" in name or name == "geometry"]
    stages = planned(subject(config))
    assert not [stage.name for stage in stages.values() if "symmetry" in stage.inputs]


def test_declared_groups_are_part_of_the_key_and_of_what_is_screened() -> None:
    asked = planned(subject(AuditConfig(symmetries=[SymmetryGroup.C4])))["symmetry"]
    assert asked.config["groups"] == ["c4"]
    assert planned(subject())["symmetry"].config["groups"] is None
    assert "symmetry" not in planned(subject(AuditConfig(symmetries=[])))
