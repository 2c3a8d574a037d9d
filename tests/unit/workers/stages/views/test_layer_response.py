"""Stage response on a classifier whose last layer holds two concepts and whose head reads one of them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import onnx
import pytest
import torch

from schemas.audits import AuditConfig, View
from schemas.classifiers import InputSpec
from schemas.results import Gallery
from schemas.stages import AuditSubject, PlannedStage, StageOutcome, StageRequest
from tests.builders import onnx_graphs, subjects
from tests.builders.classifiers import accepted
from workers.classifier.head import Head
from workers.classifier.selection import Tap
from workers.intake.datasets import inspect_dataset
from workers.stages import concepts, profiles
from workers.stages.classifying import load_taps, open_classifier
from workers.stages.plan import plan_audit
from workers.stages.references import load_references
from workers.stages.registry import run_request
from workers.stages.stage import StageContext, pack
from workers.stages.views import response
from workers.stages.views.layers import Layer, open_layer
from workers.stages.views.trials import EVERYTHING

N = 1200


def silent(_fraction: float, _words: str) -> None:
    """No progress wanted."""


def halves() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Grey images: the left half as bright as ``left`` says, the right half as ``right`` says."""
    rng = np.random.default_rng(0)
    left, right = rng.integers(20, 236, (2, N))
    images = np.zeros((N, 8, 8), np.uint8)
    images[:, :, :4], images[:, :, 4:] = left[:, None, None], right[:, None, None]
    return images, {"left": left.astype(float), "right": right.astype(float)}


def two_concepts(units: int = 8) -> onnx.ModelProto:
    """Rectified units, the first ``units`` of the left half, as many of the right; the scores read the first alone."""
    b, rng = onnx_graphs.GraphBuilder(), np.random.default_rng(1)
    sides = np.zeros((2, 8, 8), np.float32)
    sides[0, :, :4] = sides[1, :, 4:] = 1 / 32
    turn = np.tile(np.where(np.arange(units) % 2, 4.0, -4.0), 2)
    weight = turn[:, None] * np.repeat(sides.reshape(2, -1), units, axis=0)
    edges = np.tile(np.linspace(0.2, 0.8, units), 2)
    head = np.concatenate([rng.normal(size=(4, units)) * 3, np.zeros((4, units))], axis=1)
    b.node("Flatten", ["image"], "flat")
    given = [b.constant("weight", weight.astype(np.float32)), b.constant("bias", (-turn * edges).astype(np.float32))]
    b.node("Gemm", ["flat", *given], "sums", transB=1)
    b.node("Relu", ["sums"], "units")
    scores = [b.constant("head", head.astype(np.float32)), b.constant("shift", rng.normal(size=4).astype(np.float32))]
    b.node("Gemm", ["units", *scores], "scores", transB=1)
    return b.build(("batch", 1, 8, 8), 4)


def prepared(model: onnx.ModelProto, taps: list[str] | None) -> StageContext:
    """The stage's own request after taps and latents; pairs as the stage ``concepts`` draws them."""
    images, columns = halves()
    buffer = BytesIO()
    np.savez(buffer, images=images, **columns)
    facts, canonical = inspect_dataset(buffer.getvalue(), "data.npz", {})
    model_facts, model_bytes = accepted(model, InputSpec())
    store = subjects.MemoryStore()
    store.put(canonical)
    store.put(model_bytes)
    subject = AuditSubject(
        audit_id="aud_" + "0" * 16, name="halves", created_at=subjects.WHEN, attempt=1,
        config=AuditConfig(views=[View.CONCEPTS], taps=taps), classifier=subjects.classifier(model_facts),
        dataset=subjects.dataset(facts),
    )  # fmt: skip
    done: dict[str, StageOutcome] = {}
    for name in ("taps", "latents"):
        request = planned(subject, done, name).resolve(done)
        assert request is not None
        done[name] = run_request(request, store, silent)
    stage = planned(subject, done, "response")
    known: dict[str, Any] = {
        name: source if isinstance(source, str) else done[source.stage].outputs[source.output]
        for name, source in stage.inputs.items()
        if isinstance(source, str) or source.stage in done
    }
    context = StageContext(StageRequest(name="concepts", inputs=known, config=stage.config, seed=0), store, silent)
    references = load_references(context)
    named: list[Any] = [concepts.attribute(one) for one in concepts.columns_of(context, references)]
    known["pairs"] = store.put(pack(concepts.scored_pairs(context, named, len(references))))
    assert set(known) == set(stage.inputs)
    return StageContext(StageRequest(name="response", inputs=known, config=stage.config, seed=0), store, silent)


def planned(subject: AuditSubject, done: dict[str, StageOutcome], name: str) -> PlannedStage:
    return next(stage for stage in plan_audit(subject, done) if stage.name == name)


def gallery(model: onnx.ModelProto, taps: list[str] | None = None) -> Gallery:
    made = response.run(prepared(model, taps)).outputs["galleries"]
    [one] = json.loads(made)
    return Gallery.model_validate(one)


