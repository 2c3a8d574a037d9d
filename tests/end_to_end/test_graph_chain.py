"""The whole chain of stages on graphs, in this process and barely trained: it must answer, not crash.

Verdicts are not looked at here: networks of eight steps know nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import onnx
import pytest

from schemas.audits import AuditConfig, SymmetryGroup, View
from schemas.classifiers import Classifier, InputSpec
from schemas.results import AuditResult, Sheets
from schemas.stages import AuditSubject, StageOutcome
from services.reports.render import render_report
from tests.builders import onnx_graph_nets, subjects
from tests.builders.barely_trained import train_barely
from tests.builders.classifiers import accepted
from tests.builders.random_graphs import graph_arrays
from workers.evidence.gates import NUMBERING
from workers.intake.datasets import inspect_dataset
from workers.stages.plan import plan_audit
from workers.stages.registry import run_request

GRAPHS = 200


@pytest.fixture(autouse=True)
def barely_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    train_barely(monkeypatch, 8, references=30, draws=2, edited=40)


def audit(
    model: onnx.ModelProto, arrays: dict[str, np.ndarray], config: AuditConfig, against: Sequence[onnx.ModelProto] = ()
) -> tuple[AuditResult, Sheets, dict[str, StageOutcome]]:
    """Intake, then every stage that the plan asks for."""
    buffer = BytesIO()
    np.savez(buffer, **arrays)
    facts, canonical = inspect_dataset(buffer.getvalue(), "graphs.npz", {})
    store = subjects.MemoryStore()
    store.put(canonical)
    audited, *others = (classifier(store, one) for one in (model, *against))
    subject = AuditSubject(
        audit_id="aud_" + "0" * 16, name="chain", created_at=subjects.WHEN, attempt=1, config=config,
        classifier=audited, dataset=subjects.dataset(facts), against=others,
    )  # fmt: skip
    done: dict[str, StageOutcome] = {}
    while left := [stage for stage in plan_audit(subject, done) if stage.name not in done]:
        ready = [(stage.name, request) for stage in left if (request := stage.resolve(done)) is not None]
        assert ready, f"nothing can run of {[stage.name for stage in left]}"
        for name, request in ready:
            done[name] = run_request(request, store, lambda _fraction, _words: None)
    outputs = done["result"].outputs
    return (
        AuditResult.model_validate_json(store.get(outputs["result"])),
        Sheets.model_validate_json(store.get(outputs["sheets"])),
        done,
    )


def classifier(store: subjects.MemoryStore, model: onnx.ModelProto) -> Classifier:
    facts, canonical = accepted(model, InputSpec())
    store.put(canonical)
    return subjects.classifier(facts)


def check(found: tuple[AuditResult, Sheets, dict[str, StageOutcome]]) -> AuditResult:
    """A result of graphs that keeps its contract and can be shown."""
    result, sheets, done = found
    assert "<h1" in render_report(result, sheets)
    assert {finding.tap for finding in result.findings} == {tap.name for tap in result.taps}
    assert all(finding.reasons for finding in result.findings)
    assert result.dataset.kind == "graphs"
    assert {one.group for one in result.symmetries} == {"nodes"}
    assert not {"attack", "attribution", "outside"} & set(done)
    return result


def labelled() -> dict[str, np.ndarray]:
    arrays = graph_arrays(GRAPHS)
    return {**arrays, "labels": arrays["rings"], "node_names": np.array(["C", "N", "O"])}


def test_graphs_with_columns() -> None:
    """Every view, networks for the one without the numbering of the nodes (that group is declared), and another
    classifier beside it.
    """
    config = AuditConfig(symmetries=[SymmetryGroup.NODES])
    result = check(audit(onnx_graph_nets.message_passing_net(), labelled(), config, [onnx_graph_nets.bag_net()]))
    assert {"rings", "size", "first"} <= {feature.name for feature in result.features}
    assert result.dataset.graph is not None
    assert result.dataset.graph.node_names == ["C", "N", "O"]
    assert {one.state for one in result.symmetries} == {"exact"}
    assert [one.tap for one in result.invariant_views] == ["kept1"]


def test_graphs_without_columns_and_a_classifier_that_cares_for_their_order() -> None:
    """One matrix of edges, no mask, one graph at a time."""
    arrays = graph_arrays(GRAPHS, m=6)
    bare = {"nodes": arrays["nodes"], "adjacency": arrays["adjacency"].any(axis=3)}
    result = check(audit(onnx_graph_nets.flat_net(6, batch=1), bare, AuditConfig(views=[View.SYMMETRY])))
    assert {feature.source for feature in result.features} == {"measured"}
    assert {one.state for one in result.symmetries} == {"broken"}
    (numbered,) = [gate for gate in result.gates if gate.name == NUMBERING]
    assert not numbered.passed
    assert "numbering of the nodes" in numbered.detail
    assert result.invariant_views == []
    assert any("no mask" in limit for limit in result.limits)
