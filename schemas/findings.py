"""What an audit says of one feature at one tap: a verdict, and the measurements that it rests on."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from .scalars import Contract, Name, ObjectKey, Probability


class Verdict(StrEnum):
    """What the audit says of one feature at one tap."""

    IGNORED = "ignored"
    USED = "used"
    ENCODED_UNUSED = "encoded_unused"
    UNDETERMINED = "undetermined"
    UNTRUSTED = "untrusted"


class FeatureKind(StrEnum):
    """How a feature's values compare: on a line, in classes, or on a circle."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    CIRCULAR = "circular"
    VECTOR = "vector"
    """A block of numbers without names of its own: the factor of a concept."""


class FeatureSource(StrEnum):
    """Where a feature came from."""

    ATTRIBUTE = "attribute"
    MEASURED = "measured"
    CONCEPT = "concept"
    DISCOVERED = "discovered"


class Estimate(Contract):
    """A number with its confidence interval; never a bare float.

    ``low`` and ``high`` bound the value at ``level``; ``n`` counts independent images (clusters), not draws.
    ``joint_low`` and ``joint_high``, where given, are wider: at them all findings of the audit hold at once at
    ``level``, and verdicts rest on them.
    """

    value: float
    low: float
    high: float
    level: Probability = 0.95
    n: int = Field(ge=0)
    method: str
    joint_low: float | None = None
    joint_high: float | None = None


class Retention(Contract):
    """Share of the feature's variance that the tap determines, calibrated between floor and ceiling, 0..1.

    ``stratified``: predictive, within strata of the features that the references tie to this one; only where they do.
    ``factor``: of the concept's own factor ``e_k`` on the same samples (paper 4, "variance of e_i explained by z").
    ``invariant`` and ``invariant_generative``: predictive and generative of the tap's invariant view, where it has one
    (:class:`InvariantView`): what is left of the feature once the pose is divided out.
    """

    generative: Estimate | None = None
    predictive: Estimate | None = None
    stratified: Estimate | None = None
    factor: Estimate | None = None
    invariant: Estimate | None = None
    invariant_generative: Estimate | None = None


class Effect(Contract):
    """What happens to the answer when only this feature changes.

    ``flip_rate`` (share of arg-max changes) and ``total_variation`` (of class probabilities) are what is left after
    the floor is taken off; ``floor`` is the flip rate of the edit's own machinery with the feature left alone.
    ``logit_change`` is the mean absolute change of the logits, centred per image, in units of their spread over the
    references. ``hits`` is the share of edits that measurably reached their target (M7 hit rate), ``confirmed`` that
    share for the value of the feature where it is least, ``reached`` how far the hits went on average, 1 at the target;
    ``collateral`` is the share of hits that measurably moved another feature, ``None`` where nobody looked.
    ``detectable`` is the flip rate that this many images would have shown with 80 % power. ``alone``: the edit means to
    change only this feature; where not, the whole input was moved and other things with it: that can contradict other
    edits, and shows neither that the feature is used nor that it is not.
    """

    flip_rate: Estimate | None = None
    total_variation: Estimate | None = None
    floor: Estimate | None = None
    logit_change: Estimate | None = None
    method: str | None = None
    hits: Probability | None = None
    confirmed: Probability | None = None
    reached: float | None = None
    collateral: Probability | None = None
    detectable: float | None = None
    alone: bool = True


class Finding(Contract):
    """The verdict on one feature at one tap, with its three measurements and the reasons in words."""

    feature: Name
    tap: str
    verdict: Verdict
    retention: Retention
    effect: Effect
    other_effects: list[Effect] = []
    """The same question by another edit (a concept's factor beside the conditional INN)."""
    pose_only: bool = False
    """The tap holds it as pose alone: the group changes it, and a probe reads it from raw values, not from the view."""
    reasons: list[str]
    samples: list[ObjectKey] = []
