"""Swap the task block of two images and keep the nuisance: does the answer go with it? (papers.md 1(c), S7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.results import Gallery, PictureRow
from workers.evidence.bootstrap import rate_interval
from workers.stages.faithfulness import estimate
from workers.stages.views.appearance import appearance, in_words
from workers.stages.views.pictures import answered, measured
from workers.stages.views.walks import Bench, latent_of
from workers.vae import swap_task

EXPLANATION = (
    "Two reference images with different answers. The last picture has the nuisance block of A and the task block of "
    "B: it should look like A in everything that the classifier does not care for, and get the answer of B. If the "
    "answer stays that of A, what decides is not (only) in the task block; if the picture simply becomes B, the task "
    "block holds far more than what decides."
)
COLUMNS = ["A", "B", "A as the VAE draws it", "B as the VAE draws it", "A with the task block of B"]
SHOWN = 4
FEWEST = 4


@dataclass(frozen=True)
class _Swaps:
    """Pairs of the bench's references and the drawings of A, B and the swap, each ``(n, h, w, c)``."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    drawn_a: NDArray[np.uint8]
    drawn_b: NDArray[np.uint8]
    swapped: NDArray[np.uint8]

    @property
    def stays_near(self) -> NDArray[np.bool_]:
        """Whether the swap looks more like A than like B, ``(n,)``."""
        return np.asarray(_distance(self.swapped, self.drawn_a) < _distance(self.swapped, self.drawn_b))


def swap_gallery(bench: Bench) -> Gallery:
    """Swaps between images of different answers: shares with intervals, and a few of the pictures."""
    gallery = Gallery(
        view=bench.context.request.name, title="Swapping what decides", explanation=EXPLANATION, columns=COLUMNS
    )
    a, b = pairs(bench.studio.probabilities[bench.rows].argmax(axis=1), max(8, bench.context.budget.references // 2),
                 bench.context.rng("pairs"))  # fmt: skip
    if len(a) < FEWEST:
        gallery.notes.append("Nearly all reference images get the same answer: there are no pairs to swap between.")
        return gallery
    _fill(gallery, bench, _swapped(bench, a, b))
    return gallery


def pairs(
    answers: NDArray[np.int64], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
    """At most ``count`` positions A, none twice, each with a random B of another answer."""
    found: list[tuple[int, int]] = []
    for a in rng.permutation(len(answers)):
        others = np.flatnonzero(answers != answers[a])
        if len(others) and len(found) < count:
            found.append((int(a), int(rng.choice(others))))
    first, second = zip(*found, strict=True) if found else ((), ())
    return np.array(first, dtype=np.int64), np.array(second, dtype=np.int64)


def _swapped(bench: Bench, a: NDArray[np.int64], b: NDArray[np.int64]) -> _Swaps:
    keeps, gives, model = latent_of(bench, a), latent_of(bench, b), bench.vae.model
    with torch.no_grad():
        drawn_a, drawn_b = (bench.draw(model.decode(*latent)) for latent in (keeps, gives))
    return _Swaps(a, b, drawn_a, drawn_b, bench.draw(swap_task(model, keeps, gives)))


def _fill(gallery: Gallery, bench: Bench, swaps: _Swaps) -> None:
    original = bench.studio.probabilities[bench.rows]
    said_a, said_b = (original[side].argmax(axis=1) for side in (swaps.a, swaps.b))
    drawn_a, drawn_b, swapped = (bench.ask(images) for images in (swaps.drawn_a, swaps.drawn_b, swaps.swapped))
    got, weights = swapped.argmax(axis=1), bench.weights(len(swaps.a))
    shares = {
        "takes": ("swaps that get the answer of B, whose task block they have", got == said_b),
        "keeps": ("swaps that keep the answer of A", got == said_a),
        "unswapped": ("the most to be had: drawings of B alone that get the answer of B",
                      drawn_b.argmax(axis=1) == said_b),
        "looks": (f"swaps that look more like A than like B, {in_words(swaps.swapped)[1]}", swaps.stays_near),
    }  # fmt: skip
    for name, (label, events) in shares.items():
        share = estimate(rate_interval(events.astype(np.float64), weights))
        gallery.measures.append(measured(f"swap_{name}", label, share))
    images, names = bench.studio.references.images[bench.rows], bench.names
    for i in range(min(SHOWN, len(swaps.a))):
        a, b, said = swaps.a[i], swaps.b[i], int(said_a[i])
        gallery.rows.append(PictureRow(pictures=[
            answered(images[a], original[a], names), answered(images[b], original[b], names, said),
            answered(swaps.drawn_a[i], drawn_a[i], names, said), answered(swaps.drawn_b[i], drawn_b[i], names, said),
            answered(swaps.swapped[i], swapped[i], names, said),
        ]))  # fmt: skip


def _distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(np.square(appearance(a).astype(np.float64) - appearance(b)).mean(axis=1))
