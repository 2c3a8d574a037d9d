"""The policy and the baseline that an audit names must be there and fit; said before anything runs."""

from __future__ import annotations

from sqlalchemy.orm import Session

from schemas.audits import AuditCreate
from schemas.policies import NoRegression, Policy
from services.errors import InvalidRequest, NotFound
from services.policies import service as policies

from .baselines import check_baseline


def check_gate(session: Session, body: AuditCreate) -> None:
    """Check what ``body`` says of policy and baseline.

    Raises:
        InvalidRequest: one of them does not exist, the baseline has not succeeded or is of other references, or the
            policy needs several baselines.
    """
    if body.policy is not None:
        _check_policy(session, body.policy)
    if body.baseline is not None:
        check_baseline(session, body.baseline, body.dataset)


def _check_policy(session: Session, policy: str) -> None:
    try:
        document = policies.get(session, policy).document
    except NotFound as error:
        raise InvalidRequest(error.detail, "Push the policy first.") from error
    called = baselines_of(document)
    if len(called) > 1:
        detail = f"The policy {policy} names {len(called)} baselines: {', '.join(sorted(called))}."
        raise InvalidRequest(detail, "An audit has one baseline: split the policy.")


def baselines_of(document: Policy) -> set[str]:
    """Names of the earlier results that the rules of a policy speak of."""
    return {rule.no_regression_against for rule in document.rules if isinstance(rule, NoRegression)}
