"""Checks on the audit itself. A failed gate forbids the verdicts that rest on it (DESIGN.md section 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .bootstrap import Interval
from .thresholds import DEFAULT

COMPLETENESS = "autoencoder_completeness"
ANSWERS = "every_answer_redrawn"
NUMBERING = "answer_without_numbering"
READABILITY = "readable_from_codes"
CARRIED = "concept_carried"
ROUND_TRIP = "round_trip"
LIKELIHOOD = "nll_beats_linear_gaussian"
INDEPENDENCE = "v_independent_of_z"
MONOTONE = "monotone_information"
MONOTONE_INVARIANCE = "monotone_invariance"
PERMUTED = "permuted_z"
CONSTANT = "constant_classifier"
RANDOM_COLUMN = "random_column"
NETWORK = (ROUND_TRIP, LIKELIHOOD, INDEPENDENCE)
"""What every invertible network has to pass by itself."""
DENIALS = frozenset({ANSWERS, NUMBERING})
"""What codes do not hold can hide an effect, and makes none: where these fail, codes show no absence any more."""


def of_view(kind: str) -> str:
    """The kind of gate of the network that was fitted to a tap's invariant view."""
    return f"{kind}@invariant"


@dataclass(frozen=True)
class GateResult:
    """One check: a name (a constant of this module, with ``:tap`` or ``:feature`` after it where it has one)."""

    name: str
    passed: bool
    value: float | None
    threshold: float | None
    detail: str

    @property
    def kind(self) -> str:
        """The name without its tap or feature."""
        return self.name.split(":", 1)[0]


def completeness(agreement: Interval, threshold: float = DEFAULT.completeness) -> GateResult:
    """The classifier answers the autoencoder's reconstructions as it answers the images."""
    detail = f"the classifier gives {agreement.value:.1%} of the reconstructions the answer it gives the original"
    return _at_least(COMPLETENESS, agreement.value, threshold, detail)


def completeness_within(
    feature: str, by_value: Mapping[str, Interval], threshold: float = DEFAULT.completeness
) -> GateResult:
    """The same within each value of a feature: one that is rare can be lost without a trace in the whole.

    Few images speak for a value, so it is the upper bound of the worst that has to reach the threshold.
    """
    worst, found = _worst(by_value)
    detail = (
        f"among the {found.n} references whose {feature} is {worst} the classifier gives {found.value:.1%}"
        f" (at most {found.high:.1%}) of the reconstructions the answer it gives the original"
    )
    return _at_least(f"{COMPLETENESS}:{feature}", found.high, threshold, detail)


def every_answer_redrawn(by_answer: Mapping[str, Interval], threshold: float = DEFAULT.completeness) -> GateResult:
    """The same within each answer of the classifier: what makes it give a rare one may be what the code does not hold.

    Then no picture that is drawn from codes is answered so, whatever was edited. By the upper bound of the worst.
    """
    worst, found = _worst(by_answer)
    detail = (
        f"of the {found.n} references with the answer {worst} the classifier gives {found.value:.1%} (at most"
        f" {found.high:.1%}) the same answer once the autoencoder has redrawn them"
    )
    return _at_least(ANSWERS, found.high, threshold, detail)


def answer_without_numbering(error: float, broken: bool) -> GateResult:
    """The order in which a graph lists its nodes does not matter to the classifier: codes do not hold it.

    ``error``: how far renumbering moves the logits (1: as far as another graph); ``broken``: whether the screen shows
    that to be far.
    """
    depends = "the classifier's answer depends on the numbering of the nodes; codes do not hold it"
    said = depends if broken else "the classifier's answer is not shown to depend on the numbering of the nodes"
    far = f"renumbering moves its logits {error:.2g} times as far as another graph does"
    return GateResult(NUMBERING, not broken, error, None, f"{said} ({far})")


def _worst(shares: Mapping[str, Interval]) -> tuple[str, Interval]:
    return min(shares.items(), key=lambda one: one[1].high)


