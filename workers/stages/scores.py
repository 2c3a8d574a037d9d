"""Stage ``scores``: pair correlation of every concept at every tap, without training (papers.md 2(a), M4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.results import ConceptScore, Estimate
from workers.concepts.scores import METHOD, Score, concept_score, pair_score
from workers.stages.classifying import load_taps
from workers.stages.concepts import pairs_by_name
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
    for done, tap in enumerate([CODES, *taps]):
        values = context.arrays(CODES)["means"] if tap == CODES else context.arrays("wide")[tap]
        untrained = None if tap == CODES else context.arrays("untrained").get(tap)
        for name, rows in pairs.items():
            rng = context.rng(tap, name)
            scores[name].append(scored(tap, concept_score(values, rows, rng), _value(untrained, rows)))
        context.report((done + 1) / (len(taps) + 1), f"scored {tap}")
    return Produced({"scores": pack_json({name: [one.model_dump(mode="json") for one in found]
                                          for name, found in scores.items()})})  # fmt: skip


def scored(tap: str, score: Score, untrained: float | None) -> ConceptScore:
    """A score as ``result.json`` holds it."""
    estimate = Estimate(
        value=score.value, low=score.low, high=score.high, level=score.level, n=score.n, method=METHOD
    )  # fmt: skip
    return ConceptScore(tap=tap, score=estimate, null=score.null, untrained=untrained)


def _value(values: NDArray[np.floating] | None, pairs: NDArray[np.int64]) -> float | None:
    return None if values is None else pair_score(values, pairs)
