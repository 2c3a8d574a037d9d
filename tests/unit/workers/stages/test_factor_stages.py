"""Stages effects, samples and factors with concepts and discovered directions, barely trained, on three factors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
import pytest
from safetensors.numpy import load

from schemas.audits import AuditConfig, View
from schemas.classifiers import InputSpec
from schemas.results import Gallery
from schemas.stages import AuditSubject, PlannedStage, StageOutcome
from tests.builders import onnx_graphs, subjects
from tests.builders.barely_trained import train_barely
from tests.builders.classifiers import accepted
from workers.intake.datasets import inspect_dataset
from workers.stages.edits import FACTOR_EDIT
from workers.stages.plan import plan_audit
from workers.stages.registry import run_request
from workers.stages.views.factors import EXPLANATION

IMAGES = 240
Done = dict[str, StageOutcome]


def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Grey-level rectangles that are tall or wide, on black; and which are tall."""
    rng = np.random.default_rng(0)
    tall = np.arange(IMAGES) % 2
    images = np.zeros((IMAGES, 16, 16, 3), np.uint8)
    for image, upright in zip(images, tall, strict=True):
        top, left = rng.integers(1, 6, 2)
        height, width = (9, 4) if upright else (4, 9)
        image[top : top + height, left : left + width] = rng.integers(60, 255, 3)
    return images, tall


@pytest.fixture(scope="module")
def chain() -> Iterator[Callable[[str], tuple[dict[str, np.ndarray], dict[str, bytes]]]]:
    """Runs the stage that is asked for, and whatever it needs, once."""
    with pytest.MonkeyPatch.context() as patch:
        train_barely(patch, images={"steps": 80, "code_dim": 16}, edits=2, rows=4)
        yield _runner(_subject())


def _subject() -> tuple[AuditSubject, subjects.MemoryStore]:
    images, tall = blobs()
    odd, even = np.flatnonzero(tall == 1), np.flatnonzero(tall == 0)
    pairs = np.concatenate([odd.reshape(-1, 2), even.reshape(-1, 2)])
    buffer = BytesIO()
    np.savez(buffer, images=images, tall=tall, weight=images.mean(axis=(1, 2, 3)), pairs_upright=pairs)
    facts, canonical = inspect_dataset(buffer.getvalue(), "data.npz", {})
    model_facts, model = accepted(onnx_graphs.softmax_net(), InputSpec())
    store = subjects.MemoryStore()
    store.put(canonical)
    store.put(model)
    subject = AuditSubject(
        audit_id="aud_" + "0" * 16, name="chain", created_at=subjects.WHEN, attempt=1,
        config=AuditConfig(views=[View.CONCEPTS, View.DISCOVERED]), classifier=subjects.classifier(model_facts),
        dataset=subjects.dataset(facts),
    )  # fmt: skip
    return subject, store


def _runner(
    made: tuple[AuditSubject, subjects.MemoryStore],
) -> Callable[[str], dict[str, bytes]]:
    subject, store = made
    done: Done = {}

    def need(name: str) -> None:
        if name in done:
            return
        planned: dict[str, PlannedStage] = {stage.name: stage for stage in plan_audit(subject, done)}
        for source in planned[name].inputs.values():
            if not isinstance(source, str):
                need(source.stage)
        request = planned[name].resolve(done)
        assert request is not None
        done[name] = run_request(request, store, lambda _share, _words: None)

    def run(name: str) -> dict[str, bytes]:
        need("taps")
        need(name)
        return {output: store.get(digest) for output, digest in done[name].outputs.items()}

    return run


def test_every_way_to_edit_leaves_its_numbers(chain: Callable[[str], dict[str, bytes]]) -> None:
    made = chain("effects")
    found = load(made["effects"])
    keys = {name.partition(":")[2] for name in found if name.startswith("flips:")}
    directions = {key for key in keys if key.startswith("discovered ")}
    assert {"tall", "tall" + FACTOR_EDIT, "weight", "weight" + FACTOR_EDIT, "upright", "luminance"} <= keys
    assert "upright" + FACTOR_EDIT not in keys
    assert directions
    kinds = ("variation", "logits", "floor_flips", "floor_variation", "floor_logits")
    for key in keys:
        assert {found[f"{kind}:{key}"].shape for kind in kinds} == {found[f"flips:{key}"].shape}
        assert {found[f"{kind}:{key}"].shape for kind in ("hits", "confirmed", "reached", "collateral")} == {(1,)}
        assert found[f"confirmed:{key}"] <= found[f"hits:{key}"]
    assert "clean_flips:luminance" not in found  # nobody looks at what else an exact transform moves
    assert np.isnan(found["collateral:luminance"][0])
    watched = {name.partition(":")[2] for name in found if name.startswith("clean_flips:")}
    assert watched
    for key in watched:
        assert found[f"clean_variation:{key}"].shape == found[f"flips:{key}"].shape
        dirty = np.isnan(found[f"clean_flips:{key}"])
        assert (dirty | np.isfinite(found[f"flips:{key}"])).all()  # a clean edit is a hit


