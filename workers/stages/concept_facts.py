"""The concepts of an audit for its reader: how each was defined, how clean its pairs are, and its scores by tap."""

from __future__ import annotations

from schemas.results import Concept, ConceptScore
from workers.concepts import checkpoint, discovered
from workers.concepts.checkpoint import FittedConcept
from workers.concepts.discovered import Discovered
from workers.stages.stage import StageContext


def concepts_shown(context: StageContext) -> list[Concept]:
    """Concepts with a factor in the order of the network, then discovered directions; empty where none was fitted."""
    inputs, found = context.request.inputs, list[Concept]()
    scores = context.json("scores") if "scores" in inputs else {}
    for one in fitted_concepts(context):
        found.append(_named(one, [ConceptScore.model_validate(score) for score in scores.get(one.name, [])]))
    if "discovered" in inputs:
        found += _discovered(discovered.load(context.blob("discovered")))
    return found


def fitted_concepts(context: StageContext) -> tuple[FittedConcept, ...]:
    """What is known of each concept that has a factor; empty where none was fitted.

    Raises:
        CheckpointError: the stored network is damaged.
    """
    return checkpoint.load(context.blob("concepts")).concepts if "concepts" in context.request.inputs else ()


def _named(one: FittedConcept, scores: list[ConceptScore]) -> Concept:
    return Concept(
        name=one.name, definition=one.definition, pairs=one.pairs, dimensions=one.dimensions, rho=one.rho,
        within=one.within, leaks=one.leaks, scores=scores, caution=one.caution,
    )  # fmt: skip


def _discovered(found: Discovered) -> list[Concept]:
    """No pairs defined them: they have a share of what is drawn and perhaps a likeness, and nothing else to go by."""
    return [
        Concept(
            name=name, definition="discovered", pairs=0, dimensions=1,
            caution=f"Nobody named it: a direction of the codes that draws {share:.0%} of what the images vary"
            + ("." if alike is None else f"; it is called after the column that it correlates with at {alike:.2f}."),
        )
        for name, share, alike in zip(found.names, found.shares, found.likeness, strict=True)
    ]  # fmt: skip
