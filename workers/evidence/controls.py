"""Planted known answers that run beside every audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .features import FeatureColumn
from .gates import CONSTANT, PERMUTED, RANDOM_COLUMN, GateResult
from .pixels import Floats
from .readability import Readability, read_features
from .thresholds import DEFAULT

UNTRAINED = "untrained_twin"


@dataclass(frozen=True)
class ControlResult:
    """A planted answer: what came out and what had to."""

    name: str
    passed: bool
    value: float | None
    expected: str
    detail: str

    def as_gate(self, threshold: float | None = None) -> GateResult:
        """The same as a gate, for :func:`workers.evidence.verdicts.decide`."""
        return GateResult(self.name, self.passed, self.value, threshold, self.detail)


def permuted_z(readings: Sequence[Readability], limit: float = DEFAULT.control) -> ControlResult:
    """With ``z`` permuted across images no feature is retained; the value is the largest retention found."""
    values = [one.floor.retained for one in readings if np.isfinite(one.floor.retained)]
    worst = max(values, default=0.0)
    detail = f"with shuffled representations the probe reads at most {worst:.3f} of any of {len(values)} features"
    return ControlResult(PERMUTED, worst <= limit, worst, f"at most {limit}", detail)


def random_column(z: Floats, generator: np.random.Generator, limit: float = DEFAULT.control) -> ControlResult:
    """A feature drawn at random, of which no image knows anything, must not be retained by ``z (n, ...)``."""
    column = FeatureColumn(RANDOM_COLUMN, "numeric", generator.standard_normal(len(z)))
    found = read_features(z, [column], generator)
    value = found[RANDOM_COLUMN].shares.retained if found else float("nan")
    detail = f"a column of random numbers is retained with {value:.3f}"
    return ControlResult(RANDOM_COLUMN, bool(value <= limit), value if found else None, f"at most {limit}", detail)


def constant_classifier(flips: Floats, variation: Floats) -> ControlResult:
    """A classifier whose answer never changes, sent through the audit's own edits, must show no effect.

    Per-image changes ``(n,)`` of its answer; NaN where no edit was confirmed.
    """
    seen = np.concatenate([flips[np.isfinite(flips)], variation[np.isfinite(variation)]])
    value = float(seen.max(initial=0.0))
    detail = f"a constant classifier's answer changes by at most {value:g} on the same edits"
    return ControlResult(CONSTANT, value == 0.0, value, "exactly 0", detail)


def untrained_twin(readings: Mapping[str, Readability]) -> ControlResult:
    """What the logits of the same graph with random weights retain of each feature (predictive, not calibrated).

    An untrained network throws little away: only what a trained one retains beyond this was kept on purpose. There is
    nothing that must come out, so it always passes; the value is the largest retention.
    """
    found = {name: one.shares.retained for name, one in readings.items() if np.isfinite(one.shares.retained)}
    listed = ", ".join(f"{name} {value:.2f}" for name, value in sorted(found.items(), key=lambda item: -item[1]))
    detail = f"the logits of the same graph with random weights retain: {listed or 'nothing that could be measured'}"
    return ControlResult(UNTRAINED, True, max(found.values(), default=None), "to compare retentions with", detail)