@cache
def of_two_concepts() -> Gallery:
    return gallery(two_concepts(), ["units"])


def numbers(found: Gallery) -> dict[str, float]:
    return {measure.name: measure.value for measure in found.measures if measure.value is not None}


def test_the_concept_that_the_head_reads_changes_the_answer_and_the_other_does_not() -> None:
    found = of_two_concepts()
    told = numbers(found)
    assert told["flip_rate:left"] > 0.4
    assert told["flip_rate:left"] > 0.8 * told[f"flip_rate:{EVERYTHING}"]
    assert abs(told["flip_rate:right"]) < 0.03
    assert abs(told["total_variation:right"]) < 0.03
    assert told["taken:left"] > 0.8 > 0.1 > told["taken:right"]
    assert min(told["within:left"], told["within:right"]) > 0.5, "both are held, only one is read"


def test_what_is_taken_apart_is_put_together_again() -> None:
    told = numbers(of_two_concepts())
    assert told["round_trip"] < 1e-3
    assert told["head_error"] < 1e-5


def test_every_number_has_an_interval_and_stands_in_the_chart() -> None:
    found = of_two_concepts()
    [chart] = found.charts
    assert chart.x == ["left", "right", "residual", EVERYTHING]
    measures = {measure.name: measure for measure in found.measures}
    for line, key in zip(chart.lines, ("flip_rate", "swap", "taken"), strict=True):
        assert [measures[f"{key}:{name}"].estimate for name in chart.x] == line.values
    for name in chart.x:
        for key in ("class_std", "total_variation", "logit_change"):
            assert measures[f"{key}:{name}"].estimate is not None
    assert numbers(found)["bounded"] == 1
    assert "numbers that the classifier holds of an image at units" in found.explanation


def test_a_layer_gives_back_the_values_bit_for_bit_and_keeps_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a tap whose codes are only its principal components."""
    monkeypatch.setitem(profiles.BUDGETS, "quick", replace(profiles.QUICK, condition=5))
    layer = opened(prepared(two_concepts(), ["units"]))
    assert layer.components is not None
    assert layer.units.rank == 5
    assert 0.5 < layer.kept < 1
    assert torch.equal(layer.changed(layer.codes), layer.values)
    moved = layer.changed(layer.codes + 1)
    outside = (moved - layer.values) - (moved - layer.values) @ layer.components.T @ layer.components
    assert outside.abs().max() < 1e-4
    np.testing.assert_allclose(layer.answer(layer.codes)[:, 0], layer.logits, atol=1e-5)
    assert layer.low.tolist() == [0.0] * 16


def test_what_a_rectifier_cannot_put_out_is_not_shown_to_the_rest() -> None:
    layer = opened(prepared(two_concepts(), ["units"]))
    eye = replace(layer, head=cast(Head, SimpleNamespace(run=lambda values: values)), logits=layer.values.numpy())
    far = layer.codes + torch.randn(layer.codes.shape, generator=torch.Generator().manual_seed(0))
    values, shown = layer.changed(far), eye.answer(far)[:, 0]
    assert (values < 0).any()
    assert shown.min() == 0
    inside = ((values >= 0) & (values <= layer.values.amax(dim=0))).numpy()
    np.testing.assert_array_equal(shown[inside], values.numpy()[inside])


def opened(context: StageContext) -> Layer:
    [tap] = [one for one in load_taps(context) if one.kind == "hidden"]
    images = load_references(context).images[:50]
    return open_layer(context, tap, open_classifier(context, [tap]).run(images), (8, 8))


def test_a_narrow_view_of_a_layer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(profiles.BUDGETS, "quick", replace(profiles.QUICK, condition=4, bootstrap=50))
    brief = replace(response.EFFORT["quick"].training, steps=10, evaluate_every=5)
    monkeypatch.setattr(response, "EFFORT", {"quick": replace(response.EFFORT["quick"], training=brief)})
    monkeypatch.setattr(response, "WIDE", 1.0)
    assert any("Only the 4 directions" in note for note in gallery(two_concepts(), ["units"]).notes)


@pytest.mark.parametrize(
    ("model", "taps", "why"),
    [
        (onnx_graphs.constant_classifier(1, 8, 3), None, "no tap before the logits"),
        (two_concepts(1), ["units"], "varies in 2 directions"),
    ],
)
def test_where_nothing_can_be_measured_it_says_why(model: onnx.ModelProto, taps: list[str] | None, why: str) -> None:
    found = gallery(model, taps)
    assert why in found.notes[0]
    assert not found.measures
    assert not found.charts


def test_a_tap_that_was_averaged_over_places_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    context = prepared(two_concepts(), ["units"])
    wide = Tap("units", "units", "hidden", 0.5, "Relu", (16, 40, 40))
    monkeypatch.setattr(response, "load_taps", lambda _context: [wide])
    [one] = json.loads(response.run(context).outputs["galleries"])
    assert "25,600 numbers of an image and was averaged over places" in one["notes"][0]
