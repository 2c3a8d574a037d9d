"""Equivariance and invariance errors with intervals, and what state of symmetry they show (papers.md 3(e), M9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workers.evidence.bootstrap import Interval, rate_interval, ratio_interval
from workers.evidence.estimators import Shares

from .tap_actions import IDENTITY
from .thresholds import DEFAULT, Thresholds
from .trials import Trial

State = Literal["exact", "approximate", "broken", "unclear"]
Weights = Callable[[int], NDArray[np.float32]]
"""Bootstrap weights ``(resamples, n)`` for so many images."""


@dataclass(frozen=True)
class Reading:
    """How a tap answers to a group.

    ``action``: what fits best, chosen on one half of the images where there was a choice; everything else is measured
    on the other half. ``error`` under it and ``invariance`` under the identity are shares of the distance between two
    inputs; ``floor`` is what resampling alone does, ``None`` where nothing is resampled. ``elements``: how many took
    part; ``worst``: the one with the largest error, and that. ``constant``: the tap does not depend on the input, so
    there is nothing to measure and no symmetry to speak of. ``still``: elements that hardly change the references, by
    name, so that they test nothing; a group with such is never called a symmetry. ``changed``: share of answers that
    change beyond resampling, where answers were given.
    """

    action: str
    error: Interval
    invariance: Interval
    floor: Interval | None
    state: State
    elements: int
    worst: tuple[str, float]
    constant: bool = False
    still: tuple[str, ...] = ()
    changed: Interval | None = None


def read(
    candidates: Sequence[Trial], weights: Weights, thresholds: Thresholds = DEFAULT, answers: Trial | None = None
) -> Reading:
    """The reading of one tap and group from its trials, the identity's among them.

    ``answers``: the trial of what is decided, where the tap is the output: no state says more than they bear.

    Raises:
        ValueError: no trial under the identity.
    """
    plain = next((trial for trial in candidates if trial.action == IDENTITY), None)
    if plain is None:
        raise ValueError("every tap has an invariance error: the trial under the identity is missing")
    if _constant(plain, thresholds):
        return _nothing(plain, thresholds, "the tap is constant")
    usable = [trial for trial in candidates if not _constant(trial, thresholds)]
    if len(usable) > 1:
        best = choose([half(trial, 0) for trial in usable], thresholds)
        usable, plain = [half(trial, 1) for trial in usable], half(plain, 1)
        chosen = usable[best]
    else:
        chosen = plain
    reading = _measured(chosen, plain, weights, thresholds)
    if answers is not None:
        reading = _borne_out(reading, answers, weights, thresholds)
    still = still_elements(chosen, thresholds)
    if not still or reading.state == "broken":
        return reading
    nothing = replace(_nothing(plain, thresholds, "the references hardly change"), constant=False)
    return replace(nothing if len(still) == len(chosen.elements) else reading, state="unclear", still=still)


def still_elements(trial: Trial, thresholds: Thresholds = DEFAULT) -> tuple[str, ...]:
    """Names of the elements that hardly change the references: what a network does to them shows nothing.

    Of a sample of a group all or none: among shifts and zooms small ones are small by nature.
    """
    shares = trial.stirred.mean(axis=0) / max(float(trial.strangers.mean()), float(np.finfo(float).tiny))
    shares = shares if trial.complete else np.full_like(shares, shares.mean())
    pairs = zip(trial.elements, shares, strict=True)
    return tuple(element.name for element, share in pairs if share < thresholds.still)


def _borne_out(reading: Reading, answers: Trial, weights: Weights, thresholds: Thresholds) -> Reading:
    """The reading of scores, taken back where answers change that resampling alone does not change."""
    changed, back = answers.moved > 0, answers.back > 0
    share = rate_interval((changed & ~back).mean(axis=1), weights(len(changed)), thresholds.level)
    exact = np.array([element.exact for element in answers.elements])
    beyond = bool(changed[:, exact].any() or changed[:, ~exact].sum() > back[:, ~exact].sum())
    return replace(reading, changed=share, state=capped(reading.state, share, beyond, thresholds))


def capped(state: State, share: Interval, beyond: bool, thresholds: Thresholds = DEFAULT) -> State:
    """``state``, or less where a ``share`` of the answers changes; ``beyond``: more than by resampling alone."""
    if share.low > thresholds.large:
        return "broken"
    state = "approximate" if state == "exact" and beyond else state
    return "unclear" if state == "approximate" and share.high > thresholds.few else state


def choose(candidates: Sequence[Trial], thresholds: Thresholds = DEFAULT) -> int:
    """Which of them, from the simplest on, fits best on the elements that all of them cover.

    The first that is exact, else the first that no other beats clearly: noise does not choose.
    """
    shared = [e for e in candidates[0].elements if all(e in trial.elements for trial in candidates)]
    errors = [_ratio(_columns(trial, [trial.elements.index(e) for e in shared])) for trial in candidates]
    good = max(thresholds.exact, min(errors) / thresholds.simpler)
    return next(place for place, error in enumerate(errors) if error <= good)


_BY_ELEMENT = ("moved", "apart", "back", "stirred")
_BY_IMAGE = (*_BY_ELEMENT, "size", "strangers")


def half(trial: Trial, which: int) -> Trial:
    """Every other image, from the one numbered ``which`` on."""
    rows = slice(which, None, 2)
    return replace(trial, **{name: getattr(trial, name)[rows] for name in _BY_IMAGE})


@dataclass(frozen=True)
class Bounds:
    """Intervals of a trial. ``error``: ``E|Phi(gx) - rho(g) Phi(x)| / E|Phi(x) - Phi(x')|`` over images and elements.

    ``pure``: the same over the elements that only move values; ``floor``: ``E|Phi(g^-1 g x) - Phi(x)|`` in place of
    the numerator, over those that resample; ``beyond``: what the error of these has more than that, image by image.
    """

    error: Interval
    pure: Interval | None
    floor: Interval | None
    beyond: Interval | None


def bounds_of(trial: Trial, weights: Weights, level: float = DEFAULT.level) -> Bounds:
    """The intervals of one trial."""
    pure, resampled = _of_kind(trial, exact=True), _of_kind(trial, exact=False)
    return Bounds(
        error=_interval(trial.moved, trial, weights, level),
        pure=_interval(pure.moved, pure, weights, level) if pure else None,
        floor=_interval(resampled.back, resampled, weights, level) if resampled else None,
        beyond=_interval(resampled.moved - resampled.back, resampled, weights, level) if resampled else None,
    )


def judge(bounds: Bounds, thresholds: Thresholds = DEFAULT) -> State:
    """What the intervals show.

    ``exact``: an error of floating point alone; or, where some elements resample, that on the elements that do not, and
    over all hardly any, the floor included: errors add up in squares, so behind a floor a larger one would hide.
    ``approximate``: an error shown to be small, or none beyond a small floor. ``broken``: an error shown to be large,
    also beyond the floor. Else ``unclear``: the intervals straddle the thresholds, or the floor is so high that nothing
    can be seen.
    """
    error, pure, floor, beyond = bounds.error, bounds.pure, bounds.floor, bounds.beyond
    hidden = bool(floor and beyond and floor.high < thresholds.small and beyond.high < thresholds.excess)
    built = bool(floor and pure and pure.high < thresholds.exact)
    if error.high < (thresholds.built if built else thresholds.exact):
        return "exact"
    if error.high < thresholds.small or (hidden and (pure is None or pure.high < thresholds.small)):
        return "approximate"
    above = beyond is None or beyond.low > thresholds.excess
    return "broken" if error.low > thresholds.large and above else "unclear"


def _measured(chosen: Trial, plain: Trial, weights: Weights, thresholds: Thresholds) -> Reading:
    bounds = bounds_of(chosen, weights, thresholds.level)
    each = chosen.moved.sum(axis=0) / chosen.apart.sum(axis=0)
    worst = int(each.argmax())
    return Reading(
        action=chosen.action,
        error=bounds.error,
        invariance=_interval(plain.moved, plain, weights, thresholds.level),
        floor=bounds.floor,
        state=judge(bounds, thresholds),
        elements=len(chosen.elements),
        worst=(chosen.elements[worst].name, float(each[worst])),
    )


def _nothing(plain: Trial, thresholds: Thresholds, why: str) -> Reading:
    """0 / 0: any number would do, so the interval holds all of them and counts no images."""
    vacuous = Interval(0.0, 0.0, 1.0, thresholds.level, 0, f"not defined: {why}")
    return Reading(IDENTITY, vacuous, vacuous, None, "unclear", len(plain.elements), ("", 0.0), constant=True)


def _constant(trial: Trial, thresholds: Thresholds) -> bool:
    return float(trial.apart.mean()) <= thresholds.constant * float(trial.size.mean())


def _of_kind(trial: Trial, *, exact: bool) -> Trial | None:
    places = [place for place, element in enumerate(trial.elements) if element.exact == exact]
    return _columns(trial, places) if places else None


def _columns(trial: Trial, places: list[int]) -> Trial:
    elements = tuple(trial.elements[place] for place in places)
    columns = {name: getattr(trial, name)[:, places] for name in _BY_ELEMENT}
    return replace(trial, elements=elements, **columns)


def _ratio(trial: Trial) -> float:
    return float(trial.moved.sum() / trial.apart.sum())


def _interval(part: NDArray[np.float64], trial: Trial, weights: Weights, level: float) -> Interval:
    """Ratio of means over images; in units of the mean distance, so that the scale of a tap plays no part."""
    unit = float(trial.apart.mean())
    shares = Shares(part.mean(axis=1) / unit, trial.apart.mean(axis=1) / unit)
    return ratio_interval(shares, weights(len(part)), level)
