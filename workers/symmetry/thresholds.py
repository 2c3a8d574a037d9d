"""Every number that decides the state of a symmetry, in one place. Tuned on planted networks, never on a customer's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """Errors are shares of the distance between two inputs (papers.md 3(e)); bounds are those of the interval.

    Attributes:
        level: of every interval.
        exact: an error whose upper bound is below this is floating point's alone.
        small: an error is shown to be small when its upper bound is below this. The logits of a network trained on
            digits in every pose (``deploy/examples/augmented_digits.py``, 600 steps, quarter turns) stand at 0.27,
            those of its twin that saw them upright at 0.88.
        large: an error is shown to be large when its lower bound is above this; so is a share of changed answers.
        built: where poses fall between pixels, an error is called exact only if its upper bound, the floor included, is
            below this, and the poses that do not are exact.
        excess: an error is within the floor when the upper bound of what it has beyond the floor is below this.
        simpler: of two actions the simpler is taken, unless the other's error is below this share of its own.
        still: an element that moves inputs by less than this share of the distance between two tests nothing.
        few: an answer is roughly kept when the upper bound of the share that changes is below this.
        quiet: a unit that varies less than this share of its size, or of the loudest, may be rounding alone.
        constant: a tap whose values differ between inputs by less than this share of their size is constant.
    """

    level: float = 0.95
    exact: float = 1e-4
    small: float = 1 / 3
    large: float = 1 / 2
    built: float = 0.05
    excess: float = 0.05
    simpler: float = 0.9
    still: float = 0.05
    few: float = 0.1
    quiet: float = 1e-5
    constant: float = 1e-6


DEFAULT = Thresholds()
