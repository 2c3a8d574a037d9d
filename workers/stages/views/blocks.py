"""Is the split of the supervised VAE sound? The numbers of M8 (papers.md 5.2), each with its interval."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.results import Estimate, Gallery, Measure
from workers.evidence.bootstrap import Interval, mean_interval, rate_interval, retained_interval, wilson_interval
from workers.evidence.estimators import Shares
from workers.stages.faithfulness import estimate
from workers.stages.views.appearance import in_words, variance_of_looks
from workers.stages.views.pictures import measured
from workers.stages.views.walks import Bench
from workers.vae import Leakage, class_residuals, resample_nuisance

EXPLANATION = (
    "The supervised VAE is a second opinion, built another way than the invertible networks: a narrow task block that "
    "must tell the classifier's answer, and a nuisance block that must not. These numbers say how far to trust the "
    "pictures below. Nuisance drawn anew should keep the answer (agreement) and still change the picture (diversity): "
    "agreement without diversity says nothing, for the pictures are then all the same."
)
CLASS_SHARE = 0.1
DRAWS = 6


def block_gallery(bench: Bench) -> Gallery:
    """Agreement, diversity, leakage, class-dependence and active units of both blocks."""
    n = max(8, bench.context.budget.references // 4)
    chosen = torch.from_numpy(bench.rows[np.sort(bench.context.rng("blocks").permutation(len(bench.rows))[:n])])
    images = _resampled(bench, chosen)
    agreement = _agreement(bench, chosen.numpy(), images)
    diversity, floor = (_spread(bench, drawn) for drawn in (images, _redrawn(bench, chosen)))
    style, (varies, _) = _style(bench), in_words(images)
    gallery = Gallery(
        view=bench.context.request.name, title="How sound the split is", explanation=EXPLANATION,
        measures=[
            measured("fidelity", "held-out codes whose answer the task block tells", _fidelity(bench)),
            measured("agreement", "images with nuisance drawn anew that keep the file's answer", agreement),
            measured("diversity", f"their {varies}, as a share of that among the references", diversity),
            measured("diversity_floor", "the same of the autoencoder alone: redrawing one image", floor),
            measured("leakage", "how far a probe finds the answer in the nuisance block (0 chance, 1 fully)",
                     leakage_estimate(bench.vae.leakage)),
            *([measured("class_share", "share of the nuisance block's variance that lies between answers", style)]
              if style else []),
            *_units(bench),
        ],
    )  # fmt: skip
    gallery.notes.extend(cautions(diversity, floor, style))
    return gallery


def cautions(diversity: Estimate, floor: Estimate, style: Estimate | None) -> list[str]:
    """What a reader must know before believing the pictures."""
    notes = []
    if diversity.low <= floor.high:
        notes.append(
            "Drawing the nuisance anew changes the pictures hardly more than the autoencoder's own noise does: that"
            " they keep the answer says nothing about invariance."
        )
    if style is not None and style.high > CLASS_SHARE:
        notes.append(
            f"The nuisance differs between answers ({style.value:.0%} of its variance): either the images of different"
            " classes differ in style, which no split can undo, or the nuisance block still holds part of the answer."
        )
    return notes


def leakage_estimate(leakage: Leakage) -> Estimate:
    """Excess of the probe's accuracy over chance, as a share of what is possible, with Wilson's interval."""
    accuracy = wilson_interval(leakage.accuracy * leakage.n, leakage.n)
    room = 1 - leakage.chance
    if room <= 0:
        return estimate(Interval(0.0, 0.0, 1.0, accuracy.level, leakage.n, "none: only one answer"))
    value, low, high = ((x - leakage.chance) / room for x in (accuracy.value, accuracy.low, accuracy.high))
    return estimate(
        Interval(value, min(low, value), max(high, value), accuracy.level, leakage.n, "wilson, over chance")
    )


def _fidelity(bench: Bench) -> Estimate:
    n = bench.vae.leakage.n
    return estimate(wilson_interval(bench.vae.fidelity * n, n))


def _resampled(bench: Bench, chosen: torch.Tensor) -> NDArray[np.uint8]:
    codes = resample_nuisance(
        bench.vae.model, bench.vae.nuisance, bench.studio.means[chosen], DRAWS, bench.context.generator("nuisance")
    )
    return bench.draw(codes)


def _redrawn(bench: Bench, chosen: torch.Tensor) -> NDArray[np.uint8]:
    rows = np.repeat(chosen.numpy(), DRAWS)
    drawn = bench.studio.redraw(rows, bench.context.generator("floor"))
    return drawn.reshape(len(chosen), DRAWS, *drawn.shape[1:])


def _agreement(bench: Bench, rows: NDArray[np.int64], images: NDArray[np.uint8]) -> Estimate:
    said = bench.studio.probabilities[rows].argmax(axis=1)
    rates = (bench.ask(images).argmax(axis=-1) == said[:, None]).mean(axis=1)
    return estimate(rate_interval(rates, bench.weights(len(rows))))


def _spread(bench: Bench, images: NDArray[np.uint8]) -> Estimate:
    """Unbiased variance among the draws of one image, over that among the references."""
    variances = np.array([variance_of_looks(draws) for draws in images])
    return estimate(mean_interval(variances / bench.variance, bench.weights(len(images))))


def _style(bench: Bench) -> Estimate | None:
    """Share of the nuisance means' variance between the classifier's answers; ``None`` where there is one answer."""
    answers = torch.from_numpy(bench.studio.probabilities[bench.rows].argmax(axis=1))
    if int(answers.min()) == int(answers.max()):
        return None
    found = class_residuals(bench.latent.nuisance, answers)
    shares = Shares(*(part.sum(dim=1).double().numpy() for part in (found.within, found.total)))
    return estimate(retained_interval(shares, bench.weights(len(found.rows))))


def _units(bench: Bench) -> list[Measure]:
    vae = bench.vae
    return [
        Measure(name="active_task", label=f"active units of the task block, of {vae.model.task_dim}",
                value=vae.active_task),
        Measure(name="active_nuisance", label=f"active units of the nuisance block, of {vae.model.nuisance_dim}",
                value=vae.active_nuisance),
    ]  # fmt: skip
