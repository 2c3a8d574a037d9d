"""One plain sentence per change, from the paired difference itself. Names are escaped and isolated."""

from __future__ import annotations

import math
from collections.abc import Callable

from markupsafe import Markup

from schemas.comparisons import Change, Difference, FeatureChange
from schemas.results import Estimate, Verdict

from .comparison_words import SHOWN
from .formatting import NO_BREAK, clip, in_hundred, percent, points, points_interval
from .sentences import name
from .vocabulary import VERDICTS

TOLD = {
    Change.BECAME_USED: "<strong>{}: {}</strong>.",
    Change.BECAME_IGNORED: "<strong>{}: {}</strong>.",
    Change.MORE: "<strong>{} matters more</strong>, {}.",
    Change.LESS: "<strong>{} matters less</strong>, {}.",
    Change.SAME: "<strong>{}: no change</strong>, {}.",
    Change.UNDECIDED: "Whether <strong>{} matters more or less is not decided</strong>, {}.",
}


def change_sentence(one: FeatureChange) -> Markup:
    """``hue: ignored before, used now. Changing only hue changes 61 more answers in 100 (95 % CI 57–65): …``."""
    feature = name(one.feature)
    if Verdict.UNTRUSTED in {one.before, one.after}:
        return Markup("<strong>No statement about {}</strong>, {}.{}").format(
            feature, verdicts_clause(one), _first_reason(one)
        )
    head = Markup(TOLD[one.change]).format(feature, verdicts_clause(one))  # noqa: S704 - our own words
    clause = difference_clause if one.change in SHOWN else joint_clause
    text = Markup("{} {}").format(head, effect_sentence(feature, one.flip_rate, clause)) + _variation_sentence(one)
    return text + _first_reason(one) if one.change is Change.UNDECIDED else text


def verdicts_clause(one: FeatureChange) -> str:
    """``ignored before, used now``; ``used before and now``."""
    before, after = VERDICTS[one.before].word, VERDICTS[one.after].word
    return f"{before} before and now" if before == after else f"{before} before, {after} now"


def effect_sentence(feature: Markup, effect: Difference | None, clause: Callable[[Estimate], str]) -> Markup:
    """``Changing only hue changes 61 more answers in 100 (95 % CI 57–65): 0.3 % before, 61 % now.``"""
    if effect is None or not _finite(effect.difference):
        return Markup("No edit of {} alone that both audits can trust was measured.").format(feature)
    both = (percent(max(effect.before.value, 0.0)), percent(max(effect.after.value, 0.0)))
    told = Markup("Changing only {} changes {}: {} before, {} now.")
    return told.format(feature, clause(effect.difference), *both)


def difference_clause(difference: Estimate) -> str:
    """``61 more answers in 100 (95 % CI 57–65)``; between bounds of two signs, each says its own."""
    return f"{_many(difference.value)} answers in 100 ({_interval(difference)})"


def joint_clause(difference: Estimate) -> str:
    """The same with the joint bounds, on which it rests that no change is shown, or that there is none."""
    low, high = difference.joint_low, difference.joint_high
    if low is None or high is None:
        return difference_clause(difference)
    jointly = _span(low, high)
    return f"{_many(difference.value)} answers in 100 ({_interval(difference)}, with all at once {jointly})"


def _interval(difference: Estimate) -> str:
    return f"{percent(difference.level)}{NO_BREAK}CI {_span(difference.low, difference.high)}"


def _span(low: float, high: float) -> str:
    """``57–65``, or ``1.3 fewer to 11 more``."""
    if low >= 0 or high <= 0:
        near, far = sorted((abs(low), abs(high)))
        return f"{in_hundred(near)}–{in_hundred(far)}"
    return f"{in_hundred(-low)} fewer to {in_hundred(high)} more"


def _variation_sentence(one: FeatureChange) -> Markup:
    """What the class probabilities do, where they and not the answers are what is shown to differ."""
    if one.change not in SHOWN or one.total_variation is None or _leaves_out_nought(one.flip_rate):
        return Markup()
    moved = one.total_variation
    told = Markup(" The class probabilities move by {} before and {} now, {} points ({}{}CI {}).")
    level = percent(moved.difference.level)
    ends = (percent(max(moved.before.value, 0.0)), percent(max(moved.after.value, 0.0)))
    return told.format(*ends, points(moved.difference), level, NO_BREAK, points_interval(moved.difference))


def _leaves_out_nought(found: Difference | None) -> bool:
    return found is not None and not found.difference.low <= 0 <= found.difference.high


def _many(value: float) -> str:
    digits = in_hundred(abs(value))
    return "as many" if digits == "0" else f"{digits} {'more' if value > 0 else 'fewer'}"


def _finite(estimate: Estimate) -> bool:
    return all(map(math.isfinite, (estimate.value, estimate.low, estimate.high)))


def _first_reason(one: FeatureChange) -> Markup:
    return Markup(" <bdi>{}</bdi>").format(clip(one.reasons[0], 300)) if one.reasons else Markup()
