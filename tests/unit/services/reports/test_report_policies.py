"""The policy in a report: in the first lines, then rule by rule; nothing of it where there was none."""

from __future__ import annotations

import pytest

from schemas.policies import Outcome, Policy, PolicyReport
from schemas.policies.check import check
from schemas.results import AuditResult, Verdict
from services.reports import render_report
from services.reports.policies import policy_sentence
from tests.builders.results import policy_report, result


def judged(*rules: dict[str, object], **verdicts: Verdict) -> AuditResult:
    found = result(features=verdicts)
    policy = Policy.model_validate({"version": 1, "name": "release <1>", "rules": rules})
    return found.model_copy(update={"policies": [check(policy, found)]})


def test_the_first_screen_and_each_rule() -> None:
    rules = ({"must_ignore": "hue"}, {"must_not_ignore": "lesion"}, {"must_ignore": "ruler"})
    html = render_report(judged(*rules, hue=Verdict.USED, lesion=Verdict.USED, ruler=Verdict.UNDETERMINED), None)
    assert "of its 3 rules, 1 is violated and 1 is not decided by this audit." in html
    assert html.index('class="gate"') < html.index('class="group')
    assert "release &lt;1&gt;" in html
    section = html[html.index('<section id="policies"') :]
    section = section[: section.index("</section>")]
    assert section.index("must ignore hue at logits") < section.index("must not ignore lesion at logits")
    assert [section.count(f'class="ruled r-{one}"') for one in ("fail", "pass", "inconclusive")] == [2, 1, 1]
    assert "hue is used at logits" in section
    assert '<a href="#policies">Policy</a>' in html


def test_a_report_without_a_policy_says_nothing_of_one() -> None:
    html = render_report(result(), None)
    assert 'id="policies"' not in html
    assert 'class="gate"' not in html
    assert "#policies" not in html


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ([Outcome.PASS], "its rule holds."),
        ([Outcome.PASS] * 3, "all of its 3 rules hold."),
        ([Outcome.FAIL], "of its 1 rule, 1 is violated."),
        ([Outcome.FAIL, Outcome.FAIL, Outcome.PASS], "of its 3 rules, 2 are violated."),
        ([Outcome.INCONCLUSIVE, Outcome.PASS], "of its 2 rules, 1 is not decided by this audit."),
    ],
)
def test_a_policy_in_a_sentence(outcomes: list[Outcome], sentence: str) -> None:
    assert policy_sentence(reported(outcomes)) == sentence


def reported(outcomes: list[Outcome]) -> PolicyReport:
    rules = [policy_report("hue", outcome).rules[0] for outcome in outcomes]
    return policy_report("hue").model_copy(update={"rules": rules})
