"""The policy document (YAML or JSON) and the answer to it."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from ..findings import Finding
from ..scalars import Contract, Identifier, Name, Probability, Sha256

LOGITS = "logits"


class MustIgnore(Contract):
    """The classifier must not depend on ``must_ignore``, at ``tap`` (default: the decision).

    ``retention``: moreover the tap may hold at most this share of the feature, by its raw values and by its invariant
    view, where it has one. ``encoded``: whether a feature that is
    still visible there, although no answer changes with it, violates the rule.
    """

    must_ignore: Name
    tap: Name = LOGITS
    retention: Probability | None = None
    encoded: Literal["fails", "passes"] = "fails"

    @property
    def sentence(self) -> str:
        """The rule in words."""
        limit = "" if self.retention is None else f", keeping at most {self.retention:.3g} of it"
        return f"must ignore {self.must_ignore} at {self.tap}{limit}"


class MustNotIgnore(Contract):
    """The classifier's answer must depend on ``must_not_ignore``."""

    must_not_ignore: Name
    tap: Name = LOGITS

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return f"must not ignore {self.must_not_ignore} at {self.tap}"


class MaxFlipRate(Contract):
    """Changing ``feature`` alone may change at most this share of the answers.

    It passes where the verdict is decided, every edit of the feature alone reached its target, and its upper bound
    stays below the limit together with what the edit's own machinery changes, which may hide as much.
    """

    max_flip_rate: Probability
    feature: Name

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return f"changing {self.feature} may flip at most {self.max_flip_rate:.3g} of the answers"


class NoRegression(Contract):
    """Nothing that the baseline ignored may be used now, and nothing that it used ignored.

    The baseline is another audit on the same references. Features that it had not decided are not compared, nor those
    that an audit discovered; where nothing is left to compare, the rule is inconclusive.

    ``no_regression_against`` names the baseline (``--baseline NAME=result.json``); ``features``: these alone;
    ``became``: what counts as a regression, where not both directions do.
    """

    no_regression_against: Name
    features: list[Name] | None = Field(default=None, min_length=1, max_length=256)
    became: Literal["either", "used", "ignored"] = "either"
    tap: Name = LOGITS

    @property
    def sentence(self) -> str:
        """The rule in words."""
        which = "features" if self.features is None else ", ".join(self.features)
        turned = "used or ignored" if self.became == "either" else self.became
        return f"{which} at {self.tap} must not become {turned} since {self.no_regression_against}"


Rule = MustIgnore | MustNotIgnore | MaxFlipRate | NoRegression


class Policy(Contract):
    """Rules that a model must keep to be released. The published schema is that of this class."""

    version: Literal[1]
    name: Name
    rules: list[Rule] = Field(min_length=1, max_length=256)


class Outcome(StrEnum):
    """What came of a rule. An audit that cannot decide never passes silently."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class RuleOutcome(Contract):
    """A rule, what came of it and why; ``findings`` are what it rests on, ``line`` its place in the policy file."""

    rule: Rule
    sentence: str
    outcome: Outcome
    why: str
    findings: list[Finding] = []
    line: int | None = None

    @property
    def fingerprint(self) -> Sha256:
        """The same for the same rule, wherever it stands in the file."""
        text = json.dumps(self.rule.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class PolicyReport(Contract):
    """The answer to a whole policy: the worst outcome of its rules."""

    policy: Name
    outcome: Outcome
    audit: Identifier
    classifier: Name
    classifier_digest: Sha256
    dataset: Name
    rules: list[RuleOutcome]

    def count(self, outcome: Outcome) -> int:
        """How many rules came out so."""
        return sum(rule.outcome is outcome for rule in self.rules)


def policy_schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) of a policy document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:scotoma:policy:1",
        **Policy.model_json_schema(),
    }
