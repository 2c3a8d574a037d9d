"""Why nothing may be said of a feature, whatever was measured of it."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.results import Effect, Estimate, Finding, Verdict
from workers.evidence.bootstrap import Interval
from workers.evidence.effect_states import EffectEvidence, EffectState, effect_state, unmoved
from workers.stages.comparing.answers import one_kind
from workers.stages.comparing.sides import Side, Sides
from workers.stages.comparing.words import OTHER_KINDS, OTHER_NETWORKS
from workers.stages.findings import METHODS


def objections_to(sides: Sides, feature: str, tap: str) -> list[str]:
    """In words, for ``feature`` at ``tap``."""
    return [
        *([] if one_kind(sides) else [OTHER_KINDS]),
        *([] if sides.comparable(feature) else [OTHER_NETWORKS]),
        *(words for side in sides for words in _of_side(side, feature, tap)),
    ]


def verdict_of(side: Side, feature: str, tap: str) -> Verdict:
    """What the audit said; an audit by another release may not have known the feature or the tap."""
    try:
        return side.result.finding(feature, tap).verdict
    except KeyError:
        return Verdict.UNDETERMINED


def _of_side(side: Side, feature: str, tap: str) -> Iterator[str]:
    said, again = verdict_of(side, feature, tap), side.findings.get((feature, tap))
    if again is None:
        yield f"The audit {side.name} said {said}; this release does not look at it there."
    elif again.verdict != said:
        yield f"The audit {side.name} said {said}; measured again by this release it is {again.verdict}."
    if again is not None and contradicted(again):
        yield (
            f"In the audit {side.name} moving the whole input changes {feature} and, as is shown, no answers. That"
            " speaks against what edits of the code show of it, so no change is claimed of them."
        )


def contradicted(finding: Finding) -> bool:
    """Whether an action on the whole input speaks against the edits of the code (decision 0011).

    It does wherever they do not show that there is no effect, and no exact edit shows one. ``result.json`` does not
    keep which edits were clean: all count, which objects more often than the audit itself.
    """
    told = (finding.effect, *finding.other_effects)
    effects = [found for one in told if (found := _evidence(one)) is not None]
    state, exact = effect_state(effects), any(one.method == "exact" for one in effects)
    return bool(unmoved(effects)) and (state is EffectState.MIXED or (state is not EffectState.ABSENT and not exact))


def _evidence(effect: Effect) -> EffectEvidence | None:
    if effect.flip_rate is None or effect.total_variation is None:
        return None
    return EffectEvidence(
        method="action" if not effect.alone else "exact" if effect.method == METHODS["exact"] else "generated",
        flip_rate=_jointly(effect.flip_rate),
        total_variation=_jointly(effect.total_variation),
        floor=None if effect.floor is None else _jointly(effect.floor),
        confirmation=effect.confirmed,
    )


def _jointly(found: Estimate) -> Interval:
    return Interval(
        found.value, found.low, found.high, found.level, found.n, found.method, found.joint_low, found.joint_high
    ).jointly
