"""The table of concepts: how much of each tap each concept makes up, and how clean its pairs are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.results import AuditResult, Chart, Concept, ConceptScore, Line, Tap

CODES = "codes"
OUTPUT = "logits"
STEPS = (0.05, 0.1, 0.2, 0.4)
DRAWN = 8  # concepts in the chart


@dataclass(frozen=True)
class ScoreBar:
    """A score on the scale from 0 to 1, in percent of the bar: what chance reaches, the interval, dot and twin."""

    chance: float
    low: float
    high: float
    dot: float
    untrained: float | None


@dataclass(frozen=True)
class ConceptsView:
    """Concepts in rows; ``columns`` are the codes, then the taps by depth."""

    concepts: list[Concept]
    columns: list[str]
    chart: Chart | None

    @property
    def factors(self) -> list[str]:
        """Columns of the leak matrix."""
        named = [concept.name for concept in self.concepts]
        others = dict.fromkeys(leak for concept in self.concepts for leak in concept.leaks if leak not in named)
        return [*named, *others]

    @property
    def scored(self) -> list[Concept]:
        """Concepts that pairs define: what was discovered has none."""
        return [concept for concept in self.concepts if concept.scores]

    @property
    def leaking(self) -> list[Concept]:
        """Concepts whose pairs were examined for what else they share."""
        return [concept for concept in self.concepts if concept.leaks]

    @property
    def posed(self) -> list[tuple[Concept, ConceptScore]]:
        """Scores that were also made without the pose, by concept and then in the order of the columns."""
        scores = ((one, self.score(one, column)) for one in self.concepts for column in self.columns)
        return [(one, told) for one, told in scores if told and (told.invariant or told.aligned)]

    def score(self, concept: Concept, tap: str) -> ConceptScore | None:
        """The score of ``concept`` at ``tap``."""
        return next((score for score in concept.scores if score.tap == tap), None)


def concepts_view(result: AuditResult, taps: Sequence[Tap]) -> ConceptsView | None:
    """What the report shows of the concepts; ``None`` without any."""
    if not result.concepts:
        return None
    found = {score.tap for concept in result.concepts for score in concept.scores}
    columns = [name for name in dict.fromkeys(_places(taps)) if name in found]
    columns += sorted(found - set(columns))
    return ConceptsView(result.concepts, columns, _chart(result.concepts, columns))


def _places(taps: Sequence[Tap]) -> Iterable[str]:
    yield CODES
    for tap in taps:
        yield from (OUTPUT, tap.name) if tap.kind == "logits" else (tap.name,)


def _chart(concepts: Sequence[Concept], columns: list[str]) -> Chart | None:
    if len(columns) < 3 or not any(concept.scores for concept in concepts):
        return None
    return Chart(
        title="Concept scores from the codes to the answer",
        y="concept score",
        x=columns,
        lines=[_line(concept, columns) for concept in concepts if concept.scores][:DRAWN],
    )


def _line(concept: Concept, columns: Sequence[str]) -> Line:
    scores = {score.tap: score.score for score in concept.scores}
    return Line(name=concept.name, values=[scores.get(column) for column in columns])


def above_chance(score: ConceptScore) -> bool:
    """Whether even the lower end of the interval lies above what random pairs reach."""
    return score.score.low > score.null


def score_bar(score: ConceptScore) -> ScoreBar | None:
    """Where the score lies on its bar; ``None`` when it is not finite."""
    told = score.score
    if not all(map(math.isfinite, (told.value, told.low, told.high, score.null))):
        return None
    twin = None if score.untrained is None or not math.isfinite(score.untrained) else _place(score.untrained)
    return ScoreBar(_place(score.null), _place(told.low), _place(told.high), _place(told.value), twin)


def _place(score: float) -> float:
    return round(100 * min(max(score, 0.0), 1.0), 1)


def heat(correlation: float) -> int:
    """0 to 4: how strongly a cell of the leak matrix is tinted."""
    return sum(abs(correlation) >= step for step in STEPS) if math.isfinite(correlation) else 0
