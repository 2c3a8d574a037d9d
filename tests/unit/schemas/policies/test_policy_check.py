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
from schemas.results import AuditResult, Effect, Estimate, Retention, Verdict
from tests.builders.results import finding, result

VERDICTS = {verdict.value: verdict for verdict in Verdict}


def audited(**verdicts: Verdict) -> AuditResult:
    return result(features=verdicts)


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
    return check(Policy.model_validate({"version": 1, "name": "p", "rules": [rule]}), told, baselines).outcome


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


def test_any_edit_that_flips_more_violates_the_limit() -> None:
    """An attribute is edited twice; to judge by the first edit alone would hide what the second shows."""
    found = finding("hue", "logits", Verdict.USED).model_copy(
        update={"effect": Effect(flip_rate=estimate(0, 0.01)), "other_effects": [Effect(flip_rate=estimate(0.3, 0.4))]}
    )
    told = result(features={"hue": Verdict.USED}, findings=[found])
    assert outcome({"max_flip_rate": 0.02, "feature": "hue"}, told) == "fail"


def test_an_untrusted_effect_shows_nothing() -> None:
    told = measured(Verdict.UNTRUSTED, estimate(0, 0.001))
    assert outcome({"max_flip_rate": 0.02, "feature": "hue"}, told) == "inconclusive"


@pytest.mark.parametrize(
    ("before", "now", "either", "used", "ignored"),
    [
        ("ignored", "used", "fail", "fail", "pass"),
        ("encoded_unused", "used", "fail", "fail", "pass"),
        ("used", "ignored", "fail", "pass", "fail"),
        ("used", "encoded_unused", "fail", "pass", "fail"),
        ("ignored", "encoded_unused", "pass", "pass", "pass"),
        ("ignored", "undetermined", "inconclusive", "inconclusive", "pass"),
        ("used", "untrusted", "inconclusive", "pass", "inconclusive"),
        ("undetermined", "used", "pass", "pass", "pass"),
    ],
)
def test_regressions(before: str, now: str, either: str, used: str, ignored: str) -> None:
    last, told = audited(hue=VERDICTS[before]), audited(hue=VERDICTS[now])
    for became, expected in (("either", either), ("used", used), ("ignored", ignored)):
        assert outcome({"no_regression_against": "last", "became": became}, told, last=last) == expected


def test_a_feature_that_vanished_or_a_baseline_that_is_missing_decides_nothing() -> None:
    last = audited(hue=Verdict.IGNORED, size=Verdict.USED)
    assert outcome({"no_regression_against": "last"}, audited(hue=Verdict.IGNORED), last=last) == "inconclusive"
    assert outcome({"no_regression_against": "lsat"}, last, last=last) == "inconclusive"


@given(name=st.text(st.characters(categories=("L",)), min_size=1, max_size=12).filter(lambda name: name != "hue"))
def test_a_misspelt_name_never_turns_the_gate_green(name: str) -> None:
    told = audited(hue=Verdict.IGNORED)
    rules = (
        {"must_ignore": name}, {"must_ignore": "hue", "tap": name}, {"must_not_ignore": name},
        {"max_flip_rate": 1.0, "feature": name},
    )  # fmt: skip
    for rule in rules:
        assert outcome(rule, told) == "inconclusive"


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
