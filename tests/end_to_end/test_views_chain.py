"""The views of paper 4 on what users bring, in this process and barely trained: pictures, numbers, and no crash.

What the numbers must be is tested where it is planted; here every view meets real stages: a graph of another kind
beside the audited one, images from elsewhere of another size, no labels, an answer that never changes.
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import numpy as np
import onnx
import pytest

from schemas.audits import AuditConfig, View
from schemas.classifiers import Classifier, InputSpec
from schemas.datasets import Dataset
from schemas.results import Gallery
from schemas.stages import AuditSubject, StageOutcome
from tests.builders import onnx_graphs, subjects
from tests.builders.barely_trained import train_barely
from tests.builders.classifiers import accepted
from workers.errors import StageError
from workers.intake.datasets import inspect_dataset
from workers.stages.plan import plan_audit
from workers.stages.registry import run_request

IMAGES = 200
NEEDED = {"taps", "latents", "autoencoder", "oracles", "prior", "inn", "samples"}
VIEWS = {"mixing", "attack", "outside", "companions"}


@pytest.fixture(autouse=True)
def barely_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    train_barely(monkeypatch, rows=4)


def blobs(size: int = 16, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Coloured rectangles on black."""
    rng = np.random.default_rng(seed)
    images = np.zeros((IMAGES, size, size, channels), np.uint8)
    for image in images:
        top, left = rng.integers(1, size // 2, 2)
        image[top : top + size // 3, left : left + size // 4] = rng.integers(60, 255, channels)
    return images


def dataset(store: subjects.MemoryStore, name: str, **arrays: np.ndarray) -> Dataset:
    buffer = BytesIO()
    np.savez(buffer, **arrays)
    facts, canonical = inspect_dataset(buffer.getvalue(), "data.npz", {})
    store.put(canonical)
    return subjects.dataset(facts, name=name)


def classifier(store: subjects.MemoryStore, model: onnx.ModelProto, name: str) -> Classifier:
    facts, canonical = accepted(model, InputSpec())
    store.put(canonical)
    return subjects.classifier(facts, name=name)


def show(
    store: subjects.MemoryStore, model: Classifier, references: Dataset, **besides: Any
) -> dict[str, list[Gallery]]:
    """Run what the views need; galleries by stage."""
    subject = AuditSubject(
        audit_id="aud_" + "0" * 16, name="views", created_at=subjects.WHEN, attempt=1,
        config=AuditConfig(views=[View.MIXING, View.ATTACK]), classifier=model, dataset=references, **besides,
    )  # fmt: skip
    done: dict[str, StageOutcome] = {}

    def left() -> list[Any]:
        wanted = NEEDED | VIEWS
        return [stage for stage in plan_audit(subject, done)
                if stage.name not in done and (stage.runs or stage.name).partition(":")[0] in wanted]  # fmt: skip

    while stages := left():
        for stage in stages:
            request = stage.resolve(done)
            if request is not None:
                done[stage.name] = run_request(request, store, lambda _fraction, _words: None)
    shown = [name for name in done if name in VIEWS or (name.startswith("samples:") and "@" not in name)]
    galleries = {name: loaded(store, done[name]) for name in shown}
    for name, found in galleries.items():
        assert all(check(gallery).view == name for gallery in found)
    return galleries


def loaded(store: subjects.MemoryStore, outcome: StageOutcome) -> list[Gallery]:
    return [Gallery.model_validate(one) for one in json.loads(store.get(outcome.outputs["galleries"]))]


def check(gallery: Gallery) -> Gallery:
    """Rows as wide as the columns, lines as long as the axis, numbers with intervals, words for a newcomer."""
    assert len(gallery.explanation) > 80
    assert all(len(row.pictures) == len(gallery.columns) for row in gallery.rows)
    assert all(len(line.values) == len(chart.x) for chart in gallery.charts for line in chart.lines)
    assert all(measure.estimate is not None for measure in gallery.measures if measure.value is not None)
    assert len({measure.name for measure in gallery.measures}) == len(gallery.measures)
    return gallery


def test_every_view_beside_two_other_classifiers_and_foreign_images() -> None:
    store = subjects.MemoryStore()
    audited = classifier(store, onnx_graphs.convnet(), "audited")
    found = show(
        store,
        audited,
        dataset(store, "blobs", images=blobs(), labels=np.arange(IMAGES) % 5),
        against=[classifier(store, onnx_graphs.residual_net(), "second"), audited],
        outside=dataset(store, "larger", images=blobs(24, seed=1)),
    )
    taps = [name.removeprefix("samples:") for name in found if name.startswith("samples:")]
    assert [gallery.subject for gallery in found["mixing"]] == taps
    (attack,) = found["attack"]
    assert attack.charts[0].x == taps
    assert len(attack.columns) == 3 + len(taps)
    curves, beside = found["companions"]
    assert curves.charts[0].x == ["audited", "second", "audited (3)"]
    assert len({row.heading for row in beside.rows}) == 3
    numbers = {measure.name: measure.value for measure in curves.measures}
    assert numbers["agreement@2"] == 1, "the third file is the audited one"
    assert numbers["accuracy@0"] == numbers["accuracy@2"]
    assert numbers["total_invariance@0"] == numbers["total_invariance@2"]
    seen, near = found["outside"]
    assert {measure.name for measure in seen.measures} >= {"auc_code", "auc_copy", "outlying_code", "confidence"}
    assert near.charts[0].x == taps
    assert any("say nothing" in note for note in seen.notes)


def test_grey_images_without_labels() -> None:
    store = subjects.MemoryStore()
    found = show(
        store,
        classifier(store, onnx_graphs.mlp(size=16, classes=2), "grey"),
        dataset(store, "blobs", images=blobs(channels=1)[..., 0]),
        outside=dataset(store, "others", images=blobs(channels=1, seed=2)[..., 0]),
    )
    assert found["mixing"]
    assert "samples:logits" in found


def test_a_classifier_that_never_changes_its_answer() -> None:
    store = subjects.MemoryStore()
    found = show(
        store, classifier(store, onnx_graphs.constant_classifier(), "constant"), dataset(store, "b", images=blobs())
    )
    (attack,) = found["attack"]
    numbers = {measure.name: measure.value for measure in attack.measures}
    assert numbers["attack_success"] == numbers["noise_success"] == 0
    assert "gets_b" not in {measure.name for gallery in found["mixing"] for measure in gallery.measures}


def test_foreign_images_of_other_channels_are_refused_with_advice() -> None:
    store = subjects.MemoryStore()
    with pytest.raises(StageError, match="as many channels as the references"):
        show(
            store,
            classifier(store, onnx_graphs.constant_classifier(), "constant"),
            dataset(store, "colour", images=blobs()),
            outside=dataset(store, "grey", images=blobs(channels=1)[..., 0]),
        )
