"""The whole chain of stages, in this process and barely trained, on what users bring: it must answer, not crash.

Verdicts are not looked at here (networks of twenty steps know nothing): that is what the demo and ``make planted`` do.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import onnx
import pytest

from schemas.audits import AuditConfig
from schemas.classifiers import InputSpec
from schemas.datasets import AttributeSpec
from schemas.problems import ErrorCode
from schemas.results import AuditResult, FeatureKind, Sheets, Verdict
from schemas.stages import AuditSubject, PlannedStage, StageOutcome
from services.reports.render import render_report
from tests.builders import onnx_graphs, subjects
from tests.builders.barely_trained import train_barely
from tests.builders.classifiers import accepted
from workers.errors import StageError
from workers.intake.datasets import inspect_dataset
from workers.stages.plan import plan_audit
from workers.stages.registry import run_request

IMAGES = 240


@pytest.fixture(autouse=True)
def barely_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    train_barely(monkeypatch)


def blobs(size: int = 16, channels: int = 3, n: int = IMAGES) -> np.ndarray:
    """Coloured rectangles on black."""
    rng = np.random.default_rng(0)
    images = np.zeros((n, size, size, channels), np.uint8)
    for image in images:
        top, left = rng.integers(1, size // 2, 2)
        image[top : top + size // 3, left : left + size // 4] = rng.integers(60, 255, channels)
    return images


def audit(
    model: onnx.ModelProto, arrays: dict[str, np.ndarray], declared: dict[str, AttributeSpec] | None = None
) -> tuple[AuditResult, Sheets]:
    """Intake, then every stage that the plan asks for."""
    buffer = BytesIO()
    np.savez(buffer, **arrays)
    facts, canonical = inspect_dataset(buffer.getvalue(), "data.npz", declared or {})
    model_facts, model_bytes = accepted(model, InputSpec())
    store = subjects.MemoryStore()
    store.put(canonical)
    store.put(model_bytes)
    subject = AuditSubject(
        audit_id="aud_" + "0" * 16, name="chain", created_at=subjects.WHEN, attempt=1, config=AuditConfig(),
        classifier=subjects.classifier(model_facts), dataset=subjects.dataset(facts),
    )  # fmt: skip
    done = drive(lambda known: plan_audit(subject, known), store)
    outputs = done["result"].outputs
    return (
        AuditResult.model_validate_json(store.get(outputs["result"])),
        Sheets.model_validate_json(store.get(outputs["sheets"])),
    )


def drive(plan: Callable[[Any], list[PlannedStage]], store: subjects.MemoryStore) -> dict[str, StageOutcome]:
    """Run stages until none is left."""
    done: dict[str, StageOutcome] = {}
    while left := [stage for stage in plan(done) if stage.name not in done]:
        ready = [(stage, request) for stage in left if (request := stage.resolve(done)) is not None]
        for stage, request in ready:
            done[stage.name] = run_request(request, store, lambda _fraction, _words: None)
    return done


def check(found: tuple[AuditResult, Sheets]) -> AuditResult:
    """A result that keeps its contract and can be shown."""
    result, sheets = found
    assert "<h1" in render_report(result, sheets)
    assert {finding.tap for finding in result.findings} == {tap.name for tap in result.taps}
    assert all(finding.reasons for finding in result.findings)
    return result


def test_grey_images_without_labels_or_attributes() -> None:
    result = check(audit(onnx_graphs.mlp(size=16), {"images": blobs(channels=1)[..., 0]}))
    assert result.classifier.accuracy is None
    assert {feature.source for feature in result.features} == {"measured", "discovered"}


def test_columns_that_no_image_shows_do_not_end_an_audit() -> None:
    """Every 1-D array is a column: ids and times come with the first file of many a user."""
    rng = np.random.default_rng(1)
    noise = {"id": np.arange(IMAGES), "when": rng.random(IMAGES), "angle": rng.random(IMAGES)}
    declared = {"angle": AttributeSpec(kind=FeatureKind.CIRCULAR, period=1.0)}
    labels = rng.integers(0, 3, IMAGES)
    result = check(audit(onnx_graphs.softmax_net(), {"images": blobs(), "labels": labels, **noise}, declared))
    for name in ("when", "angle"):
        assert result.finding(name).verdict is not Verdict.IGNORED


def test_a_classifier_that_never_changes_its_answer() -> None:
    result = check(audit(onnx_graphs.constant_classifier(), {"images": blobs(), "flag": np.arange(IMAGES) % 2}))
    assert not [finding for finding in result.findings if finding.verdict is Verdict.USED]
    assert all(control.passed for control in result.controls if control.name == "constant_classifier")


@pytest.mark.parametrize("build", [onnx_graphs.stubborn_single_net, onnx_graphs.hidden_softmax_net])
def test_graphs_of_other_shapes(build: Callable[[], onnx.ModelProto]) -> None:
    facts, _ = accepted(build(), InputSpec())
    channels = 3 if 3 in facts.input_shape[1:] else 1
    size = facts.input_shape[2] or 16
    check(audit(build(), {"images": blobs(max(size, 12), channels), "labels": np.arange(IMAGES) % 2}))


def test_labels_without_names_give_an_accuracy() -> None:
    result = check(audit(onnx_graphs.softmax_net(), {"images": blobs(), "labels": np.arange(IMAGES) % 2}))
    assert result.classifier.accuracy is not None


@pytest.mark.parametrize("bias", [-30.0, 30.0])
def test_several_sigmoids_all_of_them_saturated(bias: float) -> None:
    """Nothing is on, or everything: float32 tells neither apart, and rows of probabilities sum to 0."""
    result = check(audit(onnx_graphs.many_sigmoids_net(bias), {"images": blobs(), "flag": np.arange(IMAGES) % 2}))
    assert result.classifier.output_kind == "sigmoid"
    assert result.finding("flag").verdict is not Verdict.USED
    assert any("yes or no of its own" in limit for limit in result.limits)


def test_a_classifier_that_answers_one_picture_with_nan() -> None:
    images = blobs()
    images[5] = 0
    with pytest.raises(StageError, match="1 of 240 images") as caught:
        audit(onnx_graphs.dividing_net(), {"images": images})
    assert caught.value.code is ErrorCode.CLASSIFIER_NOT_FINITE