def concept_carried(
    feature: str, carried: float | None, alike: float | None = None, caution: str | None = None
) -> GateResult:
    """The code holds a concept that examples define: held-out pairs that share it agree in its factor.

    Else the factor holds something else, and its edits and readings are about that. Of two sketches, whose pairs are
    chosen by the factor's own direction, the two images have to be ``alike`` as few pairs of references are.
    """
    least, strong = DEFAULT.carried, alike is None or alike >= DEFAULT.alike
    found = float("nan") if carried is None else carried
    detail = f"pairs that share {feature} and took no part in its fit agree in its factor with {found:.2f}"
    gate = _at_least(f"{CARRIED}:{feature}", found, least, detail)
    told = gate.detail if caution is None or (strong and gate.passed) else f"{gate.detail}. {caution.rstrip('.')}"
    return replace(gate, passed=gate.passed and strong, detail=told)


def readable_from_codes(
    feature: str, from_codes: float, from_images: float, share: float = DEFAULT.readable_share
) -> GateResult:
    """A feature stays readable from the code: else samples cannot show it (papers.md 4(e), AE incompleteness).

    Both are retentions, 0..1: of a probe on the codes, and of the best reader of images (1 when measured exactly).
    """
    threshold = share * from_images
    detail = (
        f"{from_codes:.2f} of the variance of {feature} is readable from the code, {from_images:.2f} from the original"
    )
    gate = _at_least(f"{READABILITY}:{feature}", from_codes, threshold, detail)
    readable = from_images >= DEFAULT.readable
    return gate if readable else GateResult(gate.name, False, gate.value, gate.threshold, detail)


def round_trip(tap: str, error: float, threshold: float = DEFAULT.round_trip) -> GateResult:
    """Largest absolute difference between a code and its inverse transform, in standardised units."""
    return _at_most(f"{ROUND_TRIP}:{tap}", error, threshold, f"codes return from the INN within {error:.1e}")


def beats_linear_gaussian(tap: str, gain: Interval) -> GateResult:
    """Held-out NLL of the linear-Gaussian conditional minus the INN's, nats per image, paired: must be above 0."""
    detail = f"the INN is {gain.value:.2f} nats per reference better ({gain.low:.2f} to {gain.high:.2f})"
    return _at_least(f"{LIKELIHOOD}:{tap}", gain.low, 0.0, detail)


def v_independent_of_z(tap: str, explained: float, null: float, tolerance: float = DEFAULT.independence) -> GateResult:
    """``z`` must not be predictable from ``v``: explained variance below the permutation null plus a tolerance."""
    threshold = (max(null, 0.0) if np.isfinite(null) else 0.0) + tolerance
    detail = f"a probe reads {explained:.3f} of z from v; {threshold:.3f} is allowed"
    return _at_most(f"{INDEPENDENCE}:{tap}", explained, threshold, detail)


def monotone_information(information: Sequence[Interval]) -> GateResult:
    """Deeper taps cannot know more (data processing). ``information`` (M3) by depth; ``value`` is the worst rise.

    A rise counts only beyond the intervals: the later lower bound above an earlier upper bound.
    """
    return _monotone(MONOTONE, information, "information must not rise with depth beyond its intervals")


def monotone_invariance(invariance: Sequence[Interval]) -> GateResult:
    """The same for total invariance (M2), which must not fall with depth."""
    detail = "total invariance must not fall with depth beyond its intervals"
    return _monotone(MONOTONE_INVARIANCE, [replace(o, low=-o.high, high=-o.low) for o in invariance], detail)


def _monotone(name: str, by_depth: Sequence[Interval], detail: str) -> GateResult:
    lows = np.array([one.low for one in by_depth], dtype=np.float64)
    highs = np.array([one.high for one in by_depth], dtype=np.float64)
    if len(lows) < 2:
        return GateResult(name, True, None, 0.0, "a single tap: nothing to compare")
    return _at_most(name, float(np.max(lows[1:] - np.minimum.accumulate(highs)[:-1])), 0.0, detail)


def _at_least(name: str, value: float, threshold: float, detail: str) -> GateResult:
    known = bool(np.isfinite(value))
    return GateResult(name, known and value >= threshold, float(value) if known else None, threshold, detail)


def _at_most(name: str, value: float, threshold: float, detail: str) -> GateResult:
    known = bool(np.isfinite(value))
    return GateResult(name, known and value <= threshold, float(value) if known else None, threshold, detail)
