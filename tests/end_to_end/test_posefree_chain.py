"""The whole chain on a classifier that quarter turns commute with, in this process and barely trained.

Verdicts are not looked at (networks of twenty steps know nothing): that is what ``make planted`` does. Here every
number of an invariant view has to reach the result, and the report.
"""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest

from schemas.audits import AuditConfig, SymmetryGroup, View
from schemas.classifiers import InputSpec
from schemas.results import AuditResult, ConceptScore, Sheets
from schemas.stages import AuditSubject, StageOutcome
from services.reports.render import render_report
from tests.builders import subjects
from tests.builders.barely_trained import train_barely
from tests.builders.classifiers import accepted
from tests.builders.posed_stages import TAP, shapes, turning_net
from workers.intake.datasets import inspect_dataset
from workers.stages.plan import plan_audit
from workers.stages.registry import run_request

IMAGES = 200
VIEWS = [View.CONCEPTS, View.SYMMETRY]
STORE = subjects.MemoryStore()
FINISHED: dict[str, StageOutcome] = {}
"""By key: the second audit finds finished what the first has made."""


@pytest.fixture(autouse=True)
def barely_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    train_barely(monkeypatch)


def audit(**config: object) -> tuple[AuditResult, Sheets, dict[str, list[ConceptScore]]]:
    """Intake, then every stage that the plan asks for; the result, its pictures, and the scores by concept."""
    images, labels = shapes(IMAGES)
    buffer = BytesIO()
    np.savez(buffer, images=images, labels=labels)
    facts, canonical = inspect_dataset(buffer.getvalue(), "data.npz", {})
    model_facts, model_bytes = accepted(turning_net(), InputSpec())
    STORE.put(canonical)
    STORE.put(model_bytes)
    subject = AuditSubject(
        audit_id="aud_" + "0" * 16, name="chain", created_at=subjects.WHEN, attempt=1,
        config=AuditConfig(taps=[TAP, "logits"], views=VIEWS, **config),  # type: ignore[arg-type]
        classifier=subjects.classifier(model_facts), dataset=subjects.dataset(facts),
    )  # fmt: skip
    done: dict[str, StageOutcome] = {}
    while left := [stage for stage in plan_audit(subject, done) if stage.name not in done]:
        for stage in left:
            if (request := stage.resolve(done)) is not None:
                if request.key not in FINISHED:
                    FINISHED[request.key] = run_request(request, STORE, lambda _share, _words: None)
                done[stage.name] = FINISHED[request.key]
    outputs = done["result"].outputs
    scores = json.loads(STORE.get(done["scores"].outputs["scores"]))
    return (
        AuditResult.model_validate_json(STORE.get(outputs["result"])),
        Sheets.model_validate_json(STORE.get(outputs["sheets"])),
        {name: [ConceptScore.model_validate(one) for one in found] for name, found in scores.items()},
    )


def test_a_declared_group_reaches_every_part_of_the_result() -> None:
    result, sheets, scores = audit(symmetries=[SymmetryGroup.C4])
    assert [(view.tap, view.group) for view in result.invariant_views] == [(TAP, SymmetryGroup.C4)]
    [row] = [one for one in result.symmetries if one.tap == TAP and one.action == "spatial"]
    assert (row.state, row.declared) == ("exact", True)
    here = [finding for finding in result.findings if finding.tap == TAP]
    assert all(finding.retention.invariant for finding in here if finding.retention.predictive)
    assert any(finding.retention.invariant_generative for finding in here)
    elsewhere = [finding.retention for finding in result.findings if finding.tap == "logits"]
    assert not any(one.invariant or one.invariant_generative for one in elsewhere)
    posed, plain = ({sheet.tap: sheet for sheet in sheets.taps}[tap] for tap in (TAP, "logits"))
    assert posed.deviation_quotient is not None
    assert posed.deviation_quotient.value <= 1.5 * posed.deviation_random.value
    assert plain.deviation_quotient is None
    assert f"samples@invariant:{TAP}" in {gallery.view for gallery in sheets.galleries}
    by_tap = {score.tap: score for score in scores["label"]}
    assert by_tap[TAP].invariant is not None
    assert by_tap[TAP].aligned is not None
    assert by_tap["logits"].invariant is None
    assert any(gate.name == f"round_trip@invariant:{TAP}" for gate in result.gates)
    assert any("Declared to be a symmetry, and tested: c4" in limit for limit in result.limits)
    assert "<h1" in render_report(result, sheets)


def test_an_undeclared_group_gets_a_view_and_no_network_in_a_quick_audit() -> None:
    result, sheets, _scores = audit()
    assert [view.tap for view in result.invariant_views] == [TAP]
    here = [finding.retention for finding in result.findings if finding.tap == TAP]
    assert any(one.invariant for one in here)
    assert not any(one.invariant_generative for one in here)
    assert not any("@invariant" in gate.name for gate in result.gates)
    assert result.simultaneity is not None
    features, at_logits = len(result.features), [one for one in result.findings if one.tap == "logits"]
    edits = sum((one.effect.method is not None) + len(one.other_effects) for one in at_logits)
    of_views = 1 + sum(2 - view.lossless for view in result.invariant_views)  # one group, and what each view is asked
    assert result.simultaneity.comparisons == 2 * edits + features * (2 * len(result.taps) + of_views)
    assert any(limit.startswith("Screened for symmetry: ") for limit in result.limits)
    assert "<h1" in render_report(result, sheets)
