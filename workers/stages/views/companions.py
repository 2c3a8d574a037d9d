"""Stage ``companions``: other classifiers, or checkpoints of one, on the same images (papers.md 4(c), V5, V7)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.results import Chart, Estimate, Gallery, Line, Measure, PictureRow
from workers.classifier.selection import LOGITS
from workers.evidence.bootstrap import rate_interval, ratio_interval, resampling_weights, wilson_interval
from workers.evidence.estimators import total_invariance
from workers.stages.class_names import as_outputs
from workers.stages.classifying import classify
from workers.stages.decoding import Studio, open_studio
from workers.stages.faithfulness import estimate
from workers.stages.inn import condition, load_inn
from workers.stages.references import spread_rows
from workers.stages.stage import Produced, StageContext, pack_json
from workers.stages.views.beside import Compared, Images, Rows, open_compared
from workers.stages.views.pictures import answered, finite, measured
from workers.stages.views.retained import Retained, retained_by

ASKED, ASKED_DRAWS = 200, 2
"""Images, and samples of each, that one classifier drew and another is asked about."""

MEASURED = 5_000
"""Held-out images over which total invariance is measured, at most."""

MOST_ROWS = 16
"""Rows of pictures: fewer images where there are many classifiers."""

EXPLANATION = (
    "The same images, seen by each classifier. In every row: the image with that classifier's answer, then images "
    "drawn so that its output stays the same. What changes along a row is not in that classifier's output; compare "
    "the rows of one image to see what one classifier holds on to and another lets go. The marks say whether the row's "
    "classifier keeps its answer. Images on which the classifiers disagree come first."
)
CURVES = (
    "What reaches the output of each classifier, in the order in which you gave them; for checkpoints of one training "
    "that is its course. 1: the output determines the feature; 0: nothing of it was found there. Measured twice: a "
    "probe reads the feature from the output, and images drawn to share the output show how much of it they share."
)
CAUTION = (
    "These curves are no verdicts: nothing was edited to see whether an answer changes, and no gate was asked about "
    "the networks of the others. The verdicts of this audit are on {audited} alone; audit the others to get theirs."
)
UNMATCHED = "It cannot be known which class of {name} is which of {audited}: their answers are not compared."


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of two :class:`schemas.results.Gallery`: the curves, and images side by side."""
    studio = open_studio(context)
    compared = open_compared(context)
    retained = {}
    for done, one in enumerate(compared, 1):
        retained[one.name] = retained_by(context, studio, one)
        context.report(0.7 * done / len(compared), f"{one.name} measured")
    galleries = [_curves(context, studio, compared, retained), _side_by_side(context, studio, compared)]
    return Produced({"galleries": pack_json([gallery.model_dump(mode="json") for gallery in galleries])})


def _curves(
    context: StageContext, studio: Studio, compared: list[Compared], retained: dict[str, Retained]
) -> Gallery:  # fmt: skip
    audited = compared[0]
    short = {one.name: _in_short(context, studio, audited, one) for one in compared}
    unmatched = [UNMATCHED.format(name=one.name, audited=audited.name) for one in compared if one.places is None]
    return Gallery(
        view=context.request.name,
        title="What each classifier keeps",
        explanation=CURVES,
        measures=[
            measure for one in compared
            for measure in (*_measures(one, short[one.name]), *retained[one.name].measures(one.key, one.name))
        ],
        charts=[
            _retention_chart("Kept at the output, read by a probe", [retained[one.name].predictive for one in compared],
                             compared),
            _retention_chart("Kept at the output, shared by drawn images",
                             [retained[one.name].generative for one in compared], compared),
            _short_chart(short),
        ],
        notes=[CAUTION.format(audited=audited.name), *unmatched],
    )  # fmt: skip


IN_SHORT = {
    "accuracy": "answers that equal the label",
    "agreement": "answers that equal those of the audited classifier",
    "total_invariance": "share of the images' variance that the output leaves free",
}


def _in_short(
    context: StageContext, studio: Studio, audited: Compared, one: Compared
) -> dict[str, Estimate | None]:  # fmt: skip
    """Accuracy, agreement with the audited classifier, and total invariance (M2) at the logits."""
    codes, draws = one.diagnostics["codes"][:MEASURED], one.diagnostics["draws"][:MEASURED]
    weights = resampling_weights(len(codes), context.budget.bootstrap, context.rng("bootstrap", "invariance"))
    agreement = None if one.places is None or one is audited else _share(one.places[one.answers] == audited.answers)
    invariance = estimate(ratio_interval(total_invariance(draws, codes), weights))
    return {"accuracy": _accuracy(context, studio, one), "agreement": agreement, "total_invariance": invariance}


def _accuracy(context: StageContext, studio: Studio, one: Compared) -> Estimate | None:
    labels = studio.references.labels
    meant = None if labels is None else as_outputs(labels, context.config["classes"], one.outputs)
    if meant is None or meant.max() >= one.probabilities.shape[1]:
        return None
    return _share(one.answers == meant)


def _share(right: NDArray[np.bool_]) -> Estimate:
    return estimate(wilson_interval(float(right.sum()), len(right)))


