"""Measurements against the limits of rules, by the bounds that hold over the whole audit."""

from __future__ import annotations

from collections.abc import Sequence

from ..findings import Effect, Estimate, Finding
from .document import Outcome
from .telling import UNDECIDED, said

CONFIRMATION = 0.8
"""Share of edits that must have reached their target, as for verdicts (``workers.evidence.thresholds``)."""


def flips_at_most(finding: Finding, most: float) -> tuple[Outcome, str]:
    """Whether every edit of the feature alone is shown to change at most this share of the answers.

    Moves of the whole input say nothing of the feature alone (decision 0011). An edit that missed its target shows
    nothing, and one whose machinery changes answers by itself may hide as many.
    """
    if finding.verdict in UNDECIDED:
        return Outcome.INCONCLUSIVE, said(finding)
    edits = [one for one in (finding.effect, *finding.other_effects) if one.alone and one.flip_rate is not None]
    if not edits:
        return Outcome.INCONCLUSIVE, f"nobody could change {finding.feature} alone: there is no flip rate"
    missed = [one for one in edits if _missed(one)]
    shown = [one.flip_rate for one in edits if one.flip_rate is not None and one not in missed]
    outcome, why = at_most(shown, most, "flip rate") if shown else (Outcome.INCONCLUSIVE, "")
    if missed and outcome is not Outcome.FAIL:
        return Outcome.INCONCLUSIVE, _missing(finding.feature, missed)
    hides = max((_hidden(one) for one in edits), default=0.0)
    if outcome is Outcome.PASS and not all(_most(one) <= most for one in edits):
        return Outcome.INCONCLUSIVE, f"{why}; the edit alone changes up to {hides:.3g} and may hide as many"
    return outcome, why


def keeps_at_most(finding: Finding, most: float) -> tuple[Outcome, str]:
    """Whether every measure of the tap, of its raw values and of its invariant view, shows at most this share."""
    kept = finding.retention
    measures = (kept.generative, kept.predictive, kept.invariant, kept.invariant_generative)
    known = [one for one in measures if one is not None]
    if not known:
        return Outcome.INCONCLUSIVE, f"how much of {finding.feature} is kept was not measured"
    return at_most(known, most, "retention")


def at_most(estimates: Sequence[Estimate], most: float, what: str) -> tuple[Outcome, str]:
    """Whether every estimate is shown to be at most ``most``."""
    highest = max(estimates, key=high)
    words = f"{what} {highest.value:.3g} ({low(highest):.3g} to {high(highest):.3g}), limit {most:.3g}"
    if all(high(one) <= most for one in estimates):
        return Outcome.PASS, words
    return (Outcome.FAIL if any(low(one) > most for one in estimates) else Outcome.INCONCLUSIVE), words


def low(estimate: Estimate) -> float:
    """The joint lower bound, where there is one."""
    return estimate.low if estimate.joint_low is None else estimate.joint_low


def high(estimate: Estimate) -> float:
    """The joint upper bound, where there is one."""
    return estimate.high if estimate.joint_high is None else estimate.joint_high


def _missed(effect: Effect) -> bool:
    return effect.confirmed is not None and not effect.confirmed >= CONFIRMATION


def _missing(feature: str, missed: Sequence[Effect]) -> str:
    least = min(one.confirmed for one in missed if one.confirmed is not None)
    return f"an edit of {feature} reached its target in {least:.0%} of cases only: what it left unchanged shows nothing"


def _hidden(effect: Effect) -> float:
    return 0.0 if effect.floor is None else max(0.0, high(effect.floor))


def _most(effect: Effect) -> float:
    """What the feature may change at most: what is left after the floor, and what the floor may hide."""
    return _hidden(effect) + (0.0 if effect.flip_rate is None else high(effect.flip_rate))
