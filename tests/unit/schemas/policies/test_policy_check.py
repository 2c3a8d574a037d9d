"""A policy against results whose verdicts are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.policies import Outcome, Policy, policy_schema
from schemas.policies.check import check
from schemas.results import AuditResult, Effect, Estimate, Feature, FeatureKind, FeatureSource, Retention, Verdict
from tests.builders.results import REASONS, dataset, finding, provenance, result

VERDICTS = {verdict.value: verdict for verdict in Verdict}


def audited(**verdicts: Verdict) -> AuditResult:
    return result(features=verdicts)


def earlier(**verdicts: Verdict) -> AuditResult:
    """Another audit on the same references."""
    return result(features=verdicts, audit=provenance(id="aud_01k9demo0000000000000000"))


def edited(verdict: Verdict, *edits: Effect) -> AuditResult:
    found = finding("hue", "logits", verdict)
    changed = found.model_copy(update={"effect": edits[0], "other_effects": list(edits[1:])})
    return result(features={"hue": verdict}, findings=[changed])


def measured(verdict: Verdict, flips: Estimate | None = None, kept: Estimate | None = None) -> AuditResult:
    found = finding("hue", "logits", verdict)
    changed = found.model_copy(
        update={"effect": Effect(flip_rate=flips), "retention": Retention(predictive=kept)}
    )  # fmt: skip
    return result(features={"hue": verdict}, findings=[changed])


def estimate(low: float, high: float, joint: tuple[float, float] | None = None) -> Estimate:
    wider = {} if joint is None else {"joint_low": joint[0], "joint_high": joint[1]}
    return Estimate(value=(low + high) / 2, low=low, high=high, n=100, method="test", **wider)


def outcome(rule: dict[str, Any], told: AuditResult, **baselines: AuditResult) -> Outcome:
    return Outcome(explained(rule, told, **baselines)[0])


def explained(rule: dict[str, Any], told: AuditResult, **baselines: AuditResult) -> tuple[str, str]:
    report = check(Policy.model_validate({"version": 1, "name": "p", "rules": [rule]}), told, baselines)
    return report.outcome.value, report.rules[0].why


@pytest.mark.parametrize(
    ("verdict", "ignore", "encoded_allowed", "not_ignore"),
    [
        ("ignored", "pass", "pass", "fail"),
        ("encoded_unused", "fail", "pass", "fail"),
        ("used", "fail", "fail", "pass"),
        ("undetermined", "inconclusive", "inconclusive", "inconclusive"),
        ("untrusted", "inconclusive", "inconclusive", "inconclusive"),
    ],
)
def test_verdicts_and_rules(verdict: str, ignore: str, encoded_allowed: str, not_ignore: str) -> None:
    told = audited(hue=VERDICTS[verdict])
    assert outcome({"must_ignore": "hue"}, told) == ignore
    assert outcome({"must_ignore": "hue", "encoded": "passes"}, told) == encoded_allowed
    assert outcome({"must_not_ignore": "hue"}, told) == not_ignore


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (estimate(0.01, 0.09), "pass"),
        (estimate(0.05, 0.15), "inconclusive"),
        (estimate(0.12, 0.15), "fail"),
        (estimate(0.01, 0.09, joint=(0.0, 0.13)), "inconclusive"),
        (estimate(0.12, 0.15, joint=(0.08, 0.2)), "inconclusive"),
        (None, "inconclusive"),
    ],
)
def test_retention_is_judged_by_the_bounds_that_hold_at_once(kept: Estimate | None, expected: str) -> None:
    told = measured(Verdict.IGNORED, kept=kept)
    assert outcome({"must_ignore": "hue", "retention": 0.1}, told) == expected


@pytest.mark.parametrize(
    ("flips", "expected"),
    [(estimate(0, 0.01), "pass"), (estimate(0.01, 0.03), "inconclusive"), (estimate(0.03, 0.05), "fail"),
     (None, "inconclusive")],
)  # fmt: skip
def test_flip_rates(flips: Estimate | None, expected: str) -> None:
    assert outcome({"max_flip_rate": 0.02, "feature": "hue"}, measured(Verdict.USED, flips)) == expected


QUIET = Effect(flip_rate=estimate(0, 0.01), confirmed=1.0)
LOUD = estimate(0.25, 0.35)


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([QUIET], "pass"),
        ([QUIET, QUIET.model_copy(update={"flip_rate": estimate(0.3, 0.4)})], "fail"),
        ([QUIET.model_copy(update={"confirmed": 0.1})], "inconclusive"),
        ([QUIET, QUIET.model_copy(update={"confirmed": 0.79})], "inconclusive"),
        ([QUIET.model_copy(update={"confirmed": 0.1, "flip_rate": estimate(0.3, 0.4)})], "inconclusive"),
        ([QUIET.model_copy(update={"confirmed": None})], "pass"),
        ([QUIET.model_copy(update={"floor": LOUD})], "inconclusive"),
        ([QUIET, QUIET.model_copy(update={"floor": estimate(0.0, 0.001, joint=(0.0, 0.2))})], "inconclusive"),
        ([QUIET.model_copy(update={"floor": estimate(0.0, 0.01)})], "pass"),
        ([QUIET, Effect(flip_rate=LOUD, confirmed=1.0, alone=False)], "pass"),
        ([Effect(), Effect(flip_rate=estimate(0, 0.01), confirmed=1.0, alone=False)], "inconclusive"),
    ],
)
def test_what_edits_show_of_the_feature_alone(edits: list[Effect], expected: str) -> None:
    """All edits count that change it alone; one that missed, or that changes answers by itself, shows no absence."""
    assert outcome({"max_flip_rate": 0.02, "feature": "hue"}, edited(Verdict.USED, *edits)) == expected


@pytest.mark.parametrize("verdict", [Verdict.UNTRUSTED, Verdict.UNDETERMINED])
@pytest.mark.parametrize("flips", [estimate(0, 0.001), estimate(0.3, 0.4)])
def test_an_effect_that_the_audit_did_not_decide_on_shows_nothing(verdict: Verdict, flips: Estimate) -> None:
    told = explained({"max_flip_rate": 0.02, "feature": "hue"}, measured(verdict, flips))
    assert told == ("inconclusive", f"hue is {verdict.value} at logits: {REASONS[verdict.value][0]}")


@pytest.mark.parametrize("view", ["invariant", "invariant_generative"])
def test_what_only_the_invariant_view_holds_is_kept_too(view: str) -> None:
    found = finding("hue", "logits", Verdict.ENCODED_UNUSED)
    kept = Retention.model_validate({"predictive": estimate(0, 0.04), view: estimate(0.85, 0.95)})
    told = result(features={"hue": Verdict.USED}, findings=[found.model_copy(update={"retention": kept})])
    assert outcome({"must_ignore": "hue", "encoded": "passes", "retention": 0.1}, told) == "fail"
    assert outcome({"must_ignore": "hue", "encoded": "passes", "retention": 0.95}, told) == "pass"


@pytest.mark.parametrize(
    ("before", "now", "either", "used", "ignored"),
    [
        ("ignored", "used", "fail", "fail", "inconclusive"),
        ("encoded_unused", "used", "fail", "fail", "inconclusive"),
        ("used", "ignored", "fail", "inconclusive", "fail"),
        ("used", "encoded_unused", "fail", "inconclusive", "fail"),
        ("ignored", "encoded_unused", "pass", "pass", "inconclusive"),
        ("used", "used", "pass", "inconclusive", "pass"),
        ("ignored", "undetermined", "inconclusive", "inconclusive", "inconclusive"),
        ("used", "untrusted", "inconclusive", "inconclusive", "inconclusive"),
        ("undetermined", "used", "inconclusive", "inconclusive", "inconclusive"),
    ],
)
def test_regressions(before: str, now: str, either: str, used: str, ignored: str) -> None:
    last, told = earlier(hue=VERDICTS[before]), audited(hue=VERDICTS[now])
    for became, expected in (("either", either), ("used", used), ("ignored", ignored)):
        assert outcome({"no_regression_against": "last", "became": became}, told, last=last) == expected


def test_only_what_was_compared_is_counted() -> None:
    last = earlier(hue=Verdict.IGNORED, size=Verdict.UNDETERMINED, tilt=Verdict.UNTRUSTED, shade=Verdict.USED)
    told = audited(hue=Verdict.IGNORED, size=Verdict.USED, tilt=Verdict.USED, shade=Verdict.USED)
    either = explained({"no_regression_against": "last"}, told, last=last)
    assert either == ("pass", "2 features came out as before; 2 not decided by the baseline: size, tilt")
    used = explained({"no_regression_against": "last", "became": "used", "features": ["hue", "shade"]}, told, last=last)
    assert used == ("pass", "1 feature came out as before; 1 used before already: shade")
    none = explained({"no_regression_against": "last", "features": ["size"]}, told, last=last)
    assert none == ("inconclusive", "nothing could be compared; 1 not decided by the baseline: size")


def test_features_that_audits_discovered_are_not_compared() -> None:
    """The first factor of one network is not the first of another."""
    found = Feature(name="factor 1", source=FeatureSource.DISCOVERED, kind=FeatureKind.VECTOR)
    last, told = earlier(**{"factor 1": Verdict.IGNORED}), audited(**{"factor 1": Verdict.USED})
    rule = {"no_regression_against": "last"}
    assert outcome(rule, told, last=last) == "fail"
    for one, other in ((last.model_copy(update={"features": [found]}), told),
                       (last, told.model_copy(update={"features": [found]}))):  # fmt: skip
        assert outcome(rule, other, last=one) == "inconclusive"


def test_a_baseline_of_other_references_or_the_audit_itself_decides_nothing() -> None:
    told, rule = audited(hue=Verdict.IGNORED), {"no_regression_against": "last"}
    other = earlier(hue=Verdict.IGNORED).model_copy(update={"dataset": dataset(canonical_digest="f" * 64)})
    renamed = earlier(hue=Verdict.IGNORED).model_copy(update={"dataset": dataset(name="again", digest="f" * 64)})
    assert outcome(rule, told, last=renamed) == "pass"
    assert "other references" in explained(rule, told, last=other)[1]
    assert "itself" in explained(rule, told, last=told)[1]
    assert {outcome(rule, told, last=one) for one in (other, told)} == {"inconclusive"}


def test_a_feature_that_vanished_or_a_baseline_that_is_missing_decides_nothing() -> None:
    last = earlier(hue=Verdict.IGNORED, size=Verdict.USED)
    assert outcome({"no_regression_against": "last"}, audited(hue=Verdict.IGNORED), last=last) == "inconclusive"
    told = audited(hue=Verdict.IGNORED, size=Verdict.USED)
    assert outcome({"no_regression_against": "last"}, told, last=last) == "pass"
    assert outcome({"no_regression_against": "lsat"}, told, last=last) == "inconclusive"


@given(name=st.text(st.characters(categories=("L",)), min_size=1, max_size=12).filter(lambda name: name != "hue"))
def test_a_misspelt_name_never_turns_the_gate_green(name: str) -> None:
    told = audited(hue=Verdict.IGNORED)
    rules = (
        {"must_ignore": name}, {"must_ignore": "hue", "tap": name}, {"must_not_ignore": name},
        {"max_flip_rate": 1.0, "feature": name}, {"no_regression_against": "last", "tap": name},
        {"no_regression_against": "last", "features": ["hue", name]},
    )  # fmt: skip
    for rule in rules:
        assert outcome(rule, told, last=earlier(hue=Verdict.IGNORED)) == "inconclusive"


@given(verdicts=st.lists(st.sampled_from(list(Verdict)), min_size=1, max_size=6))
def test_the_policy_is_as_good_as_its_worst_rule(verdicts: list[Verdict]) -> None:
    names = {f"f{i}": verdict for i, verdict in enumerate(verdicts)}
    policy = Policy.model_validate({"version": 1, "name": "p", "rules": [{"must_ignore": name} for name in names]})
    report = check(policy, audited(**names), lines=list(range(1, len(verdicts) + 1)))
    assert (report.outcome == "pass") == all(verdict is Verdict.IGNORED for verdict in verdicts)
    assert (report.outcome == "fail") == any(verdict in {"used", "encoded_unused"} for verdict in verdicts)
    assert [rule.line for rule in report.rules] == list(range(1, len(verdicts) + 1))


@pytest.mark.parametrize(
    "rule", [{"must_ignore": "hue", "must_not_ignore": "size"}, {"must_ignore": "hue", "retantion": 0.1},
             {"max_flip_rate": 2, "feature": "hue"}, {"feature": "hue"}],
)  # fmt: skip
def test_schema_and_model_refuse_the_same(rule: dict[str, Any]) -> None:
    document = {"version": 1, "name": "p", "rules": [rule]}
    with pytest.raises(ValidationError):
        Policy.model_validate(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, policy_schema())


def test_published_schema_is_the_one_of_this_code() -> None:
    """Editors and linters read the file."""
    published = Path(__file__).parents[4] / "schemas" / "policy.schema.json"
    assert json.loads(published.read_text()) == policy_schema()
