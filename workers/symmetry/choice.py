"""Which projection a tap gets, and why, in words for a report (papers.md 3(a), 5.3)."""

from __future__ import annotations

from dataclasses import dataclass

from .orbits import Orbit

NAMES = (
    "sorting", "sliced_sorting", "max_filters", "shift_max_filters", "average", "random_linear", "moduli", "bispectrum",
    "canonical",
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """A projection by name, the reason in plain words, and what it promises.

    ``lossless``: a theorem says that any two orbits have different images. ``width`` of one image's view.
    """

    projection: str
    why: str
    lossless: bool
    width: int


def choose(orbit: Orbit, kept: int) -> Choice:
    """The projection for a tap that ``orbit`` moves.

    The default for a finite group is a bank of max filters; scalars of nodes are sorted, rows of nodes sorted along
    many directions; shifts of maps are filtered over all shifts.

    Args:
        orbit: how the group moves the tap (:func:`workers.stages.posefree.tap_orbit`).
        kept: principal directions that a bank looks along when the tap is wider; a bank then has ``2 kept`` templates.

    Raises:
        ValueError: the action is the identity: a tap that is invariant needs no projection.
    """
    raise NotImplementedError
