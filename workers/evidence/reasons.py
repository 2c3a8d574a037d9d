"""Why a verdict came out, in short sentences with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .bootstrap import Interval
from .effect_states import unmoved
from .gates import DENIALS, GateResult
from .poses import act_of, pose_of
from .retention_states import Held, InvariantEvidence, RetentionState, Tied
from .thresholds import Thresholds

if TYPE_CHECKING:
    from .effect_states import EffectEvidence, EffectState
    from .verdicts import Evidence, Verdict

EFFECT_WORDS = {
    "absent": "The answer does not depend on it: {detail}.",
    "present": "The answer changes when only this changes: {detail}.",
    "mixed": "The effect is not one thing: {detail}.",
    "tangled": "The answer changes with the edits, but what moved along may have caused it: {detail}.",
    "unclear": "An effect is neither shown nor excluded: {detail}.",
    "missing": "Its effect on the answer was not measured.",
}
RETENTION_WORDS = {
    "low": "The tap does not hold it{beyond}: {detail}.",
    "visible": "The tap holds it{beyond}: {detail}.",
    "disputed": "The two measures of retention contradict each other, so neither is believed: {detail}.",
    "inseparable": "Whether the tap holds it cannot be told, it is not separable in these references: {detail}.",
    "unclear": "Whether the tap holds it is not settled: {detail}.",
    "missing": "How much of it the tap holds was not measured.",
}
EDITS = {
    "exact": "an exact edit of the input",
    "generated": "an edit of the code",
    "factor": "an edit of the concept's factor",
}
NOTES = {
    ("present", "low"): "It cannot be read alone and still flips answers: it is used together with something else.",
    ("absent", "visible"): "It is visible in the representation, yet the decision does not use it.",
    ("absent", "unclear"): "It is not used; whether it is ignored or only unused cannot be told.",
    ("absent", "disputed"): "It is not used; whether it is ignored or only unused cannot be told.",
    ("absent", "inseparable"): "It is not used; whether it is ignored or only unused cannot be told.",
    ("absent", "missing"): "Without a retention, 'ignored' is not claimed.",
    ("missing", "low"): "Low retention alone never shows that a feature is ignored.",
    ("unclear", "low"): "Low retention alone never shows that a feature is ignored.",
    ("missing", "visible"): "High retention alone never shows that a feature is used.",
    ("unclear", "visible"): "High retention alone never shows that a feature is used.",
}


def of(evidence: Evidence, effect: EffectState, held: Held, thresholds: Thresholds) -> list[str]:
    """Sentences for what ``evidence`` shows of effect and retention."""
    kept = RETENTION_WORDS[held.state].format(
        detail=_retention_detail(evidence, thresholds), beyond=_beyond(evidence, thresholds)
    )
    doubt = _contradictions(evidence, thresholds) if effect == "mixed" else []
    words = [EFFECT_WORDS[effect].format(detail=_effect_detail(evidence, thresholds)), *doubt, kept]
    note = NOTES.get((str(effect), str(held.state)))
    posed = [] if evidence.view is None else _pose_words(evidence.view, held, thresholds)
    return [*words, *([note] if note else []), *posed, *_tie_words(evidence.tied, bool(evidence.effects))]


def _contradictions(evidence: Evidence, thresholds: Thresholds) -> list[str]:
    """What acting on the whole input says against edits that seem to change answers."""
    return [
        f"{act_of(one.group or '').capitalize()} changes it as well, and {_percent(one.flip_rate)} of answers: what an"
        " edit of the code shows may be its own distortion. Other things move along, so this does not show that no"
        " answer depends on it."
        for one in unmoved(evidence.effects, thresholds)
    ]


def _pose_words(view: InvariantEvidence, held: Held, thresholds: Thresholds) -> list[str]:
    """What it says that the invariant view and the raw values differ; nothing where they do not."""
    pose, visible = pose_of(view.group), RetentionState.VISIBLE
    if held.view is visible and held.raw is not visible:
        return [
            f"It is there once the pose ({pose}) is divided out: raw values show one thing in many poses, misaligned."
        ]
    if not held.lost_with_pose:
        return []
    if held.as_pose(view, thresholds):
        seen = "" if view.lossless else "; nor is any of it readable from its own values in random poses"
        return [
            f"The tap holds it as pose only: divide out {pose}, and nothing of it is left{seen}.",
            _changes(view, pose),
        ]
    if view.follows and not view.is_pose(thresholds):
        return [f"The view without {pose} does not show it, or the probe does not find it there.", _changes(view, pose)]
    why = "that view may drop more than the pose" if view.follows else f"the tap is not shown to follow {pose}"
    return [f"The view without {pose} does not show it, but {why}: whether it is held as pose only is open."]


def _changes(view: InvariantEvidence, pose: str) -> str:
    """Whether the feature itself is pose, whatever a probe finds."""
    if view.posed is None:
        return f"It is not shown that the feature itself changes with {pose}."
    return f"The feature itself changes with {pose} by {_number(view.posed)} of what two random references differ by."


def _beyond(evidence: Evidence, thresholds: Thresholds) -> str:
    """Beyond what the tap holds it or not, where that was judged within strata: of the whole nothing is said then."""
    known = [one for one in (evidence.generative, evidence.predictive) if one is not None]
    if evidence.tied is None or all(one.high < thresholds.retention_low for one in known):
        return ""
    return f" beyond {', '.join(evidence.tied.names)}"


def _tie_words(tied: Tied | None, edited: bool) -> list[str]:
    """What a tie in the references does to the numbers above."""
    if tied is None:
        return []
    names = ", ".join(tied.names)
    words = [f"The references tie it to {names}: a tap that holds one seems to hold the other."]
    if edited:
        words.append("Its edits break that tie and so leave what these references show.")
    return words


def untrusted(believed: Verdict) -> str:
    """The first sentence of an untrusted verdict."""
    return f"The evidence would say '{str(believed).replace('_', ' ')}', but it rests on something that failed a check."


def objected(verdict: Verdict) -> str:
    """The first sentence where what was laid aside contradicts ``verdict``."""
    return f"What can be trusted says '{str(verdict).replace('_', ' ')}', but evidence that failed a check objects."


def laid_aside(
    measured: Evidence, trusted: Evidence, failed: Sequence[GateResult], thresholds: Thresholds
) -> list[str]:
    """What was not believed, and why."""
    words = [_failed(gate) for gate in failed]
    for effect in _edits(measured):
        if effect in trusted.effects:
            continue
        if effect.confirmation is None:
            words.append(f"Laid aside: nothing confirmed that {EDITS[effect.method]} moved the feature.")
        elif effect.confirmation < thresholds.confirmation:
            words.append(
                f"Laid aside: {EDITS[effect.method]} reached its target on only {effect.confirmation:.0%} of"
                " references, counted for the value of the feature where that is least."
            )
    return words


def _failed(gate: GateResult) -> str:
    if gate.kind in DENIALS:
        return f"Codes show no absence, of an effect or at the tap, for the gate {gate.name} failed: {gate.detail}."
    return f"Not believed where it rests on the failed gate {gate.name}: {gate.detail}."


def _effect_detail(evidence: Evidence, thresholds: Thresholds) -> str:
    return "; ".join(_edit_detail(one, thresholds) for one in _edits(evidence))


def _edits(evidence: Evidence) -> list[EffectEvidence]:
    """Those that mean to change only the feature."""
    return [one for one in evidence.effects if one.method != "action"]


def _edit_detail(effect: EffectEvidence, thresholds: Thresholds) -> str:
    return (
        f"{EDITS[effect.method]} flips {_percent(effect.flip_rate)} of answers beyond its floor"
        f" (limit {thresholds.flip_rate:.0%}) and moves probabilities by {_number(effect.total_variation)}"
        f" (limit {thresholds.total_variation:g}){_floor_detail(effect)}{_clean_detail(effect)}"
    )


def _floor_detail(effect: EffectEvidence) -> str:
    floor, variation = effect.floor, effect.floor_variation
    moved = "" if variation is None else f" (probabilities moved by {_number(variation)})"
    return "" if floor is None else f", {_percent(floor)} flipped by the edit's machinery alone{moved}"


def _clean_detail(effect: EffectEvidence) -> str:
    clean = effect.clean_flip_rate
    if clean is None or effect.method == "exact":
        return ""
    if not clean.n:
        return ", and none of these edits moved nothing else"
    return f", {_percent(clean)} where nothing else measurably moved"


def _retention_detail(evidence: Evidence, thresholds: Thresholds) -> str:
    tied, view = evidence.tied, evidence.view
    named = [
        ("generative", evidence.generative), ("predictive", evidence.predictive),
        ("within strata, predictive", None if tied is None else tied.stratified),
    ]  # fmt: skip
    parts = [f"{name} retention {_number(one)}" for name, one in named if one is not None]
    if view is not None:
        parts.append(_view_detail(view))
    return " and ".join(parts) + f" (low means below {thresholds.retention_low:g})"


def _view_detail(view: InvariantEvidence) -> str:
    named = [
        ("generative", view.generative), ("predictive", view.predictive), ("within strata", view.stratified),
        ("in random poses", view.turned), ("in random poses and within strata", view.turned_stratified),
    ]  # fmt: skip
    parts = [f"{name} {_number(one)}" for name, one in named if one is not None]
    return f"without {pose_of(view.group)} {', '.join(parts)}"


def _percent(interval: Interval) -> str:
    return f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def _number(interval: Interval) -> str:
    return f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"
