"""The plan of a comparison: every stage of the audits under the key that the audit gave it, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from schemas.audits import AuditConfig, View
from schemas.comparisons import ComparedSubject, ComparisonSubject
from schemas.stages import AuditSubject, PlannedStage, StageOutcome
from tests.builders.subjects import WHEN, classifier, classifier_facts, subject
from workers.stages.comparison_plan import NUMBERS, plan_comparison
from workers.stages.plan import Done, plan_audit
from workers.stages.registry import STAGES

SUMMARIES = {"taps": {"taps": ["conv", "hidden", "logits"]}, "symmetry": {"views": ["conv"]}}


class Everything(dict[str, str]):
    """Outputs of a stage that left whatever is asked for, each with a digest that its key decides."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def __missing__(self, name: str) -> str:
        return hashlib.sha256(f"{self.key}/{name}".encode()).hexdigest()


def keys_of(plan: Callable[[Done], list[PlannedStage]]) -> dict[str, str]:
    """Key of every stage, once the plan asks for nothing more."""
    done: Done = {}
    keys: dict[str, str] = {}
    while left := [stage for stage in plan(done) if stage.name not in done]:
        ready = [(stage, request) for stage in left if (request := stage.resolve(done)) is not None]
        assert ready, f"never ready: {[stage.name for stage in left]}"
        for stage, request in ready:
            keys[stage.name] = request.key
            summary = SUMMARIES.get(request.name, {})
            done[stage.name] = StageOutcome.model_construct(
                key=request.key, outputs=Everything(request.key), summary=summary, seconds=1.0, reused=True
            )
    return keys


def audit_keys(audit: AuditSubject) -> dict[str, str]:
    return keys_of(lambda done: plan_audit(audit, done))


def compared(before: AuditSubject, after: AuditSubject, name: str = "a comparison") -> ComparisonSubject:
    first, second = (
        ComparedSubject(audit=audit, result=digest * 64) for audit, digest in ((before, "1"), (after, "2"))
    )
    return ComparisonSubject(comparison_id="cmp_" + "0" * 16, name=name, created_at=WHEN, before=first, after=second)


def comparison_keys(before: AuditSubject, after: AuditSubject) -> dict[str, str]:
    return keys_of(lambda done: plan_comparison(compared(before, after), done))


BEFORE, AFTER = subject(), subject(model_digest="e" * 64)


def test_every_stage_is_one_that_the_audits_left_but_for_the_probes_and_the_comparison() -> None:
    keys = comparison_keys(BEFORE, AFTER)
    own = {"before": audit_keys(BEFORE), "after": audit_keys(AFTER)}
    for name, key in keys.items():
        side, _, stage = name.partition("/")
        if stage not in {"", "probes"}:
            assert own[side][stage] == key, name
    assert {"comparison", "before/probes", "after/probes"} <= keys.keys()
    stages = {name.removeprefix("before/").removeprefix("after/").partition(":")[0].partition("@")[0] for name in keys}
    assert stages <= STAGES.keys()


def test_what_only_the_reports_of_the_audits_show_is_not_asked_for() -> None:
    stages = {name.partition("/")[2] for name in comparison_keys(BEFORE, AFTER)}
    assert not stages & {"result", "traversals", "attribution", "mixing", "attack", "factors", "response", "geometry"}
    assert {"evidence", "effects", "editor", "inn:conv", "samples:logits", "symmetry"} <= stages


def test_other_classifiers_of_an_audit_change_no_key_and_add_no_stage() -> None:
    guest = classifier(classifier_facts("f" * 64), name="guest.onnx")
    beside = BEFORE.model_copy(
        update={"against": [guest], "config": AuditConfig(against=["clf_" + "1" * 16]), "outside": BEFORE.dataset}
    )
    keys, alone = comparison_keys(beside, AFTER), comparison_keys(BEFORE, AFTER)
    assert keys.keys() == alone.keys()
    assert {name for name in keys if keys[name] != alone[name]} <= {"comparison"}


def test_sides_of_one_dataset_share_its_stages_and_each_has_its_own_classifier() -> None:
    keys = comparison_keys(BEFORE, AFTER)
    shared = {"autoencoder", "oracles", "editor", "prior", "concepts"}
    assert all(keys[f"before/{name}"] == keys[f"after/{name}"] for name in shared)
    assert all(keys[f"before/{name}"] != keys[f"after/{name}"] for name in ("latents", "effects", "probes", "evidence"))


def test_probes_are_paid_for_once_however_often_an_audit_is_compared() -> None:
    third = subject(model_digest="9" * 64)
    assert comparison_keys(BEFORE, AFTER)["before/probes"] == comparison_keys(third, BEFORE)["after/probes"]


def test_audits_of_other_seeds_and_views_keep_their_own_stages() -> None:
    after = subject(AuditConfig(seed=3, views=[View.MIXING]), "e" * 64)
    keys, own = comparison_keys(BEFORE, after), audit_keys(after)
    assert keys["after/autoencoder"] == own["autoencoder"] != keys["before/autoencoder"]
    assert "after/concepts" not in keys
    assert "before/concepts" in keys


def test_progress_speaks_of_which_audit_a_stage_is() -> None:
    stages = {stage.name: stage for stage in plan_comparison(compared(BEFORE, AFTER), {})}
    assert stages["before/taps"].title == "an audit: finding the cuts of the graph"
    assert stages["before/taps"].runs == "taps"


def test_the_comparison_reads_the_results_that_were_published() -> None:
    known: dict[str, StageOutcome] = {}
    final: list[PlannedStage] = []

    def plan(done: Done) -> list[PlannedStage]:
        nonlocal final
        final = plan_comparison(compared(BEFORE, AFTER), done)
        known.update(done)
        return final

    keys_of(plan)
    comparison = final[-1]
    assert (comparison.inputs["before/result"], comparison.inputs["after/result"]) == ("1" * 64, "2" * 64)
    assert comparison.config["numbers"] == NUMBERS, "outputs that were measured otherwise are not taken"
    assert {timing["stage"] for timing in comparison.config["timings"]} == known.keys() - {"comparison"}
