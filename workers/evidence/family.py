"""The family of bounds that verdicts rest on: how many there are, and the level of each so that all hold at once.

Every finding rests on two effect quantities (flip rate, total variation; once per edit method) and two retentions
(generative, predictive), and where a tap has an invariant view on those of the view. All of them together are one
family per audit, corrected by Bonferroni: whatever their dependence, with probability ``level`` every joint interval
holds its value.

What this buys for verdicts, where every claim is one-sided (*absent*: upper bounds, *present*: lower bounds):

- A false ``ignored`` of a feature that the answer depends on needs the upper bound of that effect to be wrong, however
  low the retention: an intersection-union test (Berger 1982), so nothing is split between effect and retention. Its
  chance in a whole audit is at most ``(1 - level) / 2`` times the share of effect bounds in the family.
- Bounds that only ever stand in for another (clean edits for all edits, stratified for predictive retention) are used
  in one direction where the other is not, so that they spend the direction that is left over, and are not counted.

The alternative, a max-|t| bootstrap over the shared resamples, would make intervals at most 3 % shorter (decision 0007)
and gives no exact bound where an edit flipped nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy import stats

from .thresholds import DEFAULT, Thresholds

QUANTITIES = 2
"""Of an effect: flip rate and total variation. Of a retention: generative and predictive."""


@dataclass(frozen=True)
class Family:
    """``comparisons`` intervals, each at ``each``, that hold at once at ``level``."""

    level: float
    comparisons: int

    @property
    def each(self) -> float:
        """Level of one joint interval."""
        return 1 - (1 - self.level) / max(1, self.comparisons)


def family(edits: int, features: int, taps: int, views: int = 0, level: float = DEFAULT.level) -> Family:
    """The family of an audit: ``edits`` ways of changing a feature, and ``features`` looked for at ``taps``.

    ``views``: retentions per feature of invariant views: by a probe, by samples, and by a probe of random poses;
    and how far each group changes it.
    """
    return Family(level, QUANTITIES * (edits + features * taps) + features * views)


def detectable_flip_rate(images: int, each: float, thresholds: Thresholds = DEFAULT, *, floor: float = 0.0) -> float:
    """Smallest flip rate beyond ``floor`` of which ``images`` would have shown, with the power asked for, that it is
    present.

    Images flip or not, independently: the lower Clopper-Pearson bound of all flips at level ``each`` must pass the
    threshold and the floor. 1 where no number of flips would.
    """
    needed = _events_needed(images, each, min(1.0, thresholds.flip_rate + floor))
    return 1.0 if needed is None else float(stats.beta.ppf(thresholds.power, needed, images - needed + 1)) - floor


def _events_needed(images: int, each: float, threshold: float) -> int | None:
    """Fewest events whose lower exact bound is above ``threshold``: that many are rarer than the level allows."""
    needed = int(stats.binom.isf((1 - each) / 2, images, threshold)) + 1
    return needed if needed <= images else None
