"""Stages concepts, scores and discovered on codes that are known, with every way to define a concept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load as load_arrays
from torch import Tensor

from schemas.datasets import ConceptFacts
from schemas.results import ConceptScore
from schemas.stages import StageRequest
from tests.builders.subjects import MemoryStore
from workers.classifier.selection import Tap
from workers.concepts import checkpoint
from workers.concepts.discovered import load as load_discovered
from workers.flows.fitting import fit_unconditional
from workers.intake.reference import ReferenceData, dump_dataset
from workers.stages import concepts, discovered, scores
from workers.stages.concepts import pairs_by_name
from workers.stages.inn import EFFORT, dump_inn
from workers.stages.references import choose
from workers.stages.stage import Produced, StageContext, pack, pack_json

N, SIDE = 400, 8
BRIEF = replace(EFFORT["quick"], training=replace(EFFORT["quick"].training, steps=10, evaluate_every=5), batch=64)


class Squares:
    """A codec of grey images: the means of the sixteen 2 x 2 squares, standardised."""

    def encode(self, images: np.ndarray) -> tuple[Tensor, Tensor]:
        squares = images.reshape(len(images), 4, 2, 4, 2).mean(axis=(2, 4)).reshape(len(images), 16)
        means = torch.from_numpy(((squares - 128) / 40).astype(np.float32))
        return means, torch.full_like(means, 0.05)

    def decode(self, codes: Tensor) -> np.ndarray:
        grey = (codes.numpy() * 40 + 128).clip(0, 255).reshape(-1, 4, 4)
        return grey.repeat(2, 1).repeat(2, 2)[..., None].astype(np.uint8)


def images() -> np.ndarray:
    """Squares of random grey."""
    codes = np.random.default_rng(0).standard_normal((N, 16)).astype(np.float32)
    return Squares().decode(torch.from_numpy(codes))


def known() -> tuple[ReferenceData, list[dict[str, Any]]]:
    """A label (is the upper left quarter bright), two concepts by examples, and the facts that intake writes."""
    shown = images()
    label = (shown[:, :4, :4].mean(axis=(1, 2, 3)) > 128).astype(np.int64)
    bright = np.flatnonzero(Squares().encode(shown)[0][:, 3].numpy() > 1.2)
    sketches = shown[:2].copy()
    sketches[:, :2, 4:6] = 250
    data = ReferenceData(shown, label, (), (bright[: len(bright) // 2 * 2].reshape(-1, 2), sketches))
    facts = [
        ConceptFacts(name="bright", definition="pairs", count=len(data.concepts[0])),
        ConceptFacts(name="drawn", definition="sketch", count=1),
    ]
    return data, [one.model_dump(mode="json") for one in facts]


def run(stage: Callable[[StageContext], Produced], data: ReferenceData | None = None, **inputs: bytes) -> Produced:
    store = MemoryStore()
    data, facts = data or known()[0], known()[1]
    means, stds = Squares().encode(data.images[choose(N, N, 0)])
    given = {"dataset": dump_dataset(data), "codes": pack({"means": means.numpy(), "stds": stds.numpy()}), **inputs}
    config = {"profile": "quick", "attributes": [], "concepts": facts, "notes": [], "classes": None}
    request = StageRequest(
        name=stage.__module__.rpartition(".")[2], config=config, seed=0,
        inputs={name: store.put(blob) for name, blob in given.items()},
    )  # fmt: skip
    return stage(StageContext(request, store, lambda _share, _words: None))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concepts, "EFFORT", {"quick": BRIEF})
    for stage in (concepts, discovered):
        monkeypatch.setattr(stage, "open_codec", lambda _data: Squares())


def test_every_way_to_define_a_concept() -> None:
    made = run(concepts.run, autoencoder=b"")
    fitted = checkpoint.load(made.outputs["concepts"])
    found = {one.name: one for one in fitted.concepts}
    assert {name: one.definition for name, one in found.items()} == {
        "label": "attribute", "bright": "pairs", "drawn": "sketch",
    }  # fmt: skip
    assert "Only" in (found["bright"].caution or "")
    assert "Two images define it" in (found["drawn"].caution or "")
    assert "resembles" not in (found["drawn"].caution or "")
    assert made.summary["left_out"] == []


def test_a_sketch_of_what_a_column_names_says_so() -> None:
    data, _ = known()
    sketches = np.clip(data.images[:2], 108, 148)
    sketches[:, :4, :4] = 230
    made = run(concepts.run, replace(data, concepts=(data.concepts[0], sketches)), autoencoder=b"")
    [drawn] = [one for one in checkpoint.load(made.outputs["concepts"]).concepts if one.name == "drawn"]
    assert "It resembles label (r 0." in (drawn.caution or "")


def test_pairs_are_rows_of_the_references_that_share_the_concept() -> None:
    pairs = pairs_by_name(load_arrays(run(concepts.run, autoencoder=b"").outputs["pairs"]))
    assert list(pairs) == ["label", "bright", "drawn"]
    data, _ = known()
    assert data.labels is not None
    rows = choose(N, 5000, 0)
    label = data.labels[rows]
    assert (label[pairs["label"][:, 0]] == label[pairs["label"][:, 1]]).all()
    given = {tuple(pair) for pair in data.concepts[0].tolist()}
    assert {tuple(rows[pair].tolist()) for pair in pairs["bright"]} == given


def test_the_same_request_gives_the_same_bytes() -> None:
    assert run(concepts.run, autoencoder=b"").outputs == run(concepts.run, autoencoder=b"").outputs


def test_scores_tell_a_tap_that_holds_the_concept_from_one_that_does_not() -> None:
    label = known()[0].labels
    assert label is not None
    rng = np.random.default_rng(1)
    holds = (np.eye(2)[label] * 4 + rng.standard_normal((N, 2))).astype(np.float16)
    holds = holds[choose(N, N, 0)]
    wide = {"deep": holds, "logits": rng.standard_normal((N, 30)).astype(np.float16)}
    taps = [Tap(name, name, "hidden", 0.5, "Relu", (2,)) for name in wide]
    label = label[choose(N, N, 0)]
    same = np.flatnonzero(label == 1)
    few = {"names": np.frombuffer(json.dumps(["label", "few"]).encode(), np.uint8), "pairs:1": np.array([[0, 1]])}
    pairs = {**few, "pairs:0": np.concatenate([_pairs(same), _pairs(np.flatnonzero(label == 0))])}
    made = run(
        scores.run, wide=pack(wide), untrained=pack({"deep": wide["logits"]}), pairs=pack(pairs),
        taps=pack_json([asdict(tap) for tap in taps]),
    )  # fmt: skip
    found = json.loads(made.outputs["scores"])
    assert list(found) == ["label"]
    codes, deep, logits = (ConceptScore.model_validate(one) for one in found["label"])
    assert [codes.tap, deep.tap, logits.tap] == ["codes", "deep", "logits"]
    assert deep.score.low > 0.6 > deep.null
    assert abs(logits.score.value) < 0.06
    assert logits.score.low < logits.null
    assert codes.untrained is None
    assert logits.untrained is None
    assert deep.untrained is not None
    assert abs(deep.untrained) < 0.2


def test_discovered_directions_are_named_after_columns() -> None:
    means, stds = Squares().encode(images())
    flow = fit_unconditional(means, stds, BRIEF, torch.Generator().manual_seed(0)).inn
    made = run(discovered.run, autoencoder=b"", flow=dump_inn(flow))
    found = load_discovered(made.outputs["discovered"])
    assert made.summary["names"] == list(found.names)
    assert len(set(found.names)) == 4
    assert all(name.startswith(f"discovered {i}") for i, name in enumerate(found.names, 1))
    assert sum(found.shares) < 1


def _pairs(rows: np.ndarray) -> np.ndarray:
    return rows[: len(rows) // 2 * 2].reshape(-1, 2).astype(np.int64)
