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
``untrusted`` too. What codes do not hold can hide an effect and makes none: where a gate of
:data:`workers.evidence.gates.DENIALS` fails, edits of the code may still show an effect, and neither they nor samples
show that there is nothing. Nothing but an absent effect *and* a low retention, both trusted, ever leads to ``ignored``.

Where the references tie the feature to others, a high retention may be theirs: then the retention within strata
(:mod:`workers.evidence.strata`) decides between low and visible, and where nothing is left within them, neither is
claimed: not separable in these references.

Where the tap has an invariant view, the retentions of the raw values and of the view are read together
(:mod:`workers.evidence.retention_states`): a view can take a low retention away and never makes one. A feature that the
raw values show, that the view does not by the same measure, and that has no effect is held as pose alone
(``pose_only``); said only where the group changes the feature itself, and nothing but the pose can have gone with it
(decision 0009).

Retention is that of the tap; the effect is on the final answer and the same for every tap. All bounds are joint ones
(:mod:`workers.evidence.family`): the caller passes intervals that hold over all findings of the audit at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from . import gates as checks
from . import reasons
from .bootstrap import Interval
from .effect_states import EffectEvidence, EffectState, effect_state, one_state
from .gates import GateResult
from .retention_states import Held, InvariantEvidence, RetentionState, Tied, held_by, known
from .thresholds import DEFAULT, Thresholds

GENERATOR_GATES = frozenset({checks.COMPLETENESS, checks.READABILITY, checks.CARRIED})
"""A generated image rests on the autoencoder: it must keep what the classifier sees, and the feature in question."""
SAMPLE_GATES = GENERATOR_GATES | {
    checks.ROUND_TRIP, checks.LIKELIHOOD, checks.INDEPENDENCE, checks.MONOTONE, checks.MONOTONE_INVARIANCE,
}  # fmt: skip
"""A draw that claims to share ``z`` rests on the INN as well."""
VIEW_GATES = GENERATOR_GATES | {checks.of_view(kind) for kind in checks.NETWORK}
"""One that claims to share the invariant view rests on the INN that was fitted to the view."""
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


@dataclass(frozen=True)
class Evidence:
    """All that was measured of one feature at one tap. Retentions are calibrated to 0..1.

    ``view``: what the invariant view of the tap shows, where it has one.
    """

    generative: Interval | None = None
    predictive: Interval | None = None
    effects: tuple[EffectEvidence, ...] = ()
    tied: Tied | None = None
    view: InvariantEvidence | None = None


@dataclass(frozen=True)
class Decision:
    """A verdict and why, in short sentences. ``pose_only``: unused, and held as nothing but the pose."""

    verdict: Verdict
    reasons: tuple[str, ...]
    pose_only: bool = False


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
    if any(gate.kind in checks.DENIALS for gate in failed):
        trusted = _without_denials(trusted, thresholds)
    effect, held = effect_state(trusted.effects, thresholds), what_is_held(trusted, thresholds)
    verdict = TABLE.get((effect, held.state), Verdict.UNDETERMINED)
    words = reasons.of(trusted, effect, held, thresholds)
    if trusted != measured:
        believed = _verdict(measured, thresholds)
        if verdict is Verdict.UNDETERMINED and believed is not Verdict.UNDETERMINED:
            verdict, words = Verdict.UNTRUSTED, [reasons.untrusted(believed), *words]
        elif verdict in NEGATIVE and any(
            _verdict(one, thresholds) is not verdict for one in _objecting(measured, trusted)
        ):
            verdict, words = Verdict.UNTRUSTED, [reasons.objected(verdict), *words]
    as_pose = trusted.view is not None and held.as_pose(trusted.view, thresholds)
    return Decision(
        verdict,
        tuple(words + reasons.laid_aside(measured, trusted, failed, thresholds)),
        verdict is Verdict.ENCODED_UNUSED and as_pose,
    )


def _verdict(evidence: Evidence, thresholds: Thresholds) -> Verdict:
    states = (effect_state(evidence.effects, thresholds), what_is_held(evidence, thresholds).state)
    return TABLE.get(states, Verdict.UNDETERMINED)


