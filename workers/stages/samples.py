"""Stage ``samples:<tap>``: images that the tap cannot tell apart, each sent back through the ONNX file.

With ``view="invariant"`` in its configuration: images that the tap cannot tell apart once its pose is divided out
(papers.md 5.3). The input ``latents`` then holds the invariant view in the place of the values, and ``projection`` how
to make it of new ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.results import Gallery, InvariantView
from workers.evidence.poses import pose_of
from workers.graphs.packing import is_graph
from workers.stages.class_names import as_outputs
from workers.stages.decoding import Studio, open_studio
from workers.stages.factors import concepts_of
from workers.stages.faithfulness import Faithful, judge, tap_sheet
from workers.stages.inn import condition, load_inn
from workers.stages.posefree import open_posefree, views_of
from workers.stages.references import random_rows, spread_rows
from workers.stages.stage import Arrays, Produced, StageContext, pack, pack_json
from workers.stages.views.maps import invariance_maps

FEWEST_UNSEEN = 50


def run(context: StageContext) -> Produced:
    """Readings of every sample (``reading:<feature>``, ``(n, draws, width)``), answers, deviations, and the sheet.

    Deviations of a tap that moves with the picture are measured between orbits besides, those of its invariant view on
    the view. Where concepts were fitted also ``factor:<concept>`` ``(n, draws, k)``, ``e_k`` of the drawn codes
    themselves without any picture between.
    """
    tap = context.config["tap"]
    studio = open_studio(context, tap)
    rows = unseen_rows(context, len(studio.references))
    z = condition(context.arrays("latents"), tap)[torch.from_numpy(rows)]
    codes = load_inn(context.blob("inn")).sample(z, context.budget.draws, context.generator("draws"))
    return sampled(context, studio, tap, rows, codes)


def unseen_rows(context: StageContext, available: int) -> NDArray[np.int64]:
    """References that the network was not fitted on: of those it was, it remembers more than the tap tells.

    Where there are too few of them for an estimate, any: memory errs towards "retained", never towards "ignored".
    """
    unseen, count = context.arrays("diagnostics")["rows"], context.budget.references
    if len(unseen) < FEWEST_UNSEEN:
        return random_rows(available, count, context.rng("references"))
    return np.sort(unseen[random_rows(len(unseen), count, context.rng("references"))])


def sampled(context: StageContext, studio: Studio, tap: str, rows: NDArray[np.int64], codes: Tensor) -> Produced:
    """Draw, read and judge ``codes (n, draws, d)`` that stand for the references ``rows``."""
    originals = studio.references.images[rows]
    reconstructions = studio.decode(studio.means[torch.from_numpy(rows)])
    images = studio.decode(codes.flatten(0, 1))
    context.report(0.3, f"{len(images)} images drawn")
    readings = read_all(studio, images, codes.shape[1])
    context.report(0.6, "read by the oracles")
    posefree = open_posefree(context, tap, originals.shape[1:]) if tap in views_of(context) else None
    faithful = judge(studio.classifier, tap, originals, reconstructions, images, posefree)
    context.report(0.9, "sent back through the classifier")
    return Produced(
        {
            "samples": pack({"rows": rows, **readings, **factors(context, codes), **faithful.arrays()}),
            "sheet": sheet(context, studio, tap, rows, faithful),
            "galleries": pack_json(galleries(context, studio, tap, rows, images)),
        }
    )


def galleries(
    context: StageContext, studio: Studio, tap: str, rows: NDArray[np.int64], images: NDArray[np.uint8]
) -> list[dict[str, Any]]:
    """Pixel by pixel what the samples leave free, as JSON; there are no such maps of graphs."""
    if is_graph(images):
        return []
    maps = invariance_maps(context, studio, tap, rows, images)
    if context.config.get("view") == "invariant":
        maps = without_pose(maps, tap, views_of(context)[tap])
    return [maps.model_dump(mode="json")]


def without_pose(maps: Gallery, tap: str, view: InvariantView) -> Gallery:
    """Maps of samples that share the invariant ``view`` of ``tap``, told as such."""
    pose = pose_of(view.group.value)
    said = (
        f"The samples here share everything with their original that {tap} holds, but the pose ({pose}): a picture in"
        f" another pose counts as the same. Compare with the maps of {tap} itself: what is bright here and dark there,"
        f" {tap} holds as pose alone. "
    )
    lost = [] if view.lossless else [f"The view that the samples share drops more than the pose. {view.why}"]
    return maps.model_copy(
        update={
            "view": f"samples@invariant:{tap}",
            "title": f"What {tap} leaves free but for the pose, pixel by pixel",
            "explanation": said + maps.explanation,
            "notes": [*lost, *maps.notes],
        }
    )


def factors(context: StageContext, codes: Tensor) -> Arrays:
    """``factor:<concept>`` ``(n, draws, k)`` of every concept, without any picture (M1 on ``e``)."""
    n, draws, _ = codes.shape
    flat = codes.flatten(0, 1)
    return {f"factor:{one.name}": one.factor.read(flat).reshape(n, draws, -1) for one in concepts_of(context)}


def read_all(studio: Studio, images: NDArray[np.uint8], draws: int) -> Arrays:
    """``reading:<feature>`` arrays ``(n, draws, width)`` of images ``(n * draws, h, w, c)``."""
    read = studio.reader.encoded(images)
    return {f"reading:{name}": values.reshape(-1, draws, values.shape[1]) for name, values in read.items()}


def sheet(context: StageContext, studio: Studio, tap: str, rows: NDArray[np.int64], faithful: Faithful) -> bytes:
    """The pictures for people: a spread of answers, the first draws of each."""
    budget = context.budget
    shown = spread_rows(faithful.original.predicted, budget.rows, context.rng("sheet"))
    known = studio.references.labels
    labels = None if known is None else as_outputs(known, context.config["classes"], context.config["outputs"])
    built = tap_sheet(
        tap, faithful, shown, rows, None if labels is None else labels[rows], budget.columns, context.rng("bootstrap"),
        budget.bootstrap,
    )  # fmt: skip
    return pack_json(built.model_dump(mode="json"))
