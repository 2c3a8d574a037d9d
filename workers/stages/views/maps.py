"""What a tap leaves free: mean and spread of its invariance samples, pixel by pixel (papers.md 4(c), V2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.results import Gallery, Measure, Picture, PictureRow
from workers.evidence.bootstrap import mean_interval, ratio_interval, resampling_weights, retained_interval
from workers.evidence.estimators import Shares
from workers.stages.decoding import Studio
from workers.stages.faithfulness import estimate
from workers.stages.references import spread_rows
from workers.stages.stage import StageContext
from workers.stages.views.pictures import measured, plain

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]

MEASURED = 512
"""Images whose spread is measured, at most: more would not narrow the interval that a reader sees."""

REDRAWS = 4
INFERNO = np.array(
    [[0, 0, 4], [33, 12, 74], [86, 16, 110], [137, 34, 106], [187, 55, 84], [227, 89, 50], [249, 140, 10],
     [249, 201, 50], [252, 255, 164]], dtype=np.float32,
)  # fmt: skip
"""The colour map inferno (Smith and van der Walt 2015) at nine even places: lightness rises evenly from 0 to 1."""

EXPLANATION = (
    "Each row starts with a reference image, then its own autoencoded copy. Images were then drawn that {tap} cannot "
    "tell from it. The third picture is their average: what is sharp or coloured there is held fast by {tap}, what is "
    "washed out is not. The last picture shows how much each pixel varies among them: where it is bright, {tap} does "
    "not hold that pixel to its value; where it is black, the pixel must stay as it is, or no reference varies there. "
    "The maps of all taps share one scale, from 0 to {brightest:.0f} of 255 grey levels (standard deviation)."
)
CAUTION = (
    "A bright pixel is not a pixel that the classifier ignores: a classifier that reads a colour, or a sum over many "
    "pixels, leaves each of them free while it reads them all. Look at the average beside the map."
)
NUISANCE = (
    "Each row starts with a reference image, then its own autoencoded copy. Images were then drawn in which only that "
    "changes which the supervised VAE, a second opinion, holds to be of no matter for the answer. The third picture is "
    "their average. The last one shows how much each pixel varies among them, from 0 to {brightest:.0f} of 255 grey "
    "levels (standard deviation). Whether the classifier agrees stands beside the nuisance samples."
)


def invariance_maps(
    context: StageContext, studio: Studio, tap: str, rows: NDArray[np.int64], images: Images
) -> Gallery:  # fmt: skip
    """Mean and spread of ``images (n * draws, h, w, c)``, samples that share the tap's values with references ``rows``.

    The colour scale depends on the references alone, so it is the same at every tap. In the stage ``nuisance`` the
    samples are those of the supervised VAE.
    """
    nuisance = context.request.name == "nuisance"
    originals = studio.references.images[rows]
    samples = images.reshape(len(rows), -1, *images.shape[1:])
    brightest = largest_spread(studio.references.images)
    shown = spread_rows(studio.probabilities[rows].argmax(axis=1), context.budget.rows, context.rng("maps"))
    kept = studio.decode(studio.means[rows[shown]])
    pictures = [_row(originals[i], copy, samples[i], brightest) for i, copy in zip(shown, kept, strict=True)]
    return Gallery(
        view=context.request.name,
        title="What the VAE calls nuisance" if nuisance else f"What {tap} leaves free, pixel by pixel",
        subject=None if nuisance else tap,
        explanation=(NUISANCE if nuisance else EXPLANATION).format(tap=tap, brightest=brightest),
        columns=["original", "autoencoder's copy", "average of the samples", "how much each pixel varies"],
        rows=[*pictures, _legend(brightest)],
        measures=_measures(context, studio, rows[:MEASURED], samples[:MEASURED], originals[:MEASURED]),
        notes=[CAUTION],
    )


def largest_spread(references: Images) -> float:
    """Standard deviation of the pixel that varies most over the references, in grey levels: the top of the scale."""
    return max(float(np.sqrt(_variance(references[:MEASURED]).max())), 1.0)


def spread_map(samples: Images, brightest: float) -> Images:
    """Standard deviation of each pixel over ``samples (m, h, w, c)`` in colours, ``(h, w, 3)`` uint8."""
    return heat(np.sqrt(_variance(samples)) / brightest)


def heat(values: NDArray[np.floating]) -> Images:
    """Values 0..1 ``(h, w)`` in the colour map inferno, ``(h, w, 3)`` uint8; what lies outside is clipped."""
    places = np.clip(values, 0, 1) * (len(INFERNO) - 1)
    left = np.minimum(places.astype(np.int64), len(INFERNO) - 2)
    share = (places - left)[..., None]
    return np.asarray(np.rint(INFERNO[left] * (1 - share) + INFERNO[left + 1] * share), dtype=np.uint8)


def pixel_variance(samples: Images) -> NDArray[np.float64]:
    """Unbiased variance among draws, mean over pixels: ``(n, m, h, w, c) -> (n,)`` squared grey levels."""
    return np.array([float(_variance(draws).mean()) for draws in samples])


def _variance(samples: Images) -> Floats:
    """Unbiased variance over the first axis, mean over channels: ``(m, h, w, c) -> (h, w)``."""
    return np.asarray(samples.astype(np.float32).var(axis=0, ddof=1).mean(axis=-1))


def _row(original: Images, copy: Images, samples: Images, brightest: float) -> PictureRow:
    mean = np.rint(samples.mean(axis=0)).astype(np.uint8)
    typical = float(np.sqrt(_variance(samples).mean()))
    spread = plain(spread_map(samples, brightest), f"± {typical:.0f} grey levels")
    return PictureRow(pictures=[plain(original), plain(copy), plain(mean), spread])


def _legend(brightest: float) -> PictureRow:
    ramp = heat(np.tile(np.linspace(0, 1, 96), (12, 1)))
    scale = Picture(png=plain(ramp).png, caption=f"0 to {brightest:.0f} grey levels")
    return PictureRow(heading="scale", pictures=[None, None, None, scale])


def _measures(
    context: StageContext, studio: Studio, rows: NDArray[np.int64], samples: Images, originals: Images
) -> list[Measure]:  # fmt: skip
    """The spread in grey levels squared, as a share of the references', and how much of it the autoencoder explains."""
    weights = resampling_weights(len(rows), context.budget.bootstrap, context.rng("maps", "bootstrap"))
    free = pixel_variance(samples)
    redrawn = studio.redraw(np.repeat(rows, REDRAWS), context.generator("maps"))
    floor = pixel_variance(redrawn.reshape(len(rows), REDRAWS, *redrawn.shape[1:]))
    total = np.square(originals.astype(np.float32) - originals.mean(axis=0)).mean(axis=(1, 2, 3), dtype=np.float64)
    total *= len(rows) / max(1, len(rows) - 1)
    return [
        measured("pixel_variance", "mean variance of a pixel (squared grey levels)",
                 estimate(mean_interval(free, weights))),
        measured("share_of_references", "as a share of the variance between different references",
                 estimate(ratio_interval(Shares(free, total), weights))),
        measured("share_above_floor", "share of it that is not the autoencoder's own noise",
                 estimate(retained_interval(Shares(floor, free), weights))),
    ]  # fmt: skip
