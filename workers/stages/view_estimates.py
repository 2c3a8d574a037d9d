"""What the invariant view of a tap shows of every feature (papers.md 5.3): the same measures as of its raw values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.results import InvariantView, Symmetry
from workers.evidence.bootstrap import Interval
from workers.evidence.features import FeatureColumn
from workers.evidence.readability import read_features
from workers.evidence.retention_states import lost
from workers.stages.intervals import Statistician
from workers.stages.network_checks import NetworkChecks, check_network
from workers.stages.posed import UNPOSED, Posed
from workers.stages.posefree import views_of
from workers.stages.retentions import Readers, Retentions, retentions
from workers.stages.stage import Arrays, StageContext
from workers.symmetry.tap_actions import kind_of

FOLLOWED = frozenset({"exact", "approximate"})
"""States in which a tap is shown to move with the picture as the view assumes."""


@dataclass(frozen=True)
class PoseFreeMeasurements:
    """The invariant ``view`` of a tap, retentions ``by`` it, and whether the tap ``follows`` the action it divides out.

    ``turned``: predictive retentions by the tap's own values in random poses, of the features of which the view does
    not tell whether more than the pose was lost. ``network``: checks of the invertible network that was fitted to the
    view, where one was. ``posed``: how far the view's group changes each feature that a probe reads from the raw values
    and not from the view.
    """

    view: InvariantView
    follows: bool
    by: Retentions
    turned: Retentions
    network: NetworkChecks | None
    posed: dict[str, Interval] = field(default_factory=dict)


def measure_view(
    context: StageContext, tap: str, columns: list[FeatureColumn], raw: Retentions, readers: Readers, by: Statistician,
    posed: Posed,
) -> PoseFreeMeasurements | None:  # fmt: skip
    """Probes of the view, and what its own samples show where a network was fitted to it; ``None`` without a view.

    Folds and resamples are those of the raw values: the two differ by what is read, and by nothing else.
    """
    view = views_of(context).get(tap)
    if view is None:
        return None

    def probed(wide: NDArray[np.float16], of: list[FeatureColumn], drawn: Arrays | None = None) -> Retentions:
        readable = read_features(wide, of, context.rng("probes", tap), readers.strata) if of else {}
        return retentions([column.name for column in of], readable, drawn, readers, by)

    drawn, network, wide = None, None, context.arrays("invariant")[tap]
    if fitted(context, tap):
        drawn, diagnosed = context.arrays(f"invariant:{tap}"), context.arrays(f"inn@invariant:{tap}")
        network = check_network(diagnosed, wide, context.rng("independence", tap, "invariant"), by.weights)
    found, following = probed(wide, columns, drawn), follows(symmetries_of(context), view)
    open_ones = [one for one in columns if following and lost_in(one.name, raw, found)]
    doubted = [] if view.lossless else open_ones
    turned = probed(context.arrays("turned")[tap], doubted) if doubted else Retentions.none()
    moved = posed(view.group.value, [one.name for one in open_ones])
    return PoseFreeMeasurements(view, following, found, turned, network, moved)


def lost_in(feature: str, raw: Retentions, view: Retentions) -> bool:
    """Whether one and the same probe reads ``feature`` from the raw values, and not from the view."""
    measures = ((raw.predictive, view.predictive), (raw.stratified, view.stratified))
    return any(lost(a[feature].jointly, b[feature].jointly) for a, b in measures if feature in a and feature in b)


def fitted(context: StageContext, tap: str) -> bool:
    """Whether an invertible network was fitted to the view of ``tap``."""
    return f"invariant:{tap}" in context.request.inputs


def view_measures(context: StageContext) -> int:
    """Retentions per feature that views add to the family.

    One by a probe of each view, one more where it is drawn from, one of random poses where it is not lossless; and one
    per group of how far it changes the feature.
    """
    views = views_of(context)
    groups = {view.group.value for view in views.values()} - {UNPOSED}
    return len(groups) + sum(1 + fitted(context, tap) + (not view.lossless) for tap, view in views.items())


def symmetries_of(context: StageContext) -> list[Symmetry]:
    """Rows of the symmetry screen; none where the audit made no screen."""
    if "symmetry" not in context.request.inputs:
        return []
    return [Symmetry.model_validate(row) for row in context.json("symmetry")["symmetries"]]


def follows(rows: Iterable[Symmetry], view: InvariantView) -> bool:
    """Whether the screen showed that the tap moves as ``view`` assumes, exactly or by training.

    A declared group is divided out whether or not the tap follows it: then the view is still a function of the tap,
    and what it leaves out is not the pose of the picture.
    """
    viewed = (view.tap, view.group, kind_of(view.action))
    return any(row.state in FOLLOWED for row in rows if (row.tap, row.group, row.action) == viewed)
