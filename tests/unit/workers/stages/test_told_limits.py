"""What an audit says of what it could not look at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from schemas.results import FeatureSource, Verdict
from workers.concepts.checkpoint import FittedConcept
from workers.concepts.model import ConceptINN, factors_of
from workers.evidence.bootstrap import Interval
from workers.evidence.effects import EffectEstimate
from workers.evidence.features import FeatureColumn, fit_encoding
from workers.flows.inn import InnConfig
from workers.stages.effect_estimates import EditMeasurement
from workers.stages.factors import ConceptFactor, Named
from workers.stages.features import AuditedFeature, with_factors
from workers.stages.findings import _invisible, _power
from workers.stages.gates import carried_gates
from workers.stages.limits import left_out


def concept(name: str, carried: float | None, definition: str = "pairs", alike: float | None = None) -> FittedConcept:
    return FittedConcept(name, definition, 400, 2, 0.9, carried, {}, "Weak.", carried, alike)


def test_dropped_concepts_are_named() -> None:
    column, kept = concept("hat", 0.9, "attribute"), concept("style", 0.9)
    gone, shadowed = left_out(["mark", "hat", "style"], [column, kept])
    assert gone.startswith("The concept mark was left out")
    assert shadowed == "The concept hat was left out: the column of that name stands for it."
    assert left_out([], [column]) == []


@pytest.mark.parametrize(
    ("known", "passed"),
    [
        (concept("mark", 0.8), True), (concept("mark", -0.25), False), (concept("mark", None), False),
        (concept("mark", 0.9, "sketch", 0.8), False), (concept("mark", 0.9, "sketch", 0.99), True),
    ],
)  # fmt: skip
def test_every_concept_that_examples_define_has_a_gate_under_its_features_name(known, passed) -> None:
    torch.manual_seed(0)
    inn = ConceptINN(6, factors_of(["mark"], [2], [0.9], 6), InnConfig(blocks=1, hidden=8))
    named = Named("mark", FeatureSource.CONCEPT, ConceptFactor(inn, "mark"))
    column = FeatureColumn("mark", "numeric", np.arange(50.0))
    taken = AuditedFeature("mark", FeatureSource.ATTRIBUTE, column, fit_encoding(column))
    features = with_factors([taken], [named], torch.randn(50, 6))
    assert [feature.name for feature in features] == ["mark", "concept mark"]
    (gate,) = carried_gates(features, [known])
    assert (gate.name, gate.passed) == ("concept_carried:concept mark", passed)


def measured(method: str, clean: int | None) -> EditMeasurement:
    def rate(n: int) -> Interval:
        return Interval(0.0, 0.0, 0.01, 0.95, n, "test")

    found = EffectEstimate(rate(1000), rate(1000), rate(1000), None if clean is None else rate(clean))
    return EditMeasurement(method, found, None, 0.95, 0.3, 0.05)


def test_edits_of_the_code_say_what_they_cannot_deny() -> None:
    completeness = Interval(0.96, 0.95, 0.97, 0.95, 1000, "test")
    (said,) = _invisible([measured("generated", 400)], Verdict.IGNORED, completeness)
    assert "4.0% of the references" in said
    assert "invisible" in said
    assert _invisible([measured("exact", None)], Verdict.IGNORED, completeness) == []
    assert _invisible([measured("factor", 400)], Verdict.USED, completeness) == []


def test_power_is_that_of_the_images_whose_edit_was_clean() -> None:
    assert _power([measured("generated", 400)], Verdict.IGNORED)[0].startswith("With 400 edited references")
    assert _power([measured("exact", None)], Verdict.IGNORED)[0].startswith("With 1,000 edited references")
