"""What happens to the answer when only one feature changes, beyond what the edit's own machinery does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bootstrap import Interval, excess_interval, rate_interval
from .pixels import Floats


@dataclass(frozen=True)
class Changes:
    """Per-image mean over edits of the answer's change, ``(n,)`` each; NaN where an image has no valid edit.

    ``flips``: share of edits that change the decision. ``variation``: mean distance of the probabilities, 0..1.
    """

    flips: NDArray[np.float64]
    variation: NDArray[np.float64]


@dataclass(frozen=True)
class EffectEstimate:
    """Excess over the floor, with intervals over images; ``floor`` and ``floor_variation`` are the machinery's own.

    ``clean_flip_rate`` and ``clean_variation``: the same over edits that measurably moved nothing else; ``None`` when
    nobody looked, NaN when no such edit was found.
    """

    flip_rate: Interval
    total_variation: Interval
    floor: Interval | None
    clean_flip_rate: Interval | None = None
    clean_variation: Interval | None = None
    floor_variation: Interval | None = None


def changes(
    before: Floats, after: Floats, confirmed: NDArray[np.bool_] | None = None, *, independent: bool = False
) -> Changes:
    """Compare probabilities ``before (n, classes)`` with those of edits ``after (n, draws, classes)``.

    Edits that are not ``confirmed (n, draws)`` are left out: an edit that did not move the feature would count as
    "no effect". A single score is read as the probability of the second of two classes.

    Classes exclude each other: a flip changes the arg max, and the distance is the total variation. ``independent``:
    each label is a decision of its own (rows need not sum to 1), so a flip is any label that crosses 0.5 or another
    arg max, and the distance is that of the label that moved most; pass float64, else saturated labels tie.

    Raises:
        ValueError: shapes do not fit, or rows are not probabilities.
    """
    checked = _labels if independent else _probabilities
    first, edited = checked(before), checked(after)
    if edited.ndim != 3 or first.shape != (edited.shape[0], edited.shape[2]):
        raise ValueError(f"before {before.shape} and after {after.shape} do not fit")
    valid = np.ones(edited.shape[:2], dtype=bool) if confirmed is None else confirmed
    if valid.shape != edited.shape[:2]:
        raise ValueError(f"confirmed must have shape {edited.shape[:2]}, got {valid.shape}")
    flips = edited.argmax(axis=-1) != first.argmax(axis=-1)[:, None]
    moved = np.abs(edited - first[:, None])
    if independent:
        flips |= ((edited > 0.5) != (first > 0.5)[:, None]).any(axis=-1)
    variation = moved.max(axis=-1) if independent else moved.sum(axis=-1) / 2
    return Changes(_masked_mean(flips, valid), _masked_mean(np.clip(variation, 0, 1), valid))


def effect(
    edit: Changes,
    floor: Changes | None,
    weights: NDArray[np.float32],
    *,
    clean: Changes | None = None,
    level: float = 0.95,
    joint: float | None = None,
) -> EffectEstimate:
    """Paired excess of ``edit`` over ``floor``, image by image; weights ``(resamples, n)`` of the bootstrap.

    Raises:
        ValueError: no image has a valid edit.
    """
    base = Changes(np.zeros(len(edit.flips)), np.zeros(len(edit.flips))) if floor is None else floor
    known = np.isfinite(edit.flips) & np.isfinite(base.flips)
    if not known.any():
        raise ValueError("no image has a valid edit")
    flips, variation = _excess(edit, base, weights, level, joint)
    clean_flips, clean_variation = (None, None) if clean is None else _excess(clean, base, weights, level, joint)
    if floor is None:
        return EffectEstimate(flips, variation, None, clean_flips, clean_variation)
    chosen = _columns(weights, known)
    own, idle = (rate_interval(each[known], chosen, level, joint) for each in (floor.flips, floor.variation))
    return EffectEstimate(flips, variation, own, clean_flips, clean_variation, idle)


def _excess(
    edit: Changes, base: Changes, weights: NDArray[np.float32], level: float, joint: float | None
) -> tuple[Interval, Interval]:
    """Flips and variation beyond ``base`` over the images that have both; NaN where none has."""
    known = np.isfinite(edit.flips) & np.isfinite(base.flips)
    if not known.any():
        nothing = Interval(float("nan"), float("nan"), float("nan"), level, 0, "none")
        return nothing, nothing
    chosen = _columns(weights, known)
    return (
        excess_interval((edit.flips - base.flips)[known], chosen, level, joint),
        excess_interval((edit.variation - base.variation)[known], chosen, level, joint),
    )


def _columns(weights: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Weights of the images that are known; no copy where all are."""
    return weights if known.all() else np.ascontiguousarray(weights[:, known])


def _masked_mean(values: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    counts = valid.sum(axis=1)
    sums = np.where(valid, values, 0).sum(axis=1).astype(np.float64)
    return np.asarray(np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0))


def _labels(values: Floats) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    if not ((numbers >= 0) & (numbers <= 1)).all():  # False for NaN
        raise ValueError("answers must be probabilities of labels: finite, 0 to 1")
    return numbers


def _probabilities(values: Floats) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim and numbers.shape[-1] == 1:
        numbers = np.concatenate([1 - numbers, numbers], axis=-1)
    sums_to_one = np.abs(numbers.sum(axis=-1) - 1) < 1e-3  # False for NaN
    if not (numbers.min(initial=0.0) >= -1e-6 and sums_to_one.all()):
        raise ValueError("answers must be class probabilities: finite, not negative, summing to 1")
    return numbers
