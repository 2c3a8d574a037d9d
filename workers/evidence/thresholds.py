"""Every number that decides a verdict or a gate, in one place.

Tuned on planted data only (``tests/planted``, the calibration certificate), never on a customer's model. A classifier
that was audited never changes them: they are part of the release.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """Decision thresholds; rates and shares are 0..1. Bounds are joint ones (:mod:`workers.evidence.family`).

    Attributes:
        level: of displayed intervals one by one, and of all bounds that verdicts rest on together.
        power: a detectable effect is one that this share of samples like this one would have shown.
        retention_low: retention is shown to be low when the *upper* bound of every trusted measure is below this.
        retention_visible: retention is shown not to be low when a trusted measure's *lower* bound is above this.
        disagreement: two retentions whose intervals are apart and whose values differ by more than this disagree.
        calibration_room: a retention is calibrated only where its ceiling is this far above its floor.
        fewest_images: images that must have a reading in every draw before a generative retention is spoken of, and
            that a category must have before its reconstructions are judged by themselves.
        tied: a feature is tied to another that explains more than this of its variance: such a tie alone would make a
            feature visible that the tap does not hold.
        separable: share of a tied feature's variance that its ties must leave, else nothing is within its strata.
        strata_readable: share of what is left that the codes must show, else the strata are not images' but noise's.
        flip_rate: the effect is absent when the upper bound of the excess flip rate is below this, present when the
            lower bound is above it.
        total_variation: the same for the excess total variation of the class probabilities.
        floor_flip_rate: an absent effect is accepted only when the upper bound of the edit's own flips is below this:
            a machinery that flips as much as an effect would could hide one.
        floor_variation: the same for how far that machinery alone moves the class probabilities.
        confirmation: an edit counts only when at least this share of its images measurably reached the target.
        far: spreads that an edit's target lies from the current value at least: what changes nothing shows nothing.
        moved: an edit of the code hits when its reading ends within this share of the intended way from the target.
        completeness: share of reconstructions that the classifier must answer as it answers the images.
        carried: correlation of held-out pairs of a concept in its factor.
        alike: share of random pairs of references that two sketches must be more alike than.
        posed: share of what two random references differ by that a group must change of a feature before it may be
            called pose.
        still_read: share of the references' spread that readings of moved references must keep, else a reader that was
            never shown such inputs says much the same of all.
        misled: a probe this much worse than the mean is misled: it shows nothing, least of all that nothing is there.
        readable_share: share of what images show of a feature that must be left in the code.
        readable: what images must show of a feature at least.
        round_trip: largest error of a code sent through the INN and back, in standardised units.
        independence: what a probe may read of ``z`` from ``v`` beyond chance.
        control: what a probe may read where there is nothing to read.
        vae_fidelity: share of held-out codes that the supervised VAE must answer as the classifier does.
        vae_leakage: what its nuisance block may tell of the answer.
        vae_agreement: share of images whose answer must stay when only nuisance is drawn anew.
    """

    level: float = 0.95
    power: float = 0.8
    retention_low: float = 0.10
    retention_visible: float = 0.05
    disagreement: float = 0.25
    calibration_room: float = 0.05
    fewest_images: int = 30
    tied: float = 0.05
    separable: float = 0.03
    strata_readable: float = 0.2
    flip_rate: float = 0.02
    total_variation: float = 0.04
    floor_flip_rate: float = 0.02
    floor_variation: float = 0.04
    confirmation: float = 0.8
    far: float = 0.7
    moved: float = 0.5
    completeness: float = 0.9
    carried: float = 0.5
    alike: float = 0.95
    posed: float = 0.8
    still_read: float = 0.5
    misled: float = 0.05
    readable_share: float = 0.7
    readable: float = 0.2
    round_trip: float = 1e-3
    independence: float = 0.05
    control: float = 0.05
    vae_fidelity: float = 0.8
    vae_leakage: float = 0.3
    vae_agreement: float = 0.8


DEFAULT = Thresholds()
