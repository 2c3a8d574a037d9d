"""Policies: what a model must and must not ignore, checked against the result of an audit."""

from .check import check
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

__all__ = [
    "MaxFlipRate",
    "MustIgnore",
    "MustNotIgnore",
    "NoRegression",
    "Outcome",
    "Policy",
    "PolicyReport",
    "Rule",
    "RuleOutcome",
    "check",
    "policy_schema",
]
