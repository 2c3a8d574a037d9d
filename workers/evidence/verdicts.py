"""From measurements and gates to a verdict with reasons: the table of DESIGN.md section 3.

Two questions are asked separately. *Does the answer change when only this feature changes?* (present, absent, or
neither shown) and *does the tap hold the feature?* (low, visible, or neither shown).

============  ======================================  ==================  ==============================
effect        retention low                           visible             neither, or not measured
============  ======================================  ==================  ==============================
absent        ``ignored``                             ``encoded_unused``  ``undetermined``
present       ``used`` (together with something)      ``used``            ``used``
neither       ``undetermined``                        ``undetermined``    ``undetermined``
============  ======================================  ==================  ==============================

The table is read twice. First with the evidence that can be trusted: what rests on a failed gate, or on an edit that
was not confirmed, is laid aside. When that decides nothing but the complete evidence would have, the verdict is
``untrusted``: there is evidence, and it may not be believed. So a failed autoencoder gate forbids verdicts from
generated images, and leaves those of an exact transform and a probe alone. Laying a method aside never lets a weaker
one claim absence in its place, and where what was laid aside objects to a verdict that denies an effect, the verdict is
``untrusted`` too. Nothing but an absent effect *and* a low retention, both trusted, ever leads to ``ignored``.

Retention is that of the tap; the effect is on the final answer and the same for every tap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np

from . import gates as checks
from . import reasons
from .bootstrap import Interval
from .gates import GateResult
from .thresholds import DEFAULT, Thresholds

GENERATOR_GATES = frozenset({checks.COMPLETENESS, checks.READABILITY})
"""A generated image rests on the autoencoder: it must keep what the classifier sees, and the feature in question."""
SAMPLE_GATES = GENERATOR_GATES | {checks.ROUND_TRIP, checks.LIKELIHOOD, checks.INDEPENDENCE, checks.MONOTONE}
"""A draw that claims to share ``z`` rests on the INN as well."""
PROBE_GATES = frozenset({checks.PERMUTED, checks.RANDOM_COLUMN})
EFFECT_GATES = frozenset({checks.CONSTANT})


class Verdict(StrEnum):
    """What the audit says of one feature at one tap; the same words as in ``result.json``."""

    IGNORED = "ignored"
    USED = "used"
    ENCODED_UNUSED = "encoded_unused"
    UNDETERMINED = "undetermined"
    UNTRUSTED = "untrusted"


class EffectState(StrEnum):
    """What is shown of the effect. ``MIXED``: confidence moves, or methods contradict each other."""

    ABSENT = "absent"
    PRESENT = "present"
    MIXED = "mixed"
    UNCLEAR = "unclear"
    MISSING = "missing"


class RetentionState(StrEnum):
    """What is shown of the retention. ``DISPUTED``: the two measures contradict each other."""

    LOW = "low"
    VISIBLE = "visible"
    DISPUTED = "disputed"
    UNCLEAR = "unclear"
    MISSING = "missing"


@dataclass(frozen=True)
class EffectEvidence:
    """One way of changing only the feature.

    ``method``: ``exact`` (an image transform) or ``generated`` (a concept edit in the code). ``confirmation`` is the
    share of edits that reached their target, by measuring again or by an oracle; ``None``: nobody looked.
    """

    method: Literal["exact", "generated"]
    flip_rate: Interval
    total_variation: Interval
    floor: Interval | None
    confirmation: float | None


@dataclass(frozen=True)
class MovementEvidence:
    """Verified invariance samples, and how much of any product with a partner is readable (``None``: not checked)."""

    spread: Interval
    agreement: Interval
    interaction: float | None


@dataclass(frozen=True)
class Evidence:
    """All that was measured of one feature at one tap. Retentions are calibrated to 0..1."""

    generative: Interval | None = None
    predictive: Interval | None = None
    effects: tuple[EffectEvidence, ...] = ()
    movement: MovementEvidence | None = None


@dataclass(frozen=True)
class Decision:
    """A verdict and why, in short sentences."""

    verdict: Verdict
    reasons: tuple[str, ...]


TABLE: dict[tuple[EffectState, RetentionState], Verdict] = {
    (EffectState.ABSENT, RetentionState.LOW): Verdict.IGNORED,
    (EffectState.ABSENT, RetentionState.VISIBLE): Verdict.ENCODED_UNUSED,
    **{(EffectState.PRESENT, state): Verdict.USED for state in RetentionState},
}
"""Whatever is not listed is undetermined."""

NEGATIVE = frozenset({Verdict.IGNORED, Verdict.ENCODED_UNUSED})
"""Verdicts that deny an effect: laying evidence aside must never lead to them."""


def decide(evidence: Evidence, gates: Sequence[GateResult] = (), thresholds: Thresholds = DEFAULT) -> Decision:
    """The verdict on one feature at one tap. ``gates`` are those of this audit, tap and feature, and no others."""
    measured = _finite(evidence)
    failed = [gate for gate in gates if not gate.passed]
    trusted = _trusted(measured, {gate.kind for gate in failed}, thresholds)
    effect, retention = effect_state(trusted, thresholds), retention_state(trusted, thresholds)
    verdict = TABLE.get((effect, retention), Verdict.UNDETERMINED)
    words = reasons.of(trusted, effect, retention, thresholds)
    if trusted != measured:
        unchecked = (effect_state(measured, thresholds), retention_state(measured, thresholds))
        believed = TABLE.get(unchecked, Verdict.UNDETERMINED)
        if verdict is Verdict.UNDETERMINED and believed is not Verdict.UNDETERMINED:
            verdict, words = Verdict.UNTRUSTED, [reasons.untrusted(believed), *words]
        elif verdict in NEGATIVE and believed is not verdict:
            verdict, words = Verdict.UNTRUSTED, [reasons.objected(verdict), *words]
    return Decision(verdict, tuple(words + reasons.laid_aside(measured, trusted, failed)))


def retention_state(evidence: Evidence, thresholds: Thresholds = DEFAULT) -> RetentionState:
    """What the retentions show. Low needs every measure; visible needs one that the other does not dispute.

    A probe that reads a feature proves that it is there, so a higher predictive retention is never disputed.
    """
    generative, predictive = evidence.generative, evidence.predictive
    known = [one for one in (generative, predictive) if one is not None]
    if not known:
        return RetentionState.MISSING
    if all(one.high < thresholds.retention_low for one in known):
        return RetentionState.LOW
    if predictive and predictive.low > thresholds.retention_visible:
        return RetentionState.VISIBLE
    if generative and predictive and _disagree(generative, predictive, thresholds):
        return RetentionState.DISPUTED
    visible = any(one.low > thresholds.retention_visible for one in known)
    return RetentionState.VISIBLE if visible else RetentionState.UNCLEAR


def _disagree(a: Interval, b: Interval, thresholds: Thresholds) -> bool:
    apart = a.low > b.high or b.low > a.high
    return apart and abs(a.value - b.value) > thresholds.disagreement


def effect_state(evidence: Evidence, thresholds: Thresholds = DEFAULT) -> EffectState:
    """What the edits show together; movement is asked only when there is no edit.

    An effect that an exact transform shows is there. Absence needs the exact transform where there is one, and no
    other method that sees an effect.
    """
    if not evidence.effects:
        return _movement_state(evidence.movement, thresholds)
    exact = {_one_state(one, thresholds) for one in evidence.effects if one.method == "exact"}
    generated = {_one_state(one, thresholds) for one in evidence.effects if one.method == "generated"}
    if EffectState.PRESENT in exact:
        return EffectState.PRESENT
    if EffectState.PRESENT in generated:
        return EffectState.MIXED if EffectState.ABSENT in exact else EffectState.PRESENT
    decisive = exact or generated
    if decisive == {EffectState.ABSENT}:
        return EffectState.ABSENT
    return EffectState.MIXED if EffectState.MIXED in decisive else EffectState.UNCLEAR


def _one_state(effect: EffectEvidence, thresholds: Thresholds) -> EffectState:
    flips, variation = effect.flip_rate, effect.total_variation
    flips_absent, variation_absent = flips.high < thresholds.flip_rate, variation.high < thresholds.total_variation
    if flips.low > thresholds.flip_rate:
        return EffectState.PRESENT
    if variation.low > thresholds.total_variation:
        return EffectState.MIXED if flips_absent else EffectState.PRESENT
    quiet = effect.floor is None or effect.floor.high < thresholds.floor_flip_rate
    return EffectState.ABSENT if flips_absent and variation_absent and quiet else EffectState.UNCLEAR


def _movement_state(movement: MovementEvidence | None, thresholds: Thresholds) -> EffectState:
    """Movement can show that an effect is absent, never that it is present: samples move many things at once."""
    if movement is None:
        return EffectState.MISSING
    moves = movement.spread.low > thresholds.movement and movement.agreement.low > thresholds.agreement
    alone = movement.interaction is not None and movement.interaction < thresholds.interaction
    return EffectState.ABSENT if moves and alone else EffectState.UNCLEAR


def _trusted(evidence: Evidence, failed: set[str], thresholds: Thresholds) -> Evidence:
    """Lay aside what rests on a failed gate or on an edit that was not confirmed."""
    return Evidence(
        generative=None if failed & SAMPLE_GATES else evidence.generative,
        predictive=None if failed & PROBE_GATES else evidence.predictive,
        effects=_trusted_effects(evidence.effects, failed, thresholds),
        movement=None if evidence.effects or failed & (SAMPLE_GATES | EFFECT_GATES) else evidence.movement,
    )


def _trusted_effects(
    effects: tuple[EffectEvidence, ...], failed: set[str], thresholds: Thresholds
) -> tuple[EffectEvidence, ...]:
    kept = tuple(one for one in effects if _trusts(one, failed, thresholds))
    if all(one in kept for one in effects if one.method == "exact"):
        return kept
    # An exact edit was laid aside: a generated one may still show an effect, but not that there is none.
    return tuple(one for one in kept if one.method == "exact" or _one_state(one, thresholds) is EffectState.PRESENT)


def _trusts(effect: EffectEvidence, failed: set[str], thresholds: Thresholds) -> bool:
    resting_on = EFFECT_GATES if effect.method == "exact" else EFFECT_GATES | GENERATOR_GATES
    confirmed = effect.confirmation is not None and effect.confirmation >= thresholds.confirmation
    return confirmed and not failed & resting_on


def _finite(evidence: Evidence) -> Evidence:
    """Without retentions that came out as NaN (they were not made), and without movement where there is an edit."""
    return Evidence(
        generative=_known(evidence.generative),
        predictive=_known(evidence.predictive),
        effects=evidence.effects,  # a NaN effect shows neither, and must not make room for another method
        movement=None if evidence.effects else evidence.movement,
    )


def _known(interval: Interval | None) -> Interval | None:
    if interval is None or not np.isfinite([interval.value, interval.low, interval.high]).all():
        return None
    return interval
