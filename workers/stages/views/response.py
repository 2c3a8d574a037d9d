"""Stage ``response``: concepts of a representation itself, and what changing one does to the answer (papers.md 2(b)).

Paper 2's own experiment, with no autoencoder in the loop: a concept INN takes the values of the last hidden tap apart,
one factor is drawn anew, the inverse gives values back, and the rest of the network answers them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.results import Chart, Estimate, Gallery, Line, Measure
from workers.classifier.head import HeadError
from workers.classifier.selection import Tap
from workers.concepts.checkpoint import FittedConcepts
from workers.concepts.fitting import fit_concepts
from workers.concepts.model import RESIDUAL, Factor
from workers.concepts.pairs import Concept, Examples
from workers.evidence.bootstrap import excess_interval, mean_interval, rate_interval, resampling_weights
from workers.evidence.logits import logit_spread
from workers.stages import inn
from workers.stages.classifying import load_taps, open_classifier
from workers.stages.concepts import attribute, columns_of, pairs_by_name
from workers.stages.faithfulness import estimate
from workers.stages.references import References, load_references, random_rows
from workers.stages.stage import Produced, StageContext, pack_json
from workers.stages.views.layers import SIGMA, Layer, Unfit, open_layer
from workers.stages.views.pictures import finite, measured
from workers.stages.views.trials import Trial, trials

Weights = NDArray[np.float32]

SHOWN = 6
"""Factors that are drawn anew, besides the residual and everything at once."""
IMAGES = 400
DRAWS = {"quick": 16, "standard": 32, "full": 64}
EFFORT = inn.EFFORT | {"quick": replace(inn.EFFORT["quick"], training=replace(inn.EFFORT["quick"].training, steps=300))}
"""A layer of a few dozen numbers is learned sooner than codes of images: 200 more steps moved no rate by 0.02."""
WIDE = 0.95
"""Share of a tap's variance that must be among the coordinates, else a note says what is missing."""

