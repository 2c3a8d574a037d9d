"""Stage ``attack``: what each tap makes of an attacked image, beside noise of the same norm (papers.md 4(c), V6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.results import Chart, Estimate, Gallery, Line, Measure, PictureRow
from workers.classifier.session import Outputs
from workers.evidence.bootstrap import mean_interval, rate_interval, resampling_weights
from workers.stages.classifying import classify, probabilities_of
from workers.stages.decoding import Studio, open_studio
from workers.stages.faithfulness import Floats, estimate
from workers.stages.inn import condition, load_inn
from workers.stages.latents import compressed
from workers.stages.stage import Arrays, Produced, StageContext, pack_json
from workers.stages.views.assault import RADII, Assault, Images, assail, sure_rows
from workers.stages.views.mixing import mix_codes
from workers.stages.views.pictures import answered, measured, plain

SHOWN = 4
EXPLANATION = (
    "A few images were attacked: a search (Square Attack, which only asks for answers) changes each pixel by at most a "
    "few grey levels until the classifier says something else. The control changes the pixels by as much, at random. "
    "From each changed image we take what a tap knows of it, add what the tap had discarded of the original, and "
    "decode: that is the picture which the classifier sees at that depth. While it looks like the original, the attack "
    "has not got through; where another object appears, it has. The marks say whether an answer is the original's. "
    f"The largest change of any pixel was limited to {', '.join(map(str, RADII))} of 255 grey levels in turn."
)
NOTES = [
    "Attacked were images that are answered surely, and rightly where labels tell: the numbers hold for such images.",
    "The search has a limited number of tries: an image that withstood it may still fall to a stronger attack.",
    "The networks that decode were trained on untouched images; far from those their pictures mean less.",
]
KINDS = {"attack": "the attack", "noise": "noise of the same norm"}


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list with one :class:`schemas.results.Gallery`; none where no image is answered rightly."""
    taps = context.config["taps"]
    studio = open_studio(context, *taps)
    rows = sure_rows(context, studio)
    if len(rows) < 2:
        return Produced({"galleries": pack_json([])})
    assault = assail(context, studio, rows)
    context.report(0.8, f"{int(assault.fooled.sum())} of {len(rows)} images fooled the classifier")
    gallery = _Exhibition(context, studio, taps, assault).gallery()
    return Produced({"galleries": pack_json([gallery.model_dump(mode="json")])})


def shift(before: Outputs, after: Outputs, tap: str) -> NDArray[np.float64]:
    """``|Phi(x') - Phi(x)|`` in units of the mean distance between two different images of these, ``(n,)``."""
    a, b = (outputs.taps[tap].reshape(len(outputs), -1).astype(np.float64) for outputs in (before, after))
    apart = float(np.linalg.norm(a - np.roll(a, 1, axis=0), axis=1).mean())
    return np.asarray(np.linalg.norm(b - a, axis=1) / max(apart, 1e-9))


def told_of(compression: Arrays, seen: Outputs, tap: str) -> Tensor:
    """What the network of ``tap`` is told of new images, ``(n, k)``."""
    return torch.from_numpy(np.ascontiguousarray(compressed(compression, tap, seen.taps[tap])))


def difference(before: Images, after: Images, gain: int) -> Images:
    """``after - before`` times ``gain`` on mid grey, uint8."""
    return np.asarray(np.clip((after.astype(np.int64) - before) * gain + 128, 0, 255), dtype=np.uint8)


@dataclass(frozen=True)
class _Decoded:
    """Pictures of what one tap knows of changed images, ``(n, h, w, c)``, and the answers to them."""

    images: Images
    answers: Floats


