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

Where the references tie the feature to others, a high retention may be theirs: then the retention within strata
(:mod:`workers.evidence.strata`) decides between low and visible, and where nothing is left within them, neither is
claimed: not separable in these references.

Retention is that of the tap; the effect is on the final answer and the same for every tap. All bounds are joint ones
(:mod:`workers.evidence.family`): the caller passes intervals that hold over all findings of the audit at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

import numpy as np

from . import gates as checks
from . import reasons
from .bootstrap import Interval
from .gates import GateResult
from .thresholds import DEFAULT, Thresholds

GENERATOR_GATES = frozenset({checks.COMPLETENESS, checks.READABILITY, checks.CARRIED})
"""A generated image rests on the autoencoder: it must keep what the classifier sees, and the feature in question."""
SAMPLE_GATES = GENERATOR_GATES | {
    checks.ROUND_TRIP, checks.LIKELIHOOD, checks.INDEPENDENCE, checks.MONOTONE, checks.MONOTONE_INVARIANCE,
}  # fmt: skip
"""A draw that claims to share ``z`` rests on the INN as well."""
PROBE_GATES = frozenset({checks.PERMUTED, checks.RANDOM_COLUMN, checks.CARRIED})
"""What a probe reads of a concept that its factor does not hold is of something else."""
EFFECT_GATES = frozenset({checks.CONSTANT})


class Verdict(StrEnum):
    """What the audit says of one feature at one tap; the same words as in ``result.json``."""

    IGNORED = "ignored"
    USED = "used"
    ENCODED_UNUSED = "encoded_unused"
    UNDETERMINED = "undetermined"
    UNTRUSTED = "untrusted"


class EffectState(StrEnum):
    """What is shown of the effect. ``MIXED``: confidence moves, or methods contradict each other.

    ``TANGLED``: the answer changes, but not shown by the edits that moved nothing else.
    """

    ABSENT = "absent"
    PRESENT = "present"
    MIXED = "mixed"
    TANGLED = "tangled"
    UNCLEAR = "unclear"
    MISSING = "missing"


class RetentionState(StrEnum):
    """What is shown of the retention. ``DISPUTED``: the two measures contradict each other.

    ``INSEPARABLE``: the references leave nothing of the feature that its ties do not explain.
    """

    LOW = "low"
    VISIBLE = "visible"
    DISPUTED = "disputed"
    INSEPARABLE = "inseparable"
    UNCLEAR = "unclear"
    MISSING = "missing"


@dataclass(frozen=True)
class EffectEvidence:
    """One way of changing only the feature.

    ``method``: ``exact`` (an image transform), ``generated`` (the code, by the editor) or ``factor`` (the code, by the
    concept's factor). ``confirmation`` is the share of edits that reached their target, by measuring again or by an
    oracle; ``None``: nobody looked. ``clean_*``: over edits that measurably moved nothing else; ``None``: nobody
    looked, NaN: there was none.
    """

    method: Literal["exact", "generated", "factor"]
    flip_rate: Interval
    total_variation: Interval
    floor: Interval | None
    confirmation: float | None
    clean_flip_rate: Interval | None = None
    clean_variation: Interval | None = None
    floor_variation: Interval | None = None


@dataclass(frozen=True)
class Tied:
    """What the references tie the feature to, and its retention within strata of that; calibrated to 0..1.

    ``separable``: whether the references leave anything within the strata that images show.
    """

    names: tuple[str, ...]
    separable: bool
    stratified: Interval | None = None


@dataclass(frozen=True)
class Evidence:
    """All that was measured of one feature at one tap. Retentions are calibrated to 0..1."""

    generative: Interval | None = None
    predictive: Interval | None = None
    effects: tuple[EffectEvidence, ...] = ()
    tied: Tied | None = None


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
        believed = _verdict(measured, thresholds)
        if verdict is Verdict.UNDETERMINED and believed is not Verdict.UNDETERMINED:
            verdict, words = Verdict.UNTRUSTED, [reasons.untrusted(believed), *words]
        elif verdict in NEGATIVE and _verdict(_objecting(measured, trusted), thresholds) is not verdict:
            verdict, words = Verdict.UNTRUSTED, [reasons.objected(verdict), *words]
    return Decision(verdict, tuple(words + reasons.laid_aside(measured, trusted, failed)))


