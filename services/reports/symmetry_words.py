"""The words of the section on symmetry: groups, actions, states and projections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from schemas.audits import SymmetryGroup

State = Literal["exact", "approximate", "broken", "unclear"]


@dataclass(frozen=True)
class GroupWord:
    """How one group is told: ``title`` over its column, ``done`` to inputs; one tap ``follows``, two ``follow``."""

    title: str
    done: str
    follows: str
    follow: str


@dataclass(frozen=True)
class StateWord:
    """How one state is told: ``word`` in cells, ``meaning`` in the legend."""

    word: str
    meaning: str


GROUPS: Final[dict[SymmetryGroup, GroupWord]] = {
    SymmetryGroup.TRANSLATIONS: GroupWord("shifts", "Shifted by whole pixels", "shifts along", "shift along"),
    SymmetryGroup.FLIPS: GroupWord("mirroring", "Mirrored", "is mirrored along", "are mirrored along"),
    SymmetryGroup.C4: GroupWord("quarter turns", "Turned by quarter turns", "turns along", "turn along"),
    SymmetryGroup.C8: GroupWord("turns by 45°", "Turned in steps of 45°", "turns along", "turn along"),
    SymmetryGroup.SO2: GroupWord("any turn", "Turned by any angle", "turns along", "turn along"),
    SymmetryGroup.SCALE: GroupWord("zoom", "Zoomed in or out", "zooms along", "zoom along"),
    SymmetryGroup.COLOURS: GroupWord(
        "colour channels", "With its colour channels swapped", "changes along", "change along"
    ),
    SymmetryGroup.NODES: GroupWord(
        "order of nodes", "With its nodes in another order", "is reordered along", "are reordered along"
    ),
}
"""In the order of the columns."""

STATES: Final[dict[State, StateWord]] = {
    "exact": StateWord(
        "exact",
        "no error but that of rounding; where poses fall between pixels, hardly any on these, and that on the others",
    ),
    "approximate": StateWord(
        "roughly", "a small error: as training makes it, or too close to what resampling does to tell"
    ),
    "broken": StateWord("broken", "shown to be far from it"),
    "unclear": StateWord(
        "unclear",
        "the interval decides neither, resampling alone blurs too much to tell, or the references hardly change",
    ),
}

FIELDS: Final[dict[str, str]] = {
    "identity": "stays as it is",
    "spatial": "the map moves with the {picture}",
    "regular": "the map moves with the {picture}, and its channels take turns in blocks",
    "regular_interleaved": "the map moves with the {picture}, and its channels take turns, interleaved",
    "nodes": "its rows are reordered with the nodes",
}
"""What each known action does to a tap."""

PROJECTIONS: Final[dict[str, str]] = {
    "sorting": "values, sorted",
    "sliced_sorting": "rows along many directions, each sorted",
    "max_filters": "best match with each of many templates, over all poses",
    "shift_max_filters": "best match with each of many templates, over all shifts",
    "average": "average over all poses",
    "random_linear": "random sums that no pose changes",
    "moduli": "strengths of its rotation frequencies",
    "bispectrum": "products of its rotation frequencies that no turn changes",
    "canonical": "values in a standard pose",
}
"""The functions that divide a pose out (``workers.symmetry.projections``)."""
