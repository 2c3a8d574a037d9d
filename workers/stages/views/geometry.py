"""Stage ``geometry``: maps, neighbours and walks at each viewed tap, with the pose and without it (papers.md 3(c))."""

from __future__ import annotations

from schemas.results import Gallery
from workers.stages.intervals import Resampler
from workers.stages.stage import Produced, StageContext, pack_json
from workers.stages.views.pose_maps import map_gallery
from workers.stages.views.pose_neighbours import neighbour_gallery
from workers.stages.views.pose_walks import walk, walk_gallery
from workers.stages.views.poses import Poses, open_poses

FEWEST = 12
"""References below which neighbours say nothing."""


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of :class:`schemas.results.Gallery`, three per tap that has an invariant view.

    Raises:
        StageError: the classifier cannot be opened.
    """
    found: list[Gallery] = []
    for poses in open_poses(context):
        if len(poses) >= FEWEST:
            found.extend(_galleries(context, poses))
        context.report(0.9, f"compared {len(poses)} references at {poses.tap.name}")
    return Produced({"galleries": pack_json([one.model_dump(mode="json") for one in found])})


def _galleries(context: StageContext, poses: Poses) -> list[Gallery]:
    resampled = Resampler(context.rng("bootstrap", poses.tap.name), context.budget.bootstrap)
    view, names = context.request.name, context.config["outputs"]
    return [
        map_gallery(view, poses, resampled),
        neighbour_gallery(view, poses, names, context.rng("neighbours")),
        walk_gallery(view, walk(context, poses), names, resampled),
    ]