def _verdict(evidence: Evidence, thresholds: Thresholds) -> Verdict:
    states = (effect_state(evidence, thresholds), retention_state(evidence, thresholds))
    return TABLE.get(states, Verdict.UNDETERMINED)


def _objecting(measured: Evidence, trusted: Evidence) -> Evidence:
    """What may object to a denial: everything measured, but no failed image generator against a trusted transform."""
    exact = any(one.method == "exact" for one in trusted.effects)
    return replace(measured, effects=trusted.effects) if exact else measured


def retention_state(evidence: Evidence, thresholds: Thresholds = DEFAULT) -> RetentionState:
    """What the retentions show. Low needs every measure; visible needs one that the other does not dispute.

    A probe that reads a feature proves that it is there, so a higher predictive retention is never disputed. Unless a
    tie does the same: then what is not low is judged within strata.
    """
    generative, predictive = evidence.generative, evidence.predictive
    known = [one for one in (generative, predictive) if one is not None]
    if not known:
        return RetentionState.MISSING
    if all(one.high < thresholds.retention_low for one in known):
        return RetentionState.LOW
    if evidence.tied is not None:
        return _tied_state(evidence.tied, thresholds)
    if predictive and predictive.low > thresholds.retention_visible:
        return RetentionState.VISIBLE
    if generative and predictive and _disagree(generative, predictive, thresholds):
        return RetentionState.DISPUTED
    visible = any(one.low > thresholds.retention_visible for one in known)
    return RetentionState.VISIBLE if visible else RetentionState.UNCLEAR


def _tied_state(tied: Tied, thresholds: Thresholds) -> RetentionState:
    if not tied.separable:
        return RetentionState.INSEPARABLE
    within = tied.stratified
    if within is None:
        return RetentionState.UNCLEAR
    if within.high < thresholds.retention_low:
        return RetentionState.LOW
    return RetentionState.VISIBLE if within.low > thresholds.retention_visible else RetentionState.UNCLEAR


def _disagree(a: Interval, b: Interval, thresholds: Thresholds) -> bool:
    apart = a.low > b.high or b.low > a.high
    return apart and abs(a.value - b.value) > thresholds.disagreement


def effect_state(evidence: Evidence, thresholds: Thresholds = DEFAULT) -> EffectState:
    """What the edits show together.

    An effect that an exact transform shows is there. Absence needs the exact transform where there is one, else every
    generated edit that has anything to say, and no other method that sees an effect.
    """
    exact = {one_state(one, thresholds) for one in evidence.effects if one.method == "exact"}
    generated = {
        one_state(one, thresholds) for one in _heard([e for e in evidence.effects if e.method != "exact"], thresholds)
    }
    decisive = exact or generated
    if not decisive:
        return EffectState.MISSING
    if EffectState.PRESENT in exact | generated:
        contradicted = EffectState.PRESENT not in exact and EffectState.ABSENT in exact | generated
        return EffectState.MIXED if contradicted else EffectState.PRESENT
    if decisive == {EffectState.ABSENT}:
        return EffectState.ABSENT
    loud = [state for state in (EffectState.MIXED, EffectState.TANGLED) if state in decisive]
    return loud[0] if loud else EffectState.UNCLEAR


def _heard(effects: Sequence[EffectEvidence], thresholds: Thresholds) -> Sequence[EffectEvidence]:
    """Without edits that are too few to say anything, unless there are no others."""
    return [one for one in effects if not _silent(one, thresholds)] or effects


