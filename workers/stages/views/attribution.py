"""Stage ``attribution``: which pixels and which task dimensions drive a class (papers.md 1(c), S5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from schemas.results import Estimate, Gallery, Measure, Picture, PictureRow
from workers.classifier.selection import LOGITS
from workers.evidence.bootstrap import mean_interval, rate_interval
from workers.stages.faithfulness import estimate
from workers.stages.inn import condition, load_inn
from workers.stages.references import spread_rows
from workers.stages.stage import Produced, StageContext, pack_json
from workers.stages.untrained import open_twin
from workers.stages.views.colours import legend, overlay
from workers.stages.views.drivers import driver_gallery
from workers.stages.views.patches import PatchMaps, patch_maps, visible_patches
from workers.stages.views.pictures import answered, measured, plain
from workers.stages.views.walks import Bench, open_bench

GRID = 7
ORDERS = 5
"""Orders of removal per half of a map; an averaged map has one per half and sample."""
DRAWS = 6
ALIKE = 0.5
"""Mean rank correlation with the map of random weights from which on a map is not to be believed."""
FEWEST_PATCHES = 5
COLUMNS = ["image", "this image", "averaged over what is ignored", "random weights"]
EXPLANATION = (
    "The picture is cut into patches. Red patches speak for the answer, blue ones against it, white ones do not "
    "matter. Second picture: the map of this very image. Third: the mean of the maps of images that the classifier "
    "cannot tell from it, so what is still red stays relevant while everything that the classifier ignores varies. "
    "Last: the map of the same graph with random weights. A map that looks like that one shows the picture's outline, "
    "not what the classifier learned. How it is made: patches are removed in random orders, the uploaded file is asked "
    "each time, and each patch gets its mean share of the change of the answer's log-odds (Shapley values). A removed "
    "patch takes the median colour of its image's border."
)


@dataclass(frozen=True)
class Maps:
    """Maps of ``n`` reference images ``rows``.

    ``averaged`` ``(n, rows, columns)`` is NaN where no sample kept the answer; ``kept`` ``(n,)`` is the share that did.
    ``seen`` marks the patches that can be tested.
    """

    rows: NDArray[np.int64]
    answers: NDArray[np.int64]
    seen: NDArray[np.bool_]
    plain: PatchMaps
    averaged: NDArray[np.float32]
    kept: NDArray[np.float64]
    twin: PatchMaps


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of :class:`schemas.results.Gallery`.

    Raises:
        StageError: ONNX Runtime cannot open the classifier or its twin.
    """
    bench = open_bench(context)
    drivers = driver_gallery(bench)
    context.report(0.3, "asked which task dimensions drive a class")
    pixels = pixel_gallery(bench, make_maps(bench))
    return Produced({"galleries": pack_json([gallery.model_dump(mode="json") for gallery in (pixels, drivers)])})


def make_maps(bench: Bench) -> Maps:
    """Maps of a spread of reference images, of their invariance samples, and by a twin of random weights."""
    context, studio = bench.context, bench.studio
    answers = studio.probabilities[bench.rows].argmax(axis=1)
    rows = bench.rows[spread_rows(answers, 2 * context.budget.rows, context.rng("maps"))]
    images, said = studio.references.images[rows], studio.probabilities[rows].argmax(axis=1)
    twin = open_twin(context, [])
    averaged, kept = _averaged(bench, rows, said)
    return Maps(
        rows, said, visible_patches(images, GRID),
        patch_maps(studio.classifier, images, said, GRID, ORDERS, context.generator("plain")), averaged, kept,
        patch_maps(twin, images, said, GRID, ORDERS, context.generator("twin")),
    )  # fmt: skip


