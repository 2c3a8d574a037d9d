"""Stages ``vae``, ``untrained``, ``traversals`` and ``attribution`` as planned, barely trained: they must answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO

import numpy as np
import onnx
import pytest
from safetensors.numpy import load

from schemas.audits import AuditConfig, View
from schemas.classifiers import InputSpec
from schemas.results import Gallery
from schemas.stages import AuditSubject, StageOutcome
from tests.builders import onnx_graphs, subjects
from tests.builders.barely_trained import train_barely
from tests.builders.classifiers import accepted
from workers.intake.datasets import inspect_dataset
from workers.stages.plan import plan_audit
from workers.stages.registry import run_request

NEEDED = {"taps", "latents", "autoencoder", "oracles", "inn:logits", "vae", "traversals", "attribution"}
IMAGES = 220


@pytest.fixture(autouse=True)
def barely_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    train_barely(monkeypatch, 10)


def blobs(channels: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    images = np.zeros((IMAGES, 16, 16, channels), np.uint8)
    for image in images:
        top, left = rng.integers(1, 8, 2)
        image[top : top + 5, left : left + 4] = rng.integers(60, 255, channels)
    return images


def run_stages(
    model: onnx.ModelProto, images: np.ndarray, needed: set[str] = NEEDED
) -> tuple[dict[str, StageOutcome], subjects.MemoryStore]:
    """The stages in ``needed``, and the twin of ``latents``, which a plan without concepts leaves out."""
    buffer = BytesIO()
    np.savez(buffer, images=images)
    facts, canonical = inspect_dataset(buffer.getvalue(), "data.npz", {})
    model_facts, model_bytes = accepted(model, InputSpec())
    store = subjects.MemoryStore()
    store.put(canonical)
    store.put(model_bytes)
    subject = AuditSubject(
        audit_id="aud_" + "0" * 16, name="chain", created_at=subjects.WHEN, attempt=1,
        config=AuditConfig(views=[View.TRAVERSALS, View.ATTRIBUTION]), classifier=subjects.classifier(model_facts),
        dataset=subjects.dataset(facts),
    )  # fmt: skip
    done: dict[str, StageOutcome] = {}
    while ready := [
        request for stage in plan_audit(subject, done)
        if stage.name in needed and stage.name not in done and (request := stage.resolve(done)) is not None
    ]:  # fmt: skip
        for request in ready:
            done[request.name] = run_request(request, store, lambda _fraction, _words: None)
    planned = {stage.name: stage for stage in plan_audit(subject, done)}
    if (resolved := planned["latents"].resolve(done)) is not None:
        twin = resolved.model_copy(update={"name": "untrained"})
        done["untrained"] = run_request(twin, store, lambda _fraction, _words: None)
    return done, store


@pytest.mark.parametrize(
    ("build", "channels"),
    [(lambda: onnx_graphs.mlp(size=16), 1), (onnx_graphs.softmax_net, 3), (onnx_graphs.constant_classifier, 3)],
)
def test_every_view_of_the_vae_answers(build: Callable[[], onnx.ModelProto], channels: int) -> None:
    done, store = run_stages(build(), blobs(channels))
    assert done["vae"].summary["task_dim"] <= 4
    titles = []
    for view in ("traversals", "attribution"):
        for found in map(Gallery.model_validate, read(store, done[view])):
            assert found.view == view
            assert all(len(row.pictures) == len(found.columns) for row in found.rows)
            titles.append(found.title)
    assert len(titles) == len(set(titles)) == 6


def read(store: subjects.MemoryStore, outcome: StageOutcome) -> list[object]:
    return list(json.loads(store.get(outcome.outputs["galleries"])))


def test_untrained_taps_are_those_of_latents_with_other_values() -> None:
    done, store = run_stages(onnx_graphs.convnet(), blobs(3), {"taps", "latents"})
    trained, twin = (load(store.get(done[name].outputs["wide"])) for name in ("latents", "untrained"))
    assert set(twin) == {*trained, "probabilities"}
    for name, values in trained.items():
        assert twin[name].shape == values.shape
        assert twin[name].dtype == np.float16
        assert np.isfinite(twin[name]).all()
        assert not np.array_equal(twin[name], values)
    assert twin["probabilities"].sum(axis=1) == pytest.approx(np.ones(IMAGES), abs=1e-5)
