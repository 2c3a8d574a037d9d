"""A policy in the plan and in the result of an audit; an audit without one is planned as before there were any."""

from __future__ import annotations

from schemas.policies import Outcome, Policy
from schemas.results import AuditResult, Verdict
from schemas.stages import PlannedStage, StageOutcome, StageRequest
from tests.builders.results import provenance, result
from tests.builders.subjects import MemoryStore, subject
from workers.stages.judging import judge
from workers.stages.plan import plan_audit
from workers.stages.result import judged
from workers.stages.stage import StageContext

POLICY = Policy.model_validate(
    {"version": 1, "name": "release", "rules": [{"must_ignore": "hue"}, {"no_regression_against": "production"}]}
)


def earlier(verdict: Verdict) -> AuditResult:
    return result(features={"hue": verdict}, audit=provenance(id="aud_01k9demo0000000000000000"))


def whole_plan(**changes: object) -> dict[str, PlannedStage]:
    """Every stage of an audit, its taps and its symmetric views known."""
    facts = {"taps": {"taps": ["logits"]}, "symmetry": {"views": []}}
    done = {name: StageOutcome(key="e" * 64, outputs={}, summary=summary) for name, summary in facts.items()}
    kept = {
        name: outcome.model_copy(update={"outputs": dict.fromkeys(("taps",), "f" * 64)})
        for name, outcome in done.items()
    }
    return {stage.name: stage for stage in plan_audit(subject().model_copy(update=changes), kept)}


def test_a_policy_changes_the_last_stage_alone() -> None:
    plain, asked = whole_plan(), whole_plan(policy=POLICY, baseline="b" * 64)
    assert [name for name in plain if plain[name] != asked[name]] == ["result"]
    assert asked["result"].inputs["baseline"] == "b" * 64


def test_without_a_policy_nothing_of_policies_is_in_a_key() -> None:
    stages = whole_plan(baseline="b" * 64)
    assert stages == whole_plan()
    assert not {"policy", "baseline"} & (stages["result"].config["subject"].keys() | stages["result"].inputs.keys())


def test_the_baseline_is_meant_by_whatever_name() -> None:
    before, now = earlier(Verdict.IGNORED), result(features={"hue": Verdict.USED})
    same = result(features={"hue": Verdict.IGNORED})
    assert [rule.outcome for rule in judge(POLICY, now, before).rules] == [Outcome.FAIL, Outcome.FAIL]
    assert [rule.outcome for rule in judge(POLICY, same, before).rules] == [Outcome.PASS, Outcome.PASS]


def test_without_a_baseline_the_rule_is_not_decided() -> None:
    report = judge(POLICY, result(features={"hue": Verdict.IGNORED}), None)
    assert [rule.outcome for rule in report.rules] == [Outcome.PASS, Outcome.INCONCLUSIVE]
    assert report.outcome is Outcome.INCONCLUSIVE


def context(store: MemoryStore, **inputs: str) -> StageContext:
    request = StageRequest(name="result", inputs=inputs, config={}, seed=0)
    return StageContext(request, store, lambda fraction, detail: None)


def test_the_result_holds_what_came_of_the_policy_and_the_stage_says_it_in_a_word() -> None:
    store, now = MemoryStore(), result(features={"hue": Verdict.USED})
    digest = store.put(earlier(Verdict.IGNORED).model_dump_json().encode())
    asked = subject().model_copy(update={"policy": POLICY, "baseline": digest})
    found, told = judged(context(store, baseline=digest), asked, now)
    assert told == {"gate": "fail"}
    assert [rule.outcome for rule in found.policies[0].rules] == [Outcome.FAIL, Outcome.FAIL]
    assert "hue was ignored and is used" in found.policies[0].rules[1].why
    assert AuditResult.model_validate_json(found.model_dump_json()) == found
    assert judged(context(store), subject(), now) == (now, {})