def _averaged(
    bench: Bench, rows: NDArray[np.int64], said: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:  # fmt: skip
    """The mean map over the samples that keep the answer, and how many do."""
    context = bench.context
    z = condition(context.arrays("latents"), LOGITS)[torch.from_numpy(rows)]
    images = bench.draw(load_inn(context.blob("inn")).sample(z, DRAWS, context.generator("samples")))
    agrees = bench.ask(images).argmax(axis=-1) == said[:, None]
    flat = images[agrees]
    patches = [min(GRID, size) for size in images.shape[2:4]]
    maps = np.full((*agrees.shape, *patches), np.nan, np.float32)
    if len(flat):
        answers = np.broadcast_to(said[:, None], agrees.shape)[agrees]
        found = patch_maps(bench.studio.classifier, flat, answers, GRID, 1, context.generator("averaged"))
        maps[agrees] = found.mean
    counts = agrees.sum(axis=1)
    mean = np.nansum(maps, axis=1) / np.where(counts, counts, np.nan)[:, None, None]
    return np.asarray(mean, dtype=np.float32), agrees.mean(axis=1)


def pixel_gallery(bench: Bench, maps: Maps) -> Gallery:
    """The maps side by side, and how much the trained one resembles that of random weights."""
    measures = _measures(bench, maps)
    return Gallery(
        view=bench.context.request.name, title="Which pixels matter", explanation=EXPLANATION, columns=COLUMNS,
        rows=[*(_row(bench, maps, i) for i in range(min(len(maps.rows), bench.context.budget.rows))), _legend()],
        measures=measures, notes=cautions({measure.name: measure.estimate for measure in measures}),
    )  # fmt: skip


def cautions(found: dict[str, Estimate | None]) -> list[str]:
    """What forbids believing the maps, or weakens them."""
    both = [one for one in (found.get("alike"), found.get("alike_unsigned")) if one is not None]
    alike, testable = max(both, key=lambda one: one.value, default=None), found.get("testable")
    notes = []
    if alike is None:
        notes.append("The graph with random weights gave no map to compare with: the sanity check could not be made.")
    elif alike.value >= ALIKE:
        notes.append(
            f"Do not read these maps: random weights give nearly the same ones (rank correlation {alike.value:.2f})."
        )
    elif max(one.high for one in both) >= ALIKE:
        notes.append("Read these maps with care: so few images cannot rule out that random weights give much the same.")
    if testable is not None and testable.value < 1:
        notes.append(
            f"White is not always 'ignored': {1 - testable.value:.0%} of the patches have the border's colour already,"
            " and to remove them changes nothing. What the classifier would make of something there, no map says."
        )
    return notes


def _measures(bench: Bench, maps: Maps) -> list[Measure]:
    weights = bench.weights(len(maps.rows))
    compared = {
        "alike": ("rank correlation of the trained map with that of random weights", maps.plain.mean, maps.twin.mean),
        "alike_unsigned": ("the same without regard to the sign", np.abs(maps.plain.mean), np.abs(maps.twin.mean)),
        "repeated": ("for comparison: of two halves of the same trained map", maps.plain.first, maps.plain.second),
        "stays": ("of the map of this image with the averaged one", maps.plain.mean, maps.averaged),
    }
    found = [
        _correlation(name, label, rank_correlations(a, b, maps.seen), weights)
        for name, (label, a, b) in compared.items()
    ]
    testable = estimate(rate_interval(maps.seen.mean(axis=(1, 2)), weights))
    kept = estimate(rate_interval(maps.kept, weights))
    return [
        *found, measured("testable", "patches that do not have the border's colour already", testable),
        measured("samples_kept", "samples that kept the answer and went into the averaged maps", kept),
    ]  # fmt: skip


def rank_correlations(
    a: NDArray[np.floating], b: NDArray[np.floating], seen: NDArray[np.bool_]
) -> NDArray[np.float64]:  # fmt: skip
    """Spearman's rank correlation of two maps per image over the patches ``seen``, ``(n,)``; NaN where undefined."""
    return np.array([_spearman(x[mask], y[mask]) for x, y, mask in zip(a, b, seen, strict=True)])


def _spearman(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    if len(x) < FEWEST_PATCHES or not np.isfinite([x, y]).all() or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])


def _correlation(name: str, label: str, values: NDArray[np.float64], weights: NDArray[np.float32]) -> Measure:
    known = np.isfinite(values)
    over = weights[:, known]
    over = over[over.sum(axis=1) > 0]
    if known.sum() < 2:
        return Measure(name=name, label=label, value=None)
    return measured(name, label, estimate(mean_interval(values[known], over)))


def _row(bench: Bench, maps: Maps, i: int) -> PictureRow:
    image = bench.studio.references.images[maps.rows[i]]
    first = answered(image, bench.studio.probabilities[maps.rows[i]], bench.names)
    plain_map, averaged, twin = maps.plain.mean[i], maps.averaged[i], maps.twin.mean[i]
    both = np.concatenate([plain_map.ravel(), averaged[np.isfinite(averaged)]])
    limit = float(np.abs(both).max())
    return PictureRow(pictures=[
        first, _map(plain_map, limit, image),
        _map(averaged, limit, image) if np.isfinite(averaged).all() else None,
        _map(twin, float(np.abs(twin).max()), image),
    ])  # fmt: skip


def _map(values: NDArray[np.float32], limit: float, image: NDArray[np.uint8]) -> Picture:
    return plain(overlay(values, limit, image), f"deepest colour: ±{limit:.2g} log-odds")


def _legend() -> PictureRow:
    return PictureRow(heading="scale", pictures=[None, plain(legend(), "against · nothing · for"), None, None])
