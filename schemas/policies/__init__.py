"""Policies: what a model must and must not ignore, and what came of checking that.

:func:`schemas.policies.check.check` does it; it reads results, which hold reports, so this package does not import it.
"""

from .document import (
    MaxFlipRate,
    MustIgnore,
    MustNotIgnore,
    NoRegression,
    Outcome,
    Policy,
    PolicyReport,
    Rule,
    RuleOutcome,
    policy_schema,
)
from .stored import PolicyPage, StoredPolicy

__all__ = [
    "MaxFlipRate",
    "MustIgnore",
    "MustNotIgnore",
    "NoRegression",
    "Outcome",
    "Policy",
    "PolicyPage",
    "PolicyReport",
    "Rule",
    "RuleOutcome",
    "StoredPolicy",
    "policy_schema",
]