def _objecting(measured: Evidence, trusted: Evidence) -> tuple[Evidence, Evidence]:
    """What may object to a denial: everything measured, but no failed image generator against a trusted transform.

    With the view as it was measured, and with what can be trusted of it: a view that failed objects, and never silences
    an objection.
    """
    exact = any(one.method == "exact" for one in trusted.effects)
    whole = replace(measured, effects=trusted.effects) if exact else measured
    return whole, replace(whole, view=trusted.view)


def what_is_held(evidence: Evidence, thresholds: Thresholds = DEFAULT) -> Held:
    """What raw values and invariant view show of the tap."""
    return held_by(evidence.generative, evidence.predictive, evidence.tied, evidence.view, thresholds)


def _trusted(evidence: Evidence, failed: set[str], thresholds: Thresholds) -> Evidence:
    """Lay aside what rests on a failed gate or on an edit that was not confirmed."""
    unprobed = bool(failed & PROBE_GATES)
    tied = evidence.tied
    return Evidence(
        generative=None if failed & SAMPLE_GATES else evidence.generative,
        predictive=None if unprobed else evidence.predictive,
        effects=_trusted_effects(evidence.effects, failed, thresholds),
        tied=tied.within(None) if tied is not None and unprobed else tied,
        view=_trusted_view(evidence.view, failed),
    )


def _without_denials(evidence: Evidence, thresholds: Thresholds) -> Evidence:
    """Without what codes show to be absent: no effect, and nothing of the feature at the tap.

    Effects that do not show absence together stay: one that sees nothing goes on contradicting one that sees something.
    """
    denied = effect_state(evidence.effects, thresholds) is EffectState.ABSENT
    view = evidence.view
    return replace(
        evidence,
        generative=_unless_low(evidence.generative, thresholds),
        effects=_showing(evidence.effects, thresholds) if denied else evidence.effects,
        view=view and replace(view, generative=_unless_low(view.generative, thresholds)).measured,
    )


def _unless_low(retention: Interval | None, thresholds: Thresholds) -> Interval | None:
    return None if retention is None or retention.high < thresholds.retention_low else retention


def _trusted_view(view: InvariantEvidence | None, failed: set[str]) -> InvariantEvidence | None:
    """What is left of the view; it is laid aside as a whole where nothing is."""
    if view is None:
        return None
    probed = view.unprobed if failed & PROBE_GATES else view
    return replace(probed, generative=None if failed & VIEW_GATES else probed.generative).measured


def _trusted_effects(
    effects: tuple[EffectEvidence, ...], failed: set[str], thresholds: Thresholds
) -> tuple[EffectEvidence, ...]:
    kept = tuple(one for one in effects if _trusts(one, failed, thresholds))
    if all(one in kept for one in effects if one.method == "exact"):
        return kept
    # An exact edit was laid aside: a generated one may still show an effect, but not that there is none.
    return _showing(kept, thresholds)


def _showing(effects: tuple[EffectEvidence, ...], thresholds: Thresholds) -> tuple[EffectEvidence, ...]:
    """Without generated edits that show no effect."""
    return tuple(
        one for one in effects
        if one.method in {"exact", "action"} or one_state(one, thresholds) is EffectState.PRESENT
    )  # fmt: skip


def _trusts(effect: EffectEvidence, failed: set[str], thresholds: Thresholds) -> bool:
    resting_on = EFFECT_GATES if effect.method in {"exact", "action"} else EFFECT_GATES | GENERATOR_GATES
    confirmed = effect.confirmation is not None and effect.confirmation >= thresholds.confirmation
    return confirmed and not failed & resting_on


def _finite(evidence: Evidence) -> Evidence:
    """Without retentions that came out as NaN: they were not made.

    A NaN effect stays: it shows neither, and must not make room for another method.
    """
    tied, view = evidence.tied, evidence.view
    return replace(
        evidence,
        generative=known(evidence.generative),
        predictive=known(evidence.predictive),
        tied=tied if tied is None else tied.within(known(tied.stratified)),
        view=view if view is None else view.measured,
    )