def _measures(one: Compared, short: dict[str, Estimate | None]) -> Iterator[Measure]:
    for key, found in short.items():
        if found is not None:
            yield measured(f"{key}@{one.key}", f"{one.name}: {IN_SHORT[key]}", found)


def _short_chart(short: dict[str, dict[str, Estimate | None]]) -> Chart:
    lines = [Line(name=words, values=[finite(one[key]) for one in short.values()]) for key, words in IN_SHORT.items()]
    shown = [line for line in lines if any(value is not None for value in line.values)]
    return Chart(title="In short", y="share", x=list(short), lines=shown)


def _retention_chart(title: str, retained: list[dict[str, Estimate]], compared: list[Compared]) -> Chart:
    """One line per feature, one place per classifier."""
    features = list(dict.fromkeys(name for one in retained for name in one))
    lines = [Line(name=name, values=[finite(one.get(name)) for one in retained]) for name in features]
    return Chart(title=title, y="retention (0 to 1)", x=[one.name for one in compared], lines=lines)


def _side_by_side(context: StageContext, studio: Studio, compared: list[Compared]) -> Gallery:
    drawn = min(context.budget.columns, 5)
    return Gallery(
        view=context.request.name,
        title="The same images, side by side",
        explanation=EXPLANATION,
        columns=["image", *(f"the same to it ({i})" for i in range(1, drawn + 1))],
        rows=list(_rows(context, studio, compared, drawn)),
        measures=[measure for one in compared for measure in _asked(context, studio, compared[0], one)],
    )


def _rows(context: StageContext, studio: Studio, compared: list[Compared], drawn: int) -> Iterator[PictureRow]:
    """One row per image and classifier."""
    shown = _shown(context, compared)
    drawings = [_drawn(context, studio, one, shown, drawn) for one in compared]
    asked = [classify(one.session, images) for one, images in zip(compared, drawings, strict=True)]
    for place, row in enumerate(shown):
        for one, images, answers in zip(compared, drawings, asked, strict=True):
            said = int(one.answers[row])
            cells = range(place * drawn, (place + 1) * drawn)
            first = answered(studio.references.images[row], one.probabilities[row], one.outputs)
            pictures = [answered(images[k], answers[k], one.outputs, said) for k in cells]
            yield PictureRow(heading=one.name, pictures=[first, *pictures])


def _shown(context: StageContext, compared: list[Compared]) -> Rows:
    """References to show, half of them with different answers where there are such; those come first."""
    count = max(1, min(context.budget.rows // 2, MOST_ROWS // len(compared)))
    differ = np.zeros(len(compared[0].answers), dtype=bool)
    for one in compared[1:]:
        if one.places is not None:
            differ |= one.places[one.answers] != compared[0].answers
    rows = spread_rows(differ, count, context.rng("shown"))
    return np.asarray(rows[np.argsort(~differ[rows], kind="stable")], dtype=np.int64)


def _drawn(context: StageContext, studio: Studio, one: Compared, rows: Rows, draws: int) -> Images:
    """Images ``(n * draws, h, w, c)`` that the classifier cannot tell from references ``rows``."""
    z = condition(context.arrays(f"latents@{one.key}"), LOGITS)[torch.from_numpy(rows)]
    # The same noise for every classifier: what differs between their rows is theirs, not chance.
    return studio.decode(
        load_inn(context.blob(f"inn@{one.key}")).sample(z, draws, context.generator("draws")).flatten(0, 1)
    )


def _asked(context: StageContext, studio: Studio, audited: Compared, one: Compared) -> list[Measure]:
    """What one classifier says of images that another cannot tell apart: low where they look at different things."""
    agrees = one.samples["agrees"].astype(np.float64).mean(axis=1)
    own = measured(f"own_samples@{one.key}", f"{one.name}: keeps its answer on images drawn from its own output",
                   _rate(context, agrees))  # fmt: skip
    if one is audited:
        return [own]
    return [
        own,
        measured(f"audited_on@{one.key}", f"{audited.name}: keeps its answer on images drawn from {one.name}'s output",
                 _rate(context, _keeps(context, studio, drawer=one, judge=audited))),
        measured(f"on_audited@{one.key}", f"{one.name}: keeps its answer on images drawn from {audited.name}'s output",
                 _rate(context, _keeps(context, studio, drawer=audited, judge=one))),
    ]  # fmt: skip


def _keeps(context: StageContext, studio: Studio, *, drawer: Compared, judge: Compared) -> NDArray[np.float64]:
    """Share of the drawer's samples on which the judge answers as on the original, per image."""
    rows = np.asarray(drawer.samples["rows"][:ASKED], dtype=np.int64)
    said = judge.answers_to(_drawn(context, studio, drawer, rows, ASKED_DRAWS)).reshape(len(rows), ASKED_DRAWS)
    return np.asarray((said == judge.answers[rows][:, None]).mean(axis=1))


def _rate(context: StageContext, rates: NDArray[np.float64]) -> Estimate:
    weights = resampling_weights(len(rates), context.budget.bootstrap, context.rng("bootstrap", "samples"))
    return estimate(rate_interval(rates, weights))
