"""Stage ``outside``: images from elsewhere, shown to the classifier beside the references (papers.md 4(c), V11)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.problems import ErrorCode
from schemas.results import Chart, Estimate, Gallery, Line, Measure, Picture, PictureRow
from workers.classifier.preprocess import resize
from workers.classifier.session import Outputs
from workers.errors import StageError
from workers.evidence.bootstrap import mean_interval, rate_interval, resampling_weights, wilson_interval
from workers.intake.reference import load_dataset
from workers.stages.classifying import classify, probabilities_of
from workers.stages.decoding import Studio, open_studio
from workers.stages.faithfulness import Floats, estimate
from workers.stages.inn import condition, load_inn
from workers.stages.latents import compressed
from workers.stages.references import random_rows, spread_rows
from workers.stages.stage import Produced, StageContext, pack_json
from workers.stages.views.pictures import answered, class_name, measured
from workers.stages.views.strangeness import Nearest, auc_interval, beyond, nearest

Images = NDArray[np.uint8]
LARGEST = 5_000
"""References among which neighbours are looked for, and over which their confidence is averaged."""

HELD = 1_000
"""References that the density has not seen, beside which its scores are put."""

LEVELS = 12
"""Answers that the chart shows, at most."""

SEEN = (
    "These images come from {name}, not from the references. Beside each: the copy that the autoencoder can make of it "
    "(it has learned the references alone), and per tap an image drawn from all that look the same to that tap. All of "
    "them can show only what the references taught, so compare them with the copy rather than with the image: what the "
    "copy still has and a tap's picture lacks did not get that far. The marks compare each answer with the image's."
)
NEAREST = (
    "For each image from {name}: the reference that is most like it at each tap. Where neighbours share nothing that "
    "you would call alike, the classifier takes one thing for another."
)
CAUTION = "The verdicts of this audit were measured on the references alone: they say nothing about images like these."
LIKELIHOOD = (
    "Strange images can have likely codes, and the autoencoder has learned from the references; so two scores are "
    "given, and a chance near 0.5 by one of them does not make the images usual."
)


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of two :class:`schemas.results.Gallery`: what each tap sees, and nearest references.

    Raises:
        StageError: ``CLASSIFIER_DATASET_MISMATCH``: the images have other channels than the references.
    """
    taps = context.config["taps"]
    studio = open_studio(context, *taps)
    images = foreign_images(context, studio.references.images)
    view = _Visit(context, studio, taps, images)
    context.report(0.5, f"{len(images)} images shown to the classifier")
    galleries = [view.seen(), view.neighbours()]
    return Produced({"galleries": pack_json([gallery.model_dump(mode="json") for gallery in galleries])})


def foreign_images(context: StageContext, references: Images) -> Images:
    """A random part of the input ``outside``, in the size of the references, ``(n, h, w, c)`` uint8.

    Raises:
        StageError: ``CLASSIFIER_DATASET_MISMATCH``: the channels differ.
    """
    images = load_dataset(context.blob("outside")).images
    if images.shape[3] != references.shape[3]:
        raise StageError(
            ErrorCode.CLASSIFIER_DATASET_MISMATCH,
            f"the images from elsewhere have {images.shape[3]} channels, the references {references.shape[3]}",
            "Upload the images from elsewhere with as many channels as the references: all grey, or all in colour.",
        )
    chosen = images[random_rows(len(images), context.budget.references, context.rng("outside"))]
    return np.asarray(np.clip(np.rint(resize(chosen, references.shape[1:3])), 0, 255), dtype=np.uint8)