class _Exhibition:
    """Everything shown and measured of one assault."""

    def __init__(self, context: StageContext, studio: Studio, taps: list[str], assault: Assault) -> None:
        self.context, self.studio, self.taps, self.assault = context, studio, taps, assault
        self.original = studio.classifier.run(assault.originals)
        self.images = {"attack": assault.attacked, "noise": assault.noisy}
        self.seen = {kind: studio.classifier.run(images) for kind, images in self.images.items()}
        self.weights = resampling_weights(len(assault.rows), context.budget.bootstrap, context.rng("bootstrap"))
        self.order = np.lexsort((assault.radius, ~assault.fooled))[:SHOWN]
        """Images to show: those that fell to the smallest norms first."""
        self.gain = max(1, 127 // int(assault.radius[self.order].max()))

    def gallery(self) -> Gallery:
        shifts = {kind: [self._shift(kind, tap) for tap in self.taps] for kind in KINDS}
        return Gallery(
            view=self.context.request.name,
            title="What each tap sees of an attacked image",
            explanation=EXPLANATION,
            columns=["original", "changed", f"the change, × {self.gain}", *(f"seen at {tap}" for tap in self.taps)],
            rows=list(self._rows()),
            measures=[*self._measures(), *self._shift_measures(shifts)],
            charts=[self._depth_chart(shifts), self._norm_chart()],
            notes=NOTES,
        )

    def _rows(self) -> Iterator[PictureRow]:
        """Two rows per image: attacked, and with noise."""
        decoded = {kind: [self._decode(kind, tap) for tap in self.taps] for kind in KINDS}
        for place, i in enumerate(self.order):
            for kind in KINDS:
                yield self._row(kind, int(i), [(one.images[place], one.answers[place]) for one in decoded[kind]])

    def _row(self, kind: str, i: int, decoded: list[tuple[Images, Floats]]) -> PictureRow:
        names, before, after = self.context.config["outputs"], self.assault.originals[i], self.images[kind][i]
        first = probabilities_of(self.studio.classifier, self.original.logits[[i]])[0]
        now = probabilities_of(self.studio.classifier, self.seen[kind].logits[[i]])[0]
        said = int(first.argmax())
        return PictureRow(
            heading=f"{kind}, ± {self.assault.radius[i]} grey levels",
            pictures=[
                answered(before, first, names),
                answered(after, now, names, said),
                plain(difference(before, after, self.gain)),
                *(answered(image, answer, names, said) for image, answer in decoded),
            ],
        )

    def _decode(self, kind: str, tap: str) -> _Decoded:
        """What the tap knows of the changed images, with what it discards of the originals."""
        chosen = torch.from_numpy(self.assault.rows[self.order])
        z = condition(self.context.arrays("latents"), tap)[chosen]
        told = told_of(self.context.arrays("compression"), self.seen[kind], tap)[torch.from_numpy(self.order)]
        inn = load_inn(self.context.blob(f"inn:{tap}"))
        images = self.studio.decode(mix_codes(inn, self.studio.means[chosen], z, told))
        return _Decoded(images, classify(self.studio.classifier, images))

    def _measures(self) -> list[Measure]:
        found = self.assault
        numbers = [
            measured("attack_success", f"attacked images that got another answer, within {RADII[-1]} grey levels",
                     self._rate(found.fooled.astype(np.float64))),
            measured("noise_success", "the same with noise of each image's norm", self._rate(found.noise_fooled)),
            measured("queries", "forward passes that the attack spent on an image",
                     estimate(mean_interval(found.queries.astype(np.float64), self.weights))),
        ]  # fmt: skip
        return [*numbers, self._norm()] if found.fooled.sum() >= 2 else numbers

    def _norm(self) -> Measure:
        norms = self.assault.radius[self.assault.fooled].astype(np.float64)
        weights = resampling_weights(len(norms), self.context.budget.bootstrap, self.context.rng("bootstrap", "norm"))
        label = "smallest norm tried that fooled the classifier, grey levels, mean of the fooled"
        return measured("norm", label, estimate(mean_interval(norms, weights)))

    def _shift(self, kind: str, tap: str) -> Estimate:
        return estimate(mean_interval(shift(self.original, self.seen[kind], tap), self.weights))

    def _shift_measures(self, shifts: dict[str, list[Estimate]]) -> list[Measure]:
        return [
            measured(f"{kind}_shift:{tap}", f"how far {words} moves {tap}, in distances between two images", found)
            for kind, words in KINDS.items()
            for tap, found in zip(self.taps, shifts[kind], strict=True)
        ]

    def _depth_chart(self, shifts: dict[str, list[Estimate]]) -> Chart:
        """Where the two lines part, the attack takes hold."""
        lines = [Line(name=words, values=list(shifts[kind])) for kind, words in KINDS.items()]
        title, unit = "How far the representation moves, tap by tap", "distances between two images"
        return Chart(title=title, y=unit, x=self.taps, lines=lines)

    def _norm_chart(self) -> Chart:
        """Share of images with another answer, by norm."""
        found = self.assault
        fooled = [self._rate((found.fooled & (found.radius <= level)).astype(np.float64)) for level in RADII]
        noise = [self._rate(rates) for rates in found.noise_rates]
        lines = [Line(name=KINDS["attack"], values=list(fooled)), Line(name=KINDS["noise"], values=list(noise))]
        title = "Images that get another answer, by norm in grey levels"
        return Chart(title=title, y="share of images", x=[str(level) for level in RADII], lines=lines)

    def _rate(self, rates: NDArray[np.float64]) -> Estimate:
        return estimate(rate_interval(rates, self.weights))
