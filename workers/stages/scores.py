"""Stage ``scores``: pair correlation of every concept at every tap, without training (papers.md 2(a), M4).

Pairs in different poses have misaligned codes ``g Phi``: their covariance is pulled to 0 and a concept that is held
looks ignored (papers.md 5.3). A tap that moves with the picture is therefore scored twice more: on its invariant view,
and on its own values with the second of each pair moved along its orbit to where it is nearest the first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.results import ConceptScore, Estimate
from workers.concepts.scores import METHOD, Score, concept_score, pair_score
from workers.stages.aligned_scores import aligned_scores
from workers.stages.classifying import load_taps
from workers.stages.concepts import pairs_by_name
from workers.stages.posefree import views_of
from workers.stages.stage import Produced, StageContext, pack_json

CODES = "codes"
FEWEST = 10
"""Pairs below which a score would say nothing."""


def run(context: StageContext) -> Produced:
    """``scores``: JSON, a list of :class:`schemas.results.ConceptScore` per concept name.

    Codes first, then the taps in their order. Taps are scored on every unit, standardised, beside the same graph with
    random weights; a concept with fewer than ten pairs has none.
    """
    pairs = {name: rows for name, rows in pairs_by_name(context.arrays("pairs")).items() if len(rows) >= FEWEST}
    scores: dict[str, list[ConceptScore]] = {name: [] for name in pairs}
    taps = [tap.name for tap in load_taps(context)]
    aligned = aligned_scores(context, pairs)
    for done, tap in enumerate([CODES, *taps]):
        values = context.arrays(CODES)["means"] if tap == CODES else context.arrays("wide")[tap]
        untrained = None if tap == CODES else context.arrays("untrained").get(tap)
        for name, rows in pairs.items():
            found = scored(tap, concept_score(values, rows, context.rng(tap, name)), _value(untrained, rows))
            posefree = {"invariant": _invariant(context, tap, name, rows), "aligned": aligned.get((tap, name))}
            scores[name].append(found.model_copy(update=posefree))
        context.report((done + 1) / (len(taps) + 1), f"scored {tap}")
    return Produced({"scores": pack_json({name: [one.model_dump(mode="json") for one in found]
                                          for name, found in scores.items()})})  # fmt: skip


def scored(tap: str, score: Score, untrained: float | None) -> ConceptScore:
    """A score as ``result.json`` holds it."""
    return ConceptScore(tap=tap, score=_estimate(score), null=score.null, untrained=untrained)


def _invariant(context: StageContext, tap: str, name: str, rows: NDArray[np.int64]) -> Estimate | None:
    if tap not in views_of(context):
        return None
    return _estimate(concept_score(context.arrays("invariant")[tap], rows, context.rng(tap, name, "invariant")))


def _estimate(score: Score) -> Estimate:
    return Estimate(value=score.value, low=score.low, high=score.high, level=score.level, n=score.n, method=METHOD)


def _value(values: NDArray[np.floating] | None, pairs: NDArray[np.int64]) -> float | None:
    return None if values is None else pair_score(values, pairs)
