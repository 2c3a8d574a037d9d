"""Every number that decides a verdict, in one place. Tuned on planted truths, never on a customer's model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """Decision thresholds; rates and shares are 0..1.

    Attributes:
        retention_low: retention is shown to be low when the *upper* bound of every trusted measure is below this.
        retention_visible: retention is shown not to be low when a trusted measure's *lower* bound is above this.
        disagreement: two retentions whose intervals are apart and whose values differ by more than this disagree.
        flip_rate: the effect is absent when the upper bound of the excess flip rate is below this, present when the
            lower bound is above it.
        total_variation: the same for the excess total variation of the class probabilities.
        floor_flip_rate: an absent effect is accepted only when the upper bound of the edit's own flips is below this:
            a machinery that flips as much as an effect would could hide one.
        confirmation: an edit counts only when at least this share of its images measurably reached the target.
        movement: an answer that stays while the feature moves shows an absent effect only when the lower bound of the
            movement is above this share of the reference variance.
        agreement: and only when the answer stays for at least this share of the samples (lower bound).
        interaction: and only when no product of the feature with a partner is readable from ``z`` beyond this.
    """

    retention_low: float = 0.10
    retention_visible: float = 0.05
    disagreement: float = 0.25
    flip_rate: float = 0.02
    total_variation: float = 0.04
    floor_flip_rate: float = 0.02
    confirmation: float = 0.8
    movement: float = 0.5
    agreement: float = 0.9
    interaction: float = 0.03


DEFAULT = Thresholds()
