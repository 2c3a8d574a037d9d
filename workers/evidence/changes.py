"""What became of a feature between two audits: from paired differences and two verdicts to one word, with reasons.

The rules lean one way: a false "became ignored" is the worst that a comparison can say. It needs both verdicts, each
with all the guards of its own audit, and besides a difference that is shown on the same images; neither is enough.
A change of the effect is believed where an effect would have been seen on the other side too: what hides an effect in
one audit makes a difference, and no change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from .bootstrap import Interval
from .differences import Paired
from .gates import DENIALS
from .reasons import EDITS
from .thresholds import DEFAULT, Thresholds
from .verdicts import EFFECT_GATES, GENERATOR_GATES, Verdict


class Change(StrEnum):
    """As :class:`schemas.comparisons.Change`."""

    BECAME_IGNORED = "became_ignored"
    BECAME_USED = "became_used"
    MORE = "more"
    LESS = "less"
    SAME = "same"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class EditSide:
    """What one audit says of an edit: gates that ``failed`` there, which of its edits reached their target
    (``confirmed``; ``None``: nobody looked), and what the machinery does by itself.
    """

    failed: frozenset[str]
    confirmed: float | None
    floor_flips: Interval
    floor_variation: Interval

    def quiet(self, thresholds: Thresholds) -> bool:
        """Whether the machinery alone moves too little to hide an effect that counts."""
        return (
            self.floor_flips.jointly.high < thresholds.floor_flip_rate
            and self.floor_variation.jointly.high < thresholds.floor_variation
        )

    def hidden(self, least: tuple[float, float], thresholds: Thresholds) -> tuple[float, float]:
        """``least`` and, where the machinery is loud, what it may hide beyond that."""
        if self.quiet(thresholds):
            return least
        return least[0] + self.floor_flips.jointly.high, least[1] + self.floor_variation.jointly.high


@dataclass(frozen=True)
class EditDifference:
    """What one way of changing the feature does to the answers, before and after, over the same images.

    ``method`` as :class:`workers.evidence.effect_states.EffectEvidence` names it. ``clean_*``: over edits that
    measurably moved nothing else; ``None``: nobody ``looked`` at what else they moved, or there was none.
    """

    method: Literal["exact", "generated", "factor"]
    flips: Paired
    variation: Paired
    before: EditSide
    after: EditSide
    clean_flips: Paired | None = None
    clean_variation: Paired | None = None
    looked: bool = False

    @property
    def exact(self) -> bool:
        """Whether a formula changes the feature, and no code."""
        return self.method == "exact"

    def trusted(self, thresholds: Thresholds) -> bool:
        """Whether the edits reached their target in both audits, and no gate that they rest on failed in either."""
        resting_on = EFFECT_GATES if self.exact else EFFECT_GATES | GENERATOR_GATES
        return all(
            side.confirmed is not None and side.confirmed >= thresholds.confirmation and not side.failed & resting_on
            for side in (self.before, self.after)
        )

    def moved(self, sign: int, least: tuple[float, float], thresholds: Thresholds) -> bool:
        """Whether the effect is shown to have grown (``sign`` 1) or shrunk (-1) by more than ``least``.

        Of flips or of the total variation, the other not shown to go the other way. By edits of the code it must be
        shown on the clean ones too. The side with less of it must be one in which more would have been seen: what codes
        do not hold hides an effect, and a loud machinery hides as much of it as it changes itself.
        """
        smaller = self.before if sign > 0 else self.after
        if not self.exact and smaller.failed & DENIALS:
            return False
        beyond = smaller.hidden(least, thresholds)
        shown = _beyond(self.flips, self.variation, sign, beyond)
        if self.exact or not shown or not self.looked:
            return shown
        if self.clean_flips is None or self.clean_variation is None:
            return False
        return _beyond(self.clean_flips, self.clean_variation, sign, beyond)

    def same(self, least: tuple[float, float], thresholds: Thresholds) -> bool:
        """Whether the effect is shown to differ by less than ``least``, where an effect would have been seen."""
        hearing = all(side.quiet(thresholds) for side in (self.before, self.after))
        denying = self.exact or not (self.before.failed | self.after.failed) & DENIALS
        return (
            hearing
            and denying
            and all(_within(*each) for each in zip((self.flips, self.variation), least, strict=True))
        )


@dataclass(frozen=True)
class Judged:
    """The change, and why, the decisive reason first.

    ``deciding``: the edit whose numbers go with it: the first that shows it, else the first that both audits trust;
    ``None`` where they trust none.
    """

    change: Change
    reasons: list[str]
    deciding: EditDifference | None = None


TURNED = {
    (Verdict.USED, Verdict.IGNORED): (Change.BECAME_IGNORED, -1),
    (Verdict.IGNORED, Verdict.USED): (Change.BECAME_USED, 1),
}
"""Verdicts that turned round, and where the effect must have gone."""

LEANING = {
    (Verdict.USED, Verdict.ENCODED_UNUSED): Change.LESS,
    (Verdict.ENCODED_UNUSED, Verdict.USED): Change.MORE,
}
"""Verdicts of which one denies the effect that the other shows, and the only change that goes with them."""

AT_ALL = (0.0, 0.0)
NOT_MEASURED = "No edit of it was measured in both audits."
NOT_TRUSTED = "What was measured of its effect rests on a failed check, or on edits that missed, in one of the audits."
UNTRUSTED = "One of the audits does not trust its own evidence on it."
SHOWN = {
    Change.BECAME_IGNORED: "It was used and is ignored, and the difference of its effect is shown.",
    Change.BECAME_USED: "It was ignored and is used, and the difference of its effect is shown.",
    Change.MORE: "Its effect is shown to have grown by more than the least that counts.",
    Change.LESS: "Its effect is shown to have shrunk by more than the least that counts.",
    Change.SAME: "Its effect is shown to differ by less than the least that counts.",
    Change.UNDECIDED: "Neither a change of its effect nor its absence is shown.",
}


def judge_change(
    before: Verdict, after: Verdict, edits: Sequence[EditDifference], objections: Sequence[str] = (),
    thresholds: Thresholds = DEFAULT,
) -> Judged:  # fmt: skip
    """The change of one feature at one tap. ``objections``: why nothing may be said, whatever was measured.

    Bounds are joint ones: what is said of all features of a comparison holds at once.
    """
    trusted = [one for one in edits if one.trusted(thresholds)]
    refused = [*objections, *_refusals(before, after, edits, trusted)]
    told = [sentence for one in edits for sentence in _told(one)]
    change, shown = (Change.UNDECIDED, []) if refused else _judged(before, after, trusted, thresholds)
    if not refused:
        refused = [_not_shown(before, after) if change is Change.UNDECIDED else SHOWN[change]]
    believed = [] if NOT_TRUSTED in refused else [*shown, *trusted]
    return Judged(change, [*refused, *told], next(iter(believed), None))


def _judged(
    before: Verdict, after: Verdict, trusted: Sequence[EditDifference], thresholds: Thresholds
) -> tuple[Change, list[EditDifference]]:  # fmt: skip
    """The change and the edits that show it."""
    if (before, after) in TURNED:
        change, sign = TURNED[before, after]
        shown = _agreed(trusted, sign, AT_ALL, thresholds)
        return (change if shown else Change.UNDECIDED), shown
    change, shown = _in_size(trusted, thresholds)
    if change is not LEANING.get((before, after), change):
        return Change.UNDECIDED, []
    return change, shown


def _not_shown(before: Verdict, after: Verdict) -> str:
    if (before, after) in TURNED or (before, after) in LEANING:
        return f"It was {before} and is {after}, but the difference is not shown."
    return SHOWN[Change.UNDECIDED]


def _refusals(
    before: Verdict, after: Verdict, edits: Sequence[EditDifference], trusted: Sequence[EditDifference]
) -> list[str]:
    untrusted = [UNTRUSTED] if Verdict.UNTRUSTED in {before, after} else []
    if not edits:
        return [*untrusted, NOT_MEASURED]
    # An exact edit that was laid aside leaves room for none of the code: it would speak in the better one's place.
    missing = not trusted or any(one.exact and one not in trusted for one in edits)
    return [*untrusted, NOT_TRUSTED] if missing else untrusted


def _in_size(trusted: Sequence[EditDifference], thresholds: Thresholds) -> tuple[Change, list[EditDifference]]:
    least = (thresholds.flip_rate, thresholds.total_variation)
    for change, sign in ((Change.MORE, 1), (Change.LESS, -1)):
        if shown := _agreed(trusted, sign, least, thresholds):
            return change, shown
    same = all(one.same(least, thresholds) for one in trusted)
    return (Change.SAME if same else Change.UNDECIDED), []


def _agreed(
    trusted: Sequence[EditDifference], sign: int, least: tuple[float, float], thresholds: Thresholds
) -> list[EditDifference]:  # fmt: skip
    """The ways of editing that show it; none where another shows the contrary or that there is nothing."""
    counts = (thresholds.flip_rate, thresholds.total_variation)
    shown = [one for one in trusted if one.moved(sign, least, thresholds)]
    others = [one for one in trusted if one not in shown]
    against = any(_beyond(one.flips, one.variation, -sign, AT_ALL) or one.same(counts, thresholds) for one in others)
    return [] if against else shown


def _beyond(flips: Paired, variation: Paired, sign: int, least: tuple[float, float]) -> bool:
    bounds = [_towards(one.difference, sign) for one in (flips, variation)]
    far = any(low > limit for (low, _), limit in zip(bounds, least, strict=True))
    return far and not any(high < 0 for _, high in bounds)


def _towards(difference: Interval, sign: int) -> tuple[float, float]:
    """Joint bounds, as they look from the side that ``sign`` names."""
    low, high = difference.jointly.low, difference.jointly.high
    return (low, high) if sign > 0 else (-high, -low)


def _within(paired: Paired, limit: float) -> bool:
    found = paired.difference.jointly
    return -limit < found.low and found.high < limit


def _told(edit: EditDifference) -> list[str]:
    kinds = (("Answers changed", edit.flips), ("Probabilities moved", edit.variation))
    return [
        f"{words} by {EDITS[edit.method]}, beyond its floor: {one.before.value:.1%} before, {one.after.value:.1%}"
        f" after, a difference of {_signed(one.difference)} over {one.difference.n:,} images."
        for words, one in kinds
    ]


def _signed(found: Interval) -> str:
    joint = found.jointly
    return f"{found.value:+.1%} ({found.low:+.1%} to {found.high:+.1%}; jointly {joint.low:+.1%} to {joint.high:+.1%})"