TITLE = "Drawn anew inside the classifier"
EXPLANATION = (
    "No picture is made here. A network learned to take the numbers that the classifier holds of an image at {tap} "
    "apart into concepts, and to put them together again without loss. One concept is then drawn anew while the others "
    "stay, and the rest of the classifier, cut out of the file as it is, answers the changed numbers. The chart shows "
    "how many answers change by that, less those that change when nothing is drawn anew. 'Taken from another image' "
    "gives each image the concept of another one instead; 'gets its answer' is how often it then gets the answer of "
    "that one, where the two differ: a concept that the answer rests on brings its answer along, one that only upsets "
    "the numbers does not. The residual is what no concept names; 'everything' is all of it at once: more cannot be "
    "changed this way. A concept that changes few answers is not held at {tap}, or not read from there, or not caught "
    "by its factor; how well images that share it agree in that factor stands among the numbers. This decides no "
    "verdict: changed numbers need not be those of any image."
)
NARROW = (
    "Only the {rank} directions in which the tap varies most can be changed; they hold {kept:.0%} of its variance. The "
    "rest stays as it is for the image and may hold the answer: compare with 'everything'."
)
HIDDEN = "Nothing was measured: this audit looks at no tap before the logits."


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list with one :class:`schemas.results.Gallery`, on the last hidden tap.

    Raises:
        StageError: the classifier cannot be opened.
        TrainingDiverged: a loss or score is not finite.
    """
    hidden = [tap for tap in load_taps(context) if tap.kind == "hidden"]
    gallery = _gallery(context, hidden[-1]) if hidden else _gallery_of(context, None, HIDDEN)
    return Produced({"galleries": pack_json([gallery.model_dump(mode="json")])})


def tap_concepts(context: StageContext, references: References) -> list[Concept]:
    """The concepts of the stage ``concepts``; a sketched one by the pairs that were drawn for it there.

    Only columns are known for every image of the references, so all others are pairs and no more.
    """
    columns = {one.name: attribute(one) for one in columns_of(context, references)}
    pairs = pairs_by_name(context.arrays("pairs"))
    return [columns.get(name) or Examples(name, rows) for name, rows in pairs.items() if name != RESIDUAL]


def _gallery(context: StageContext, tap: Tap) -> Gallery:
    references = load_references(context)
    rows = random_rows(len(references), min(IMAGES, context.budget.references), context.rng("rows"))
    classifier = open_classifier(context, [tap])
    height, width = references.images.shape[1:3]
    try:
        layer = open_layer(context, tap, classifier.run(references.images[rows]), (height, width))
    except (HeadError, Unfit) as error:
        return _gallery_of(context, tap.name, f"Nothing was measured: {error}.")
    fitted = fit_concepts(
        layer.means, torch.full_like(layer.means, SIGMA), tap_concepts(context, references),
        EFFORT[context.budget.name], context.generator("fit"), device=context.device, on_progress=context.report,
    ).fitted  # fmt: skip
    found = trials(
        layer, fitted.inn, _shown(fitted.inn.factors), classifier, logit_spread(context.arrays("latents")["logits"]),
        DRAWS[context.budget.name], context.generator("draws"),
    )  # fmt: skip
    weights = resampling_weights(len(rows), context.budget.bootstrap, context.rng("bootstrap"))
    told = [_told(one, weights) for one in found]
    gallery = _gallery_of(context, tap.name, *_notes(layer, fitted))
    measures = [*_measures(told), *_within(fitted), *_checks(layer, found)]
    return gallery.model_copy(update={"measures": measures, "charts": [_chart(told)]})


def _gallery_of(context: StageContext, tap: str | None, *notes: str) -> Gallery:
    explanation = EXPLANATION.format(tap=tap or "a hidden tap")
    return Gallery(view=context.request.name, title=TITLE, subject=tap, explanation=explanation, notes=list(notes))


def _shown(factors: tuple[Factor, ...]) -> list[Factor]:
    *named, residual = factors
    return [*named[:SHOWN], residual]


@dataclass(frozen=True)
class _Told:
    """A trial with intervals over images."""

    name: str
    flips: Estimate
    swapped: Estimate
    taken: Estimate | None
    rest: dict[str, Estimate]


def _told(one: Trial, weights: Weights) -> _Told:
    found, known = one.response, np.isfinite(one.taken)
    rest = {
        "class_std": mean_interval(found.class_std, weights),
        "total_variation": excess_interval(found.variation, weights),
        "logit_change": mean_interval(found.logits, weights),
    }
    taken = rate_interval(one.taken[known], np.ascontiguousarray(weights[:, known])) if known.any() else None
    return _Told(
        name=one.name,
        flips=estimate(excess_interval(found.flips, weights)),
        swapped=estimate(excess_interval(one.swapped, weights)),
        taken=None if taken is None else estimate(taken),
        rest={name: estimate(interval) for name, interval in rest.items()},
    )


LABELS = {
    "class_std": "standard deviation of the answer's number when {name} is drawn anew, as paper 2 has it",
    "total_variation": "change of the probabilities when {name} is drawn anew, 0 to 1, less the floor",
    "logit_change": "change of the scores when {name} is drawn anew, in units of their spread, less the floor",
}


def _measures(told: list[_Told]) -> list[Measure]:
    """``flip_rate:<factor>`` of all, ``swap:<factor>`` of all, then the rest factor by factor."""
    return [
        *(measured(f"flip_rate:{one.name}", f"answers that change when {one.name} is drawn anew, less the floor",
                   one.flips) for one in told),
        *(measured(f"swap:{one.name}", f"answers that change with the {one.name} of another image, less the floor",
                   one.swapped) for one in told),
        *(measured(f"taken:{one.name}", f"images that get the answer of the other image with its {one.name}, where the"
                   " two answers differ", one.taken) for one in told),
        *(measured(f"{key}:{one.name}", LABELS[key].format(name=one.name), value)
          for one in told for key, value in one.rest.items()),
    ]  # fmt: skip


def _within(fitted: FittedConcepts) -> list[Measure]:
    return [
        Measure(name=f"within:{one.name}", label=f"agreement in the {one.name} factor of images that share {one.name},"
                " -1 to 1: near 0 it holds something else", value=one.within) for one in fitted.concepts[:SHOWN]
    ]  # fmt: skip


def _checks(layer: Layer, found: list[Trial]) -> list[Measure]:
    return [
        Measure(name="round_trip", label="largest error of a value taken apart and put together again",
                value=found[0].response.round_trip),
        Measure(name="head_error", label="largest error of the rest of the network by itself, as a share of the largest"
                " score", value=layer.error),
        Measure(name="noise", label="noise on every value in its standard deviations, in the floor too: what is"
                " exactly 0 for many images has no density", value=SIGMA),
        Measure(name="bounded", label="share of the units with a bound, such as a rectifier's 0: values changed beyond"
                " it are set to it", value=layer.bounded),
    ]  # fmt: skip


def _chart(told: list[_Told]) -> Chart:
    lines = [
        Line(name="drawn anew", values=[finite(one.flips) for one in told]),
        Line(name="taken from another image", values=[finite(one.swapped) for one in told]),
        Line(name="gets its answer", values=[finite(one.taken) for one in told]),
    ]
    y = "share of answers"
    return Chart(title="Which concept the answer rests on", y=y, x=[one.name for one in told], lines=lines)


def _notes(layer: Layer, fitted: FittedConcepts) -> list[str]:
    narrow = [NARROW.format(kept=layer.kept, rank=layer.units.rank)] if layer.kept < WIDE else []
    return [*narrow, *(f"{one.name}: {one.caution}" for one in fitted.concepts[:SHOWN] if one.caution)]
