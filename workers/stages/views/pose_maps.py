"""Two maps of the same things side by side: by a tap's raw values, and without their pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from schemas.results import Gallery, Measure, Picture, PictureRow
from workers.evidence.bootstrap import excess_interval, mean_interval, rate_interval
from workers.stages.faithfulness import estimate
from workers.stages.intervals import Resampler
from workers.stages.views.pictures import measured
from workers.stages.views.poses import Floats, Poses
from workers.stages.views.scatter import scatter
from workers.symmetry.neighbours import nearest, squared_distances

NEIGHBOURS = 5
TIED = 12
"""Things whose two places are tied by a line."""

EXPLANATION = (
    "Both maps show the same {count} references as {tap} holds them, laid out by the two directions in which they vary "
    "most. Each reference is there twice: a dot as it is, a ring of the same colour in another pose ({pose}). A few "
    "pairs are tied by a line. At the left the raw numbers count: the same thing in another pose may lie far away, as "
    "if it were another thing. At the right the pose is divided out: rings should sit on their dots, and what is left "
    "between points is what the tap holds beyond the pose. Points far off stand at the rim. Colours: {colours}."
)


def map_gallery(view: str, poses: Poses, resampled: Resampler) -> Gallery:
    """The maps with how well neighbours go together on them."""
    tied = np.linspace(0, len(poses) - 1, min(TIED, len(poses))).round().astype(np.int64)
    pictures: list[Picture | None] = [
        Picture(png=scatter(*flat(*points), poses.kinds, poses.names, tied), caption=caption)
        for points, caption in ((poses.raw, "raw values"), (poses.seen, "without the pose"))
    ]
    kinds = "the labels" if poses.labelled else "the classifier's answers"
    told = EXPLANATION.format(count=len(poses), tap=poses.tap.name, pose=poses.pose, colours=kinds)
    return Gallery(
        view=view,
        title=f"A map of {poses.tap.name}, with and without the pose",
        subject=poses.tap.name,
        explanation=f"{told} How the pose was divided out: {poses.free.view.why}",
        columns=["raw values", "without the pose"],
        rows=[PictureRow(pictures=pictures)],
        measures=_measures(poses, resampled),
        notes=_notes(poses),
    )


def flat(own: Floats, moved: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Principal plane of both together, ``(m, 2)`` each; a tap of one unit lies on a line."""
    both = np.concatenate([own, moved]).astype(np.float64)
    both = np.concatenate([both, np.zeros((len(both), max(0, 2 - both.shape[1])))], axis=1)
    plane = PCA(2, svd_solver="randomized", random_state=0).fit_transform(both)
    return plane[: len(own)], plane[len(own) :]


def _measures(poses: Poses, resampled: Resampler) -> list[Measure]:
    weights = resampled(len(poses))
    k = min(NEIGHBOURS, len(poses) - 1)
    what = "same label" if poses.labelled else "same answer"
    shares = {name: same_kind(points, poses.kinds, k) for name, points in _forms(poses)}
    itself = {name: finds_itself(*points) for name, points in _forms(poses)}
    apart = {name: pose_distance(*points) for name, points in _forms(poses)}
    said = {"raw": "by raw values", "free": "without the pose"}
    return [
        *(measured(f"neighbours_{name}", f"{what} among the {k} nearest to a reference in another pose, {said[name]}",
                   estimate(rate_interval(found, weights))) for name, found in shares.items()),
        measured("neighbours_gain", f"{what} among the {k} nearest: gained by dividing the pose out",
                 estimate(excess_interval(shares["free"] - shares["raw"], weights))),
        *(measured(f"itself_{name}", "references in another pose that are nearest to themselves as they were, "
                   f"{said[name]}", estimate(rate_interval(found, weights))) for name, found in itself.items()),
        *(measured(f"pose_distance_{name}", "distance of a reference from itself in another pose, in distances between "
                   f"references, {said[name]}", estimate(mean_interval(found, weights)))
          for name, found in apart.items()),
    ]  # fmt: skip


def _forms(poses: Poses) -> list[tuple[str, tuple[Floats, Floats]]]:
    return [("raw", poses.raw), ("free", poses.seen)]


def same_kind(points: tuple[Floats, Floats], kinds: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Share of the ``k`` references nearest to each moved one that are of its kind, itself left out: ``(m,)``."""
    own, moved = points
    found = nearest(moved, own, k, but=np.arange(len(own)))
    return np.asarray((kinds[found] == kinds[:, None]).mean(axis=1))


def finds_itself(own: Floats, moved: Floats) -> NDArray[np.float64]:
    """Whether each moved reference lies no farther from itself as it was than from any other: 0 or 1, ``(m,)``.

    Of two references that the tap holds as one, each counts as itself.
    """
    apart = squared_distances(moved, own)
    room = 1e-6 * float(np.square(own.astype(np.float64)).sum(axis=1).max(initial=0))
    return np.asarray(np.diag(apart) <= apart.min(axis=1) + room, dtype=np.float64)


def pose_distance(own: Floats, moved: Floats) -> NDArray[np.float64]:
    """``|h(gx) - h(x)|`` over the mean of ``|h(x) - h(x')|``, ``(m,)``."""
    between = np.linalg.norm(own.astype(np.float64) - np.roll(own, 1, axis=0), axis=1).mean()
    return np.asarray(np.linalg.norm(moved.astype(np.float64) - own, axis=1) / max(float(between), 1e-9))


def _notes(poses: Poses) -> list[str]:
    if poses.free.view.exact:
        return []
    return [
        f"{poses.tap.name} moves with the picture only nearly: a little of the pose is left in the map at the right."
    ]
