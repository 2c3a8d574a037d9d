"""The policy and the baseline that an audit names must be there and fit; said before anything runs."""

from __future__ import annotations

from sqlalchemy.orm import Session

from schemas.audits import AuditCreate, AuditState
from schemas.policies import NoRegression, Policy
from services.db.tables import AuditRow
from services.errors import InvalidRequest, NotFound
from services.policies import service as policies


def check_gate(session: Session, body: AuditCreate) -> None:
    """Check what ``body`` says of policy and baseline.

    Raises:
        InvalidRequest: one of them does not exist, the baseline has not succeeded, or the policy needs several.
    """
    if body.policy is not None:
        _check_policy(session, body.policy)
    if body.baseline is not None:
        _check_baseline(session, body.baseline)


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


def _check_baseline(session: Session, baseline: str) -> None:
    row = session.get(AuditRow, baseline)
    if row is None:
        raise InvalidRequest(f"No audit has the id {baseline}.", "List the audits to see their ids.")
    if row.state != AuditState.SUCCEEDED:
        detail = f"The baseline {baseline} is {row.state}."
        raise InvalidRequest(detail, "Name an audit that has succeeded.")