class _Visit:
    """Everything shown and measured of images from elsewhere."""

    def __init__(self, context: StageContext, studio: Studio, taps: list[str], images: Images) -> None:
        self.context, self.studio, self.taps, self.images = context, studio, taps, images
        self.name, self.names = context.config["outside_name"], context.config["outputs"]
        self.outputs: Outputs = studio.classifier.run(images)
        self.answers: Floats = probabilities_of(studio.classifier, self.outputs.logits)
        self.codes: Tensor = studio.encode(images)
        self.copies: Images = studio.decode(self.codes)
        self.shown = spread_rows(self.answers.argmax(axis=1), context.budget.rows, context.rng("shown"))

    def seen(self) -> Gallery:
        return Gallery(
            view=self.context.request.name,
            title=f"Images from elsewhere: {self.name}",
            explanation=SEEN.format(name=self.name),
            columns=["image", "autoencoder's copy", *(f"alike at {tap}" for tap in self.taps)],
            rows=self._seen_rows(),
            measures=[*self._scores(), *self._confidence()],
            charts=[self._answers()],
            notes=[CAUTION, LIKELIHOOD],
        )

    def neighbours(self) -> Gallery:
        told = {tap: self._told(tap) for tap in self.taps}
        known = {tap: condition(self.context.arrays("latents"), tap)[:LARGEST].numpy() for tap in self.taps}
        found = {tap: nearest(told[tap].numpy(), known[tap]) for tap in self.taps}
        strange = [self._strange(found[tap], known[tap]) for tap in self.taps]
        return Gallery(
            view=self.context.request.name,
            title=f"The references nearest to {self.name}",
            explanation=NEAREST.format(name=self.name),
            columns=["image", *(f"nearest at {tap}" for tap in self.taps)],
            rows=self._nearest_rows(found),
            measures=[
                measured(f"strange:{tap}", f"images farther from every reference at {tap} than 95 % of references are",
                         share)
                for tap, share in zip(self.taps, strange, strict=True)
            ],
            charts=[_strange_chart(self.taps, strange)],
            notes=[CAUTION],
        )  # fmt: skip

    def _told(self, tap: str) -> Tensor:
        z = compressed(self.context.arrays("compression"), tap, self.outputs.taps[tap])
        return torch.from_numpy(np.ascontiguousarray(z))

    def _seen_rows(self) -> list[PictureRow]:
        drawn = [self._drawn(tap) for tap in self.taps]
        copied = classify(self.studio.classifier, self.copies[self.shown])
        rows = []
        for place, i in enumerate(self.shown):
            said = int(self.answers[i].argmax())
            alike = [answered(images[place], answers[place], self.names, said) for images, answers in drawn]
            copy = answered(self.copies[i], copied[place], self.names, said)
            rows.append(PictureRow(pictures=[answered(self.images[i], self.answers[i], self.names), copy, *alike]))
        return rows

    def _drawn(self, tap: str) -> tuple[Images, Floats]:
        """One image per shown one that has the same values at ``tap``, and the answers."""
        inn, z = load_inn(self.context.blob(f"inn:{tap}")), self._told(tap)[torch.from_numpy(self.shown)]
        images = self.studio.decode(inn.sample(z, 1, self.context.generator("draws")).flatten(0, 1))
        return images, classify(self.studio.classifier, images)

    def _nearest_rows(self, found: dict[str, Nearest]) -> list[PictureRow]:
        rows, references = [], self.studio.references.images
        for i in self.shown:
            near = [int(found[tap].rows[i]) for tap in self.taps]
            said = int(self.answers[i].argmax())
            first: Picture = answered(self.images[i], self.answers[i], self.names)
            beside = [answered(references[row], self.studio.probabilities[row], self.names, said) for row in near]
            rows.append(PictureRow(pictures=[first, *beside]))
        return rows

    def _scores(self) -> list[Measure]:
        """How well two scores tell these images from references that the density has not seen."""
        flow = load_inn(self.context.blob("flow"))
        held = self.context.arrays("prior")["rows"][:HELD]
        usual_codes = self.studio.means[torch.from_numpy(held)]
        strange, usual = (
            flow.nll(codes, torch.zeros(len(codes), 0)).numpy().astype(np.float64)
            for codes in (self.codes, usual_codes)
        )
        originals = self.studio.references.images[held]
        lost, usual_lost = _error(self.images, self.copies), _error(originals, self.studio.decode(usual_codes))
        return [
            *self._score("code", "how unlikely its code is", strange, usual),
            *self._score("copy", "how badly the autoencoder copies it", lost, usual_lost),
        ]

    def _score(self, key: str, words: str, strange: NDArray[np.float64], usual: NDArray[np.float64]) -> list[Measure]:
        ours, theirs = self._weights(len(strange)), self._usual_weights(len(usual))
        outlying = rate_interval(beyond(strange, usual), ours)
        return [
            measured(f"auc_{key}", f"chance that such an image is stranger than a reference by {words} (0.5: alike)",
                     estimate(auc_interval(strange, usual, ours, theirs))),
            measured(f"outlying_{key}", f"such images beyond 95 % of the references by {words}", estimate(outlying)),
        ]  # fmt: skip

    def _weights(self, n: int) -> NDArray[np.float32]:
        return resampling_weights(n, self.context.budget.bootstrap, self.context.rng("bootstrap"))

    def _usual_weights(self, n: int) -> NDArray[np.float32]:
        """Of their own: the two sides are resampled independently."""
        return resampling_weights(n, self.context.budget.bootstrap, self.context.rng("bootstrap", "references"))

    def _confidence(self) -> list[Measure]:
        known = self.studio.probabilities[:LARGEST]
        sure, usual = (np.asarray(one.max(axis=1), dtype=np.float64) for one in (self.answers, known))
        return [
            measured("confidence", "mean confidence of the answers to these images",
                     estimate(mean_interval(sure, self._weights(len(sure))))),
            measured("confidence_references", "the same on the references",
                     estimate(mean_interval(usual, self._usual_weights(len(usual))))),
        ]  # fmt: skip

    def _answers(self) -> Chart:
        """How often each class is answered, here and on the references; the most frequent here."""
        here, usual = self.answers.argmax(axis=1), self.studio.probabilities.argmax(axis=1)
        order = np.argsort(-np.bincount(here, minlength=self.answers.shape[1]), kind="stable")[:LEVELS]
        sides = {self.name: here, "references": usual}
        lines = [
            Line(name=name, values=[estimate(wilson_interval(float((said == k).sum()), len(said))) for k in order])
            for name, said in sides.items()
        ]
        named = [class_name(self.names, int(k)) for k in order]
        return Chart(title="What the classifier answers", y="share of images", x=named, lines=lines)

    def _strange(self, found: Nearest, references: NDArray[np.float32]) -> Estimate:
        usual = nearest(references[: len(self.images)], references, skip_self=True).distances
        return estimate(rate_interval(beyond(found.distances, usual), self._weights(len(self.images))))


def _error(images: Images, copies: Images) -> NDArray[np.float64]:
    """Mean squared error of a copy, per image, squared grey levels ``(n,)``."""
    pairs = zip(images, copies, strict=True)  # one at a time: all at once would need gigabytes
    return np.array([float(np.square(image.astype(np.float32) - copy).mean()) for image, copy in pairs])


def _strange_chart(taps: list[str], strange: list[Estimate]) -> Chart:
    line = Line(name="from elsewhere", values=list(strange))
    title = "Images that each tap finds unlike the references (5 % of the references are)"
    return Chart(title=title, y="share of images", x=taps, lines=[line])
