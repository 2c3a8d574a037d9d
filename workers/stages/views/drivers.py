"""Which task dimension drives a class: by resampling it, asked of the ONNX file, and by the VAE's own head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.results import Chart, Estimate, Gallery, Line, PictureRow
from workers.evidence.bootstrap import mean_interval, rate_interval
from workers.stages.faithfulness import estimate
from workers.stages.views.maps import heat
from workers.stages.views.odds import log_odds
from workers.stages.views.pictures import answered, class_name, measured, plain
from workers.stages.views.walks import Bench, latent_of

DRAWS = 2
CLASSES = 6
FEWEST = 8
SHOWN = 3
EXPLANATION = (
    "The task block of the supervised VAE holds what tells the answer. Each of its dimensions was replaced by that of "
    "another reference image, the picture drawn again and shown to the uploaded file. The first chart says how much "
    "the answer loses: a dimension far above 0 drives it. The second chart is what the VAE's own linear head would say "
    "(weight times activation); where the two differ, believe the first: it asked the file. Below, for the strongest "
    "dimensions: an image as the VAE draws it, with the dimension replaced, and (bright) the pixels that change. A "
    "small loss is no proof that a dimension is ignored: several may say the same."
)


@dataclass(frozen=True)
class Drivers:
    """Per image and task dimension ``(n, dims)``: ``drop`` of the answer's log-odds and ``flips`` (share of draws)
    measured on the file, ``head`` the linear head's contribution; ``answers`` ``(n,)`` to the unmoved ``drawn``.
    """

    chosen: NDArray[np.int64]
    drawn: NDArray[np.uint8]
    answers: NDArray[np.int64]
    drop: NDArray[np.float64]
    flips: NDArray[np.float64]
    head: NDArray[np.float64]
    replaced: NDArray[np.uint8]
    """Pictures ``(dims, n, h, w, c)`` of the first draw."""


def driver_gallery(bench: Bench) -> Gallery:
    """Charts over the task dimensions, strongest first, one line per frequent answer."""
    found = find_drivers(bench)
    order = np.argsort(-found.drop.mean(axis=0), kind="stable")
    gallery = Gallery(
        view=bench.context.request.name, title="Which task dimensions drive an answer", explanation=EXPLANATION,
        columns=["as the VAE draws it", "with the dimension replaced", "pixels that change, on average"],
        rows=[_row(bench, found, int(dimension)) for dimension in order[:SHOWN]],
        charts=[
            _chart(bench, found, order, found.drop, "Log-odds that the answer loses, asked of the uploaded file"),
            _chart(bench, found, order, found.head, "The same by the VAE's linear head (weight x activation)"),
        ],
    )  # fmt: skip
    weights = bench.weights(len(found.chosen))
    for dimension in order[:SHOWN]:
        share = estimate(rate_interval(found.flips[:, dimension], weights))
        label = f"task {dimension + 1}: replacing it changes the answer of the drawing"
        gallery.measures.append(measured(f"task_{dimension + 1}_flips", label, share))
    return gallery


def find_drivers(bench: Bench) -> Drivers:
    """Replace every task dimension of some references by draws of the aggregate posterior; one dimension at a time."""
    model, rng = bench.vae.model, bench.context.rng("drivers")
    chosen = rng.permutation(len(bench.rows))[: max(8, bench.context.budget.references // 4)]
    latent = latent_of(bench, chosen)
    drawn = bench.draw(model.decode(*latent).detach())
    logits = bench.studio.classifier.run(drawn).logits
    answers = bench.ask(drawn).argmax(axis=1)
    before = log_odds(logits, answers)
    drops, flips, replaced = [], [], []
    for dimension in range(model.task_dim):
        others = torch.from_numpy(rng.integers(len(bench.rows), size=(DRAWS, len(chosen))))
        task = latent.task.repeat(DRAWS, 1)
        task[:, dimension] = bench.drawn.task[others.flatten(), dimension]
        with torch.no_grad():
            images = bench.draw(model.decode(task, latent.nuisance.repeat(DRAWS, 1)))
        after = log_odds(bench.studio.classifier.run(images).logits, np.tile(answers, DRAWS))
        drops.append(before - after.reshape(DRAWS, -1).mean(axis=0))
        flips.append((bench.ask(images).argmax(axis=1).reshape(DRAWS, -1) != answers).mean(axis=0))
        replaced.append(images[: len(chosen)])
    return Drivers(
        chosen, drawn, answers, np.stack(drops, axis=1).astype(np.float64), np.stack(flips, axis=1),
        _head(bench, latent.task, answers), np.stack(replaced),
    )  # fmt: skip


def _head(bench: Bench, task: torch.Tensor, answers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Gradient of the answer's logit over the mean logit, times the activation over its mean: ``(n, dims)``."""
    weight = bench.vae.model.head.weight.detach()
    gradient = (weight - weight.mean(dim=0))[torch.from_numpy(answers)]
    return np.asarray((gradient * (task - bench.latent.task.mean(dim=0))).double().numpy())


def _chart(bench: Bench, found: Drivers, order: NDArray[np.int64], values: NDArray[np.float64], title: str) -> Chart:
    everything = Line(name="all answers", values=_line(bench, values[:, order]))
    lines = [everything]
    counts = np.bincount(found.answers)
    for answer in np.argsort(-counts, kind="stable")[:CLASSES]:
        if counts[answer] >= FEWEST:
            mine = values[found.answers == answer][:, order]
            lines.append(Line(name=class_name(bench.names, int(answer)), values=_line(bench, mine)))
    return Chart(title=title, y="log-odds", x=[f"task {i + 1}" for i in order], lines=lines)


def _line(bench: Bench, values: NDArray[np.float64]) -> list[Estimate | None]:
    weights = bench.weights(len(values))
    found = [estimate(mean_interval(column, weights)) for column in values.T]
    return [one if np.isfinite([one.value, one.low, one.high]).all() else None for one in found]


def _row(bench: Bench, found: Drivers, dimension: int) -> PictureRow:
    """The image whose answer loses most, and where the pixels change over all images."""
    i = int(found.drop[:, dimension].argmax())
    pair = np.stack([found.drawn[i], found.replaced[dimension, i]])
    said = int(found.answers[i])
    before, after = (answered(x, p, bench.names, said) for x, p in zip(pair, bench.ask(pair), strict=True))
    gap = np.abs(found.drawn.astype(np.float32) - found.replaced[dimension]).mean(axis=(0, -1))
    top = max(float(gap.max()), 1e-6)
    where = plain(heat(gap / top), f"brightest: {top:.0f} grey levels of 255")
    return PictureRow(heading=f"task {dimension + 1}", pictures=[before, after, where])