def _silent(effect: EffectEvidence, thresholds: Thresholds) -> bool:
    """Whether it shows nothing and hints at nothing: small values with wide bounds. NaN is not silent.

    Narrow bounds around a small value that still reach the threshold say something: nearly an effect.
    """
    flips = effect.flip_rate
    small = flips.value < thresholds.flip_rate and effect.total_variation.value < thresholds.total_variation
    wide = flips.high - flips.value >= thresholds.flip_rate
    return small and wide and one_state(effect, thresholds) is EffectState.UNCLEAR


def one_state(effect: EffectEvidence, thresholds: Thresholds = DEFAULT) -> EffectState:
    """What one way of editing shows: absence by all its edits, presence of a generated one by the clean edits too."""
    state = _size(effect.flip_rate, effect.total_variation, thresholds)
    if state is EffectState.ABSENT:
        return EffectState.ABSENT if _quiet(effect, thresholds) else EffectState.UNCLEAR
    if state is EffectState.PRESENT and effect.method != "exact":
        flips, variation = effect.clean_flip_rate, effect.clean_variation
        if flips and variation and _size(flips, variation, thresholds) is not EffectState.PRESENT:
            return EffectState.TANGLED
    return state


def _quiet(effect: EffectEvidence, thresholds: Thresholds) -> bool:
    """Whether the machinery alone moves too little to hide an effect; what nobody measured is not loud."""
    limits = ((effect.floor, thresholds.floor_flip_rate), (effect.floor_variation, thresholds.floor_variation))
    return all(found is None or found.high < limit for found, limit in limits)


def _size(flips: Interval, variation: Interval, thresholds: Thresholds) -> EffectState:
    flips_absent, variation_absent = flips.high < thresholds.flip_rate, variation.high < thresholds.total_variation
    if flips.low > thresholds.flip_rate:
        return EffectState.PRESENT
    if variation.low > thresholds.total_variation:
        return EffectState.MIXED if flips_absent else EffectState.PRESENT
    return EffectState.ABSENT if flips_absent and variation_absent else EffectState.UNCLEAR


def _trusted(evidence: Evidence, failed: set[str], thresholds: Thresholds) -> Evidence:
    """Lay aside what rests on a failed gate or on an edit that was not confirmed."""
    unprobed = bool(failed & PROBE_GATES)
    tied = evidence.tied
    return Evidence(
        generative=None if failed & SAMPLE_GATES else evidence.generative,
        predictive=None if unprobed else evidence.predictive,
        effects=_trusted_effects(evidence.effects, failed, thresholds),
        tied=replace(tied, stratified=None) if tied is not None and unprobed else tied,
    )


def _trusted_effects(
    effects: tuple[EffectEvidence, ...], failed: set[str], thresholds: Thresholds
) -> tuple[EffectEvidence, ...]:
    kept = tuple(one for one in effects if _trusts(one, failed, thresholds))
    if all(one in kept for one in effects if one.method == "exact"):
        return kept
    # An exact edit was laid aside: a generated one may still show an effect, but not that there is none.
    return tuple(one for one in kept if one.method == "exact" or one_state(one, thresholds) is EffectState.PRESENT)


def _trusts(effect: EffectEvidence, failed: set[str], thresholds: Thresholds) -> bool:
    resting_on = EFFECT_GATES if effect.method == "exact" else EFFECT_GATES | GENERATOR_GATES
    confirmed = effect.confirmation is not None and effect.confirmation >= thresholds.confirmation
    return confirmed and not failed & resting_on


def _finite(evidence: Evidence) -> Evidence:
    """Without retentions that came out as NaN: they were not made.

    A NaN effect stays: it shows neither, and must not make room for another method.
    """
    tied = evidence.tied
    return replace(
        evidence,
        generative=_known(evidence.generative),
        predictive=_known(evidence.predictive),
        tied=tied if tied is None else replace(tied, stratified=_known(tied.stratified)),
    )


def _known(interval: Interval | None) -> Interval | None:
    if interval is None or not np.isfinite([interval.value, interval.low, interval.high]).all():
        return None
    return interval
