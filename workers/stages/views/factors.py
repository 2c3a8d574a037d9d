"""Stage ``factors``: one concept of an image changed, the others kept (papers.md 2(c), I4 to I7)."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.results import FeatureSource, Gallery, Measure, PictureRow
from workers.evidence.bootstrap import excess_interval, mean_interval, resampling_weights
from workers.evidence.logits import logit_spread
from workers.stages.classifying import classify
from workers.stages.decoding import Studio, open_studio
from workers.stages.factors import Named, Values, named_factors
from workers.stages.faithfulness import estimate
from workers.stages.references import random_rows, rows_along, spread_rows
from workers.stages.stage import Produced, StageContext, pack_json
from workers.stages.views.factor_response import Images, Response, response
from workers.stages.views.pictures import answered, measured

SHOWN = 6
"""Concepts that get a gallery."""
FEWEST_DISCOVERED = 2
"""Galleries kept for discovered directions, where there are any."""
STEPS = 6
RATE = 0.5
"""Of the random walk: one step keeps a share ``exp(-RATE)`` of the factor."""
IMAGES = 100
DRAWS = {"quick": 12, "standard": 32, "full": 64}

EXPLANATION = (
    "A network learned to take an image's code apart into concepts and back without loss. Here everything of one image "
    "is kept except {name}. Row 'others' shows six images in order of {name}; 'swapped' is the first image with "
    "the {name} of each of them; 'slider' goes evenly from its own {name} to that of the last; 'random walk' drifts "
    "through values of {name} as they occur. A mark says whether the classifier's answer is still that of the first "
    "picture: where {name} visibly changes and the answer stays, the answer did not depend on it here; the verdict "
    "rests on many images."
)


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of :class:`schemas.results.Gallery`, one per concept.

    Raises:
        CheckpointError: a stored network is damaged.
    """
    studio, shown = open_studio(context), shown_factors(named_factors(context))
    galleries = []
    for done, one in enumerate(shown, 1):
        galleries.append(_gallery(context, studio, one).model_dump(mode="json"))
        context.report(done / len(shown), f"walked along {one.name}")
    return Produced({"galleries": pack_json(galleries)})


def shown_factors(named: list[Named]) -> list[Named]:
    """At most six: what the user defined by examples, then attribute columns; a few discovered ones at the end."""
    found = [one for one in named if one.source is FeatureSource.DISCOVERED]
    told = [one for one in named if one.source is FeatureSource.CONCEPT]
    told += [one for one in named if one.source is FeatureSource.ATTRIBUTE]
    told = told[: SHOWN - min(FEWEST_DISCOVERED, len(found))]
    return [*told, *found[: SHOWN - len(told)]]


def _gallery(context: StageContext, studio: Studio, one: Named) -> Gallery:
    return Gallery(
        view=context.request.name,
        title=f"Changing {one.name} alone",
        subject=one.name,
        explanation=EXPLANATION.format(name=one.name),
        columns=["the image", *(str(i + 1) for i in range(STEPS))],
        rows=_rows(context, studio, one),
        measures=_measures(context, studio, one),
        notes=[one.caution] if one.caution else [],
    )


def _rows(context: StageContext, studio: Studio, one: Named) -> list[PictureRow]:
    """Others, swaps, slider, random walk; every picture with the answer to it."""
    rng = context.rng("shown", one.name)
    image = int(spread_rows(studio.probabilities.argmax(axis=1), 1, rng)[0])
    pool = rng.permutation(len(studio.means))[:1000]
    donors = pool[rows_along(one.factor.read(studio.means[torch.from_numpy(pool)]), STEPS)]
    own = one.factor.read(studio.means[image : image + 1])
    given = one.factor.read(studio.means[torch.from_numpy(donors)])
    if np.linalg.norm(given[0] - own) > np.linalg.norm(given[-1] - own):  # the slider goes to the farther end
        donors, given = donors[::-1].copy(), given[::-1].copy()
    wandering = walk(own[0], STEPS, RATE, rng)
    names = context.config["outputs"]
    pictures = [answered(studio.references.images[row], studio.probabilities[row], names) for row in donors]
    return [
        PictureRow(heading="others", pictures=[None, *pictures]),
        _edited(studio, one, image, "swapped", given, names),
        _edited(studio, one, image, "slider", slider(own[0], given[-1], STEPS), names),
        _edited(studio, one, image, "random walk", wandering, names),
    ]


def slider(start: Values, end: Values, steps: int) -> Values:
    """``steps`` values on the straight line from ``start`` (excluded) to ``end``, ``(steps, ...)``."""
    share = np.linspace(0, 1, steps + 1)[1:].reshape(-1, *(1,) * np.ndim(start))
    return np.asarray(start + share * (np.asarray(end) - start))


def walk(start: Values, steps: int, rate: float, rng: np.random.Generator) -> Values:
    """An Ornstein-Uhlenbeck walk, sampled exactly, ``(steps, ...)``: N(0, I) stays N(0, I) at any rate."""
    keep, values = math.exp(-rate), [np.asarray(start)]
    for _ in range(steps):
        values.append(keep * values[-1] + math.sqrt(1 - keep**2) * rng.standard_normal(np.shape(start)))
    return np.stack(values[1:])


def _edited(
    studio: Studio, one: Named, image: int, heading: str, values: Values, names: list[str] | None
) -> PictureRow:
    """The image as the autoencoder draws it, then with its factor at each of ``values``."""
    code = studio.means[image : image + 1]
    edited = one.factor.place(code.repeat(len(values), 1), values)
    images: Images = studio.decode(torch.cat([code, edited]))
    answers: NDArray[np.float32] = classify(studio.classifier, images)
    said = int(answers[0].argmax())
    pictures = [answered(*pair, names, said) for pair in zip(images[1:], answers[1:], strict=True)]
    return PictureRow(heading=heading, pictures=[answered(images[0], answers[0], names), *pictures])


def _measures(context: StageContext, studio: Studio, one: Named) -> list[Measure]:
    rows = random_rows(len(studio.references), min(IMAGES, context.budget.references), context.rng("rows"))
    spread = logit_spread(context.arrays("latents")["logits"])
    draws, generator = DRAWS[context.budget.name], context.generator("draws", one.name)
    found = response(studio, one.factor, rows, draws, spread, generator)
    weights = resampling_weights(len(rows), context.budget.bootstrap, context.rng("bootstrap"))
    return _described(one.name, found, weights)


def _described(name: str, found: Response, weights: NDArray[np.float32]) -> list[Measure]:
    drawn = f"when {name} is drawn at random"
    return [
        measured("flip_rate", f"answers that change {drawn}, less those that the network itself changes",
                 estimate(excess_interval(found.flips, weights))),
        measured("total_variation", f"change of the probabilities {drawn}, 0 to 1, less the network's own",
                 estimate(excess_interval(found.variation, weights))),
        measured("logit_change", f"change of the scores {drawn}, in units of their spread, less the network's own",
                 estimate(mean_interval(found.logits, weights))),
        measured("class_std", f"standard deviation of the answer's number {drawn}: paper 2's quantity, to compare with"
                 " it; it depends on how the classes are numbered", estimate(mean_interval(found.class_std, weights))),
        Measure(name="round_trip", label="largest error of a code taken apart and put together again",
                value=found.round_trip),
    ]  # fmt: skip
