"""Which projection a tap gets, and why, in words for a report (papers.md 3(a), 5.3)."""

from __future__ import annotations

from dataclasses import dataclass

from .node_rows import row_shape
from .orbits import Orbit
from .projections.averaging import averages_of
from .projections.shift_max_filter import shift_templates
from .projections.sliced_sorting import directions_for

NAMES = (
    "sorting", "sliced_sorting", "max_filters", "shift_max_filters", "average", "random_linear", "moduli", "bispectrum",
    "canonical",
)  # fmt: skip
"""Every projection there is; the rule takes the first four, the others are what they are compared with."""


@dataclass(frozen=True)
class Choice:
    """A projection by name, the reason in plain words, and what it promises.

    ``lossless``: a theorem says that any two orbits have different images. ``width`` of the view of one image; a bank
    fitted to fewer values than it keeps directions has less.
    """

    projection: str
    why: str
    lossless: bool
    width: int


PAIRS = (
    "Each pair of the {nodes} nodes holds numbers here. They are summed up per node (its own, the mean and the largest "
    "of those around it), and these summaries sorted along many directions: the numbering of the nodes is gone, and "
    "with it some of how they hang together."
)
ROWS = (
    "Each of the {nodes} nodes holds {columns} numbers here. They are projected on random directions, and each "
    "projection is sorted: the numbering of the nodes is gone. Distances are not kept; those are measured by matching "
    "the nodes of one graph to those of the other."
)
ENOUGH = "{enough} generic directions tell any two graphs apart that differ in more than their numbering."
TOO_MANY = "To be sure of every difference would take too many directions: fine ones may be lost."
SHIFTS = (
    "The map moves with the picture. {templates} random templates ask how well each matches where it matches best, and "
    "every channel gives its mean and its peak: where in the map something was is gone."
)
SHIFTS_TOLD = "So many templates tell any two maps apart, up to shifts that wrap around."
POSES = (
    "{poses} poses make an orbit. {templates} random templates ask how well each matches in its best pose, beside the "
    "averages over the poses: which pose it was is gone."
)
POSES_TOLD = "So many templates tell any two things apart that differ in more than their pose."
MAIN_DIRECTIONS = "They look along the {kept} directions in which the tap varies most; finer differences may be lost."
RESAMPLED = (
    "The poses are a sample of the group or resampled: a little of the pose is left, and fine differences may be lost."
)


def choose(orbit: Orbit, kept: int) -> Choice:
    """The projection for a tap that ``orbit`` moves.

    Scalars of nodes are sorted, rows of nodes sorted along many directions; maps that shift are matched with templates
    over all shifts; for every other group, listed element by element, the default is a bank of max filters.

    Args:
        orbit: how the group moves the tap (:func:`workers.stages.posefree.tap_orbit`).
        kept: main directions that a bank looks along where the tap is wider.
    """
    if orbit.nodes:
        return _scalars(orbit) if _has_scalars(orbit) else _rows(orbit)
    return _elements(orbit, kept) if orbit.moves else _shifts(orbit, kept)


def _has_scalars(orbit: Orbit) -> bool:
    return len(orbit.nodes) == 1 and orbit.size == orbit.shape[orbit.nodes[0]]


def _scalars(orbit: Orbit) -> Choice:
    why = (
        f"Each of the {orbit.size} nodes holds one number here. Sorted by size, the numbers no longer say which node "
        "came first, and nothing else is lost; distances stay those between the graphs, not between their numberings."
    )
    return Choice("sorting", why, lossless=True, width=orbit.size)


def _rows(orbit: Orbit) -> Choice:
    nodes, columns = row_shape(orbit)
    enough, whole = directions_for(nodes, columns)
    told = ENOUGH.format(enough=enough) if enough else TOO_MANY
    why = PAIRS.format(nodes=nodes) if len(orbit.nodes) > 1 else f"{ROWS.format(nodes=nodes, columns=columns)} {told}"
    lossless = enough > 0 and len(orbit.nodes) == 1
    return Choice("sliced_sorting", why, lossless, width=whole * nodes + enough)


def _shifts(orbit: Orbit, kept: int) -> Choice:
    templates = shift_templates(orbit, kept)
    full = templates >= 2 * orbit.size
    told = SHIFTS_TOLD if full else MAIN_DIRECTIONS.format(kept=min(kept, orbit.size))
    width = templates + averages_of(orbit).width
    return Choice("shift_max_filters", f"{SHIFTS.format(templates=templates)} {told}", full, width)


def _elements(orbit: Orbit, kept: int) -> Choice:
    directions = min(kept, orbit.size)
    full = orbit.closed and directions == orbit.size
    told = POSES_TOLD if full else MAIN_DIRECTIONS.format(kept=directions) if orbit.closed else RESAMPLED
    why = POSES.format(poses=len(orbit.moves), templates=2 * directions)
    return Choice("max_filters", f"{why} {told}", full, width=2 * directions + averages_of(orbit).width)
