"""What the edits of one feature show of its effect on the answer, each by itself and all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from .bootstrap import Interval
from .thresholds import DEFAULT, Thresholds


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


@dataclass(frozen=True)
class EffectEvidence:
    """One way of changing the feature, and only it but for an action.

    ``method``: ``exact`` (an image transform), ``generated`` (the code, by the editor), ``factor`` (the code, by the
    concept's factor) or ``action`` (the whole input moved by elements of ``group``, and other things with it).
    ``confirmation`` is the share of edits that reached their target, by measuring again or by an oracle; ``None``:
    nobody looked. ``clean_*``: over edits that measurably moved nothing else; ``None``: nobody looked, NaN: there was
    none.
    """

    method: Literal["exact", "generated", "factor", "action"]
    flip_rate: Interval
    total_variation: Interval
    floor: Interval | None
    confirmation: float | None
    clean_flip_rate: Interval | None = None
    clean_variation: Interval | None = None
    floor_variation: Interval | None = None
    group: str | None = None


def effect_state(effects: Sequence[EffectEvidence], thresholds: Thresholds = DEFAULT) -> EffectState:
    """What the edits show together.

    An effect that an exact transform shows is there. Absence needs the exact transform where there is one, else every
    generated edit that has anything to say, and no other method that sees an effect. An action on the whole input moves
    other things too: it shows neither, and can only contradict what generated edits show.
    """
    exact = {one_state(one, thresholds) for one in effects if one.method == "exact"}
    generated = {one_state(one, thresholds) for one in _heard(_generated(effects), thresholds)}
    decisive = exact or generated
    if not decisive:
        return EffectState.MISSING
    if EffectState.PRESENT in exact | generated:
        apart = EffectState.ABSENT in exact | generated or bool(unmoved(effects, thresholds))
        contradicted = EffectState.PRESENT not in exact and apart
        return EffectState.MIXED if contradicted else EffectState.PRESENT
    if decisive == {EffectState.ABSENT}:
        return EffectState.ABSENT
    loud = [state for state in (EffectState.MIXED, EffectState.TANGLED) if state in decisive]
    return loud[0] if loud else EffectState.UNCLEAR


def unmoved(effects: Sequence[EffectEvidence], thresholds: Thresholds = DEFAULT) -> list[EffectEvidence]:
    """Actions on the whole input that change the feature and, as is shown, no answers."""
    return [one for one in effects if one.method == "action" and one_state(one, thresholds) is EffectState.ABSENT]


def _generated(effects: Sequence[EffectEvidence]) -> list[EffectEvidence]:
    return [one for one in effects if one.method not in {"exact", "action"}]


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
