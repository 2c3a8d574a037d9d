"""Which taps get an invariant view, and of which group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.audits import SymmetryGroup
from schemas.results import InvariantView
from workers.classifier.selection import Tap
from workers.stages.posefree import tap_orbit, values_shape
from workers.stages.symmetry_rows import shifts_survive
from workers.symmetry.choice import choose
from workers.symmetry.equivariance import Reading
from workers.symmetry.groups import Group
from workers.symmetry.tap_actions import IDENTITY, actions_for
from workers.symmetry.trials import Key

SURE = ("exact", "approximate", "unclear")
DIVIDES = ("nodes", "so2", "c8", "c4", "translations", "flips", "scale")
"""Groups by how much of a tap they divide out, the most first."""


def invariant_views(
    taps: Sequence[Tap], readings: Mapping[Key, Reading], groups: Sequence[Group], size: tuple[int, ...], kept: int, *,
    declared: bool,
) -> list[InvariantView]:  # fmt: skip
    """At most one view per hidden tap, of inputs ``(h, w, c)``; ``kept``: width that views are compressed to.

    A tap has a view of a group if an action other than the identity was shown to fit it exactly or approximately; where
    the user declares the group also if the screen could not tell, but never if it is shown to be broken: what is left
    of such a tap means nothing. The action must fit the tap as the audit reads it (large maps come pooled). Of several
    groups, one that fits exactly comes before any that fits by training alone, then the one that divides out most
    (:data:`DIVIDES`): quarter turns before shifts only where both are exact.
    """
    views = []
    for tap in taps:
        if tap.kind == "hidden":
            open_to = [
                group for group in groups if _has_view(tap, group, readings[tap.name, group.name], size, declared)
            ]
            best = min(open_to, key=lambda group: _rank(readings[tap.name, group.name], group.name), default=None)
            if best is not None:
                views.append(_view(tap, best.name, readings[tap.name, best.name], size, kept))
    return views


def _has_view(tap: Tap, group: Group, reading: Reading, size: tuple[int, ...], declared: bool) -> bool:
    known = reading.state in (SURE if declared else SURE[:2])
    shape = values_shape(tap)
    fits = reading.action in actions_for(group, shape, (size[0], size[1]))
    return (
        known
        and fits
        and reading.action != IDENTITY
        and (group.name != "translations" or shifts_survive(tap.shape, shape))
    )


def _rank(reading: Reading, group: str) -> tuple[int, int]:
    return SURE.index(reading.state), DIVIDES.index(group)


def _view(tap: Tap, group: str, reading: Reading, size: tuple[int, ...], kept: int) -> InvariantView:
    choice = choose(tap_orbit(group, reading.action, values_shape(tap), size), kept)
    return InvariantView(
        tap=tap.name,
        group=SymmetryGroup(group),
        action=reading.action,
        projection=choice.projection,
        why=choice.why,
        width=choice.width,
        lossless=choice.lossless,
        exact=reading.state == "exact",
    )
