"""The policy of an audit, checked against its result; pure."""

from __future__ import annotations

from schemas.policies import NoRegression, Policy, PolicyReport
from schemas.policies.check import check
from schemas.results import AuditResult


def judge(policy: Policy, result: AuditResult, baseline: AuditResult | None) -> PolicyReport:
    """What becomes of ``policy``. An audit has one baseline: it is meant by whatever name the rules call it."""
    called = {rule.no_regression_against for rule in policy.rules if isinstance(rule, NoRegression)}
    return check(policy, result, {} if baseline is None else dict.fromkeys(called, baseline))