def test_a_picture_proves_no_verdict() -> None:
    assert "does not look at it" not in EXPLANATION
    assert "did not depend on it here; the verdict rests on many images" in EXPLANATION


def test_putting_a_factor_where_it_is_changes_nothing(chain: Callable[[str], dict[str, bytes]]) -> None:
    found = load(chain("effects")["effects"])
    for key in ("tall" + FACTOR_EDIT, "upright"):
        assert found[f"floor_flips:{key}"].max() == 0
        assert found[f"floor_variation:{key}"].max() < 0.02


def test_sheets_show_every_feature_once(chain: Callable[[str], dict[str, bytes]]) -> None:
    sheets = json.loads(chain("effects")["edits"])
    named = [sheet["feature"] for sheet in sheets]
    assert len(named) == len(set(named))
    [upright] = [sheet for sheet in sheets if sheet["feature"] == "upright"]
    steps = upright["rows"][0]["edits"]
    assert len({step["value"] for step in steps}) == len(steps) == 6


def test_samples_leave_the_factors_of_their_codes(chain: Callable[[str], dict[str, bytes]]) -> None:
    found = load(chain("samples:logits")["samples"])
    for name in ("tall", "weight", "upright"):
        drawn = found[f"factor:{name}"]
        assert drawn.shape[:2] == (40, 3)
        assert drawn.shape[2] >= 1
        assert np.isfinite(drawn).all()
        assert 0 < drawn.std() < 3  # about standard normal


def test_samples_read_what_no_column_names_by_encoding(chain: Callable[[str], dict[str, bytes]]) -> None:
    found = load(chain("samples:logits")["samples"])
    assert found["reading:upright"].shape[:2] == (40, 3)
    [first, *_] = [name for name in found if name.startswith("reading:discovered ")]
    assert found[first].shape == (40, 3, 1)


def test_galleries_show_and_measure_each_concept(chain: Callable[[str], dict[str, bytes]]) -> None:
    galleries = [Gallery.model_validate(one) for one in json.loads(chain("factors")["galleries"])]
    subjects_ = [gallery.subject for gallery in galleries]
    assert subjects_[0] == "upright"
    assert {"tall", "weight"} <= set(subjects_)
    assert len(subjects_) <= 6
    for gallery in galleries:
        assert [row.heading for row in gallery.rows] == ["others", "swapped", "slider", "random walk"]
        assert {len(row.pictures) for row in gallery.rows} == {len(gallery.columns)}
        numbers = {measure.name: measure for measure in gallery.measures}
        assert set(numbers) == {"flip_rate", "total_variation", "logit_change", "class_std", "round_trip"}
        assert numbers["flip_rate"].estimate is not None
        assert (numbers["round_trip"].value or 0) < 1e-3


def test_the_last_layer_is_taken_apart_by_the_same_concepts(chain: Callable[[str], dict[str, bytes]]) -> None:
    [gallery] = [Gallery.model_validate(one) for one in json.loads(chain("response")["galleries"])]
    [chart] = gallery.charts
    assert gallery.subject == "tanh"
    assert {"tall", "weight", "upright", "residual"} <= set(chart.x)
    assert all(None not in line.values for line in chart.lines)


def test_latents_say_how_many_values_are_zero(chain: Callable[[str], dict[str, bytes]]) -> None:
    found = load(chain("latents")["latents"])
    taps = [name.removeprefix("z:") for name in found if name.startswith("z:")]
    assert taps
    for tap in taps:
        assert 0 <= found[f"zeros:{tap}"][0] <= 1
        assert 1 <= found[f"rank:{tap}"][0] <= np.prod(found[f"z:{tap}"].shape[1:])
