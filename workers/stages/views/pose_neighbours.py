"""What a tap holds nearest to a reference in another pose: by raw values, and without the pose."""

from __future__ import annotations

import numpy as np

from schemas.results import Gallery, Picture, PictureRow
from workers.stages.references import spread_rows
from workers.stages.views.pictures import answered
from workers.stages.views.poses import Floats, Poses
from workers.symmetry.neighbours import nearest

SHOWN, FOUND = 3, 5

EXPLANATION = (
    "At the left a reference moved to another pose ({pose}); beside it the {found} references whose values at {tap} "
    "come nearest. By raw values the pose decides along with the thing; without it the reference itself, as it was, "
    "should come first and things like it after. The marks compare answers with that of the picture at the left."
)


def neighbour_gallery(view: str, poses: Poses, names: list[str] | None, rng: np.random.Generator) -> Gallery:
    """Two rows per shown reference."""
    picked = spread_rows(poses.kinds, SHOWN, rng)
    rows = [row for i in picked for row in (
        _row(poses, names, int(i), poses.raw, "nearest by raw values"),
        _row(poses, names, int(i), poses.seen, "nearest without the pose"),
    )]  # fmt: skip
    return Gallery(
        view=view,
        title=f"Nearest at {poses.tap.name}, with and without the pose",
        subject=poses.tap.name,
        explanation=EXPLANATION.format(pose=poses.pose, found=FOUND, tap=poses.tap.name),
        columns=["in another pose", *(f"nearest {i}" for i in range(1, FOUND + 1))],
        rows=rows,
    )


def _row(poses: Poses, names: list[str] | None, query: int, points: tuple[Floats, Floats], heading: str) -> PictureRow:
    own, moved = points
    said = int(poses.moved.probabilities[query].argmax())
    found = nearest(moved[query : query + 1], own, FOUND)[0]
    pictures: list[Picture | None] = [answered(poses.moved.images[query], poses.moved.probabilities[query], names)]
    for row in found:
        picture = answered(poses.own.images[row], poses.own.probabilities[row], names, said)
        itself = {"caption": f"itself · {picture.caption}"} if row == query else {}
        pictures.append(picture.model_copy(update=itself))
    return PictureRow(heading=heading, pictures=pictures)
