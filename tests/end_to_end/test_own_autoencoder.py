"""A whole audit with an encoder and a decoder that a user brought: the same stages, the same gates, nothing learnt."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from schemas.audits import AuditConfig
from schemas.autoencoders import Autoencoder
from schemas.classifiers import InputSpec, IntakeState
from schemas.results import AuditResult, Verdict
from schemas.stages import AuditSubject, PlannedStage, StageOutcome
from tests.builders import onnx_graphs, subjects
from tests.builders.barely_trained import train_barely
from tests.builders.classifiers import accepted
from tests.builders.onnx_autoencoders import linear_decoder, linear_encoder
from workers.evidence.gates import COMPLETENESS
from workers.intake.datasets import inspect_dataset
from workers.stages import autoencoder
from workers.stages.plan import plan_audit, plan_autoencoder_intake
from workers.stages.registry import run_request

IMAGES, SIZE = 240, 16
SHAPE = (3, SIZE, SIZE)
PLACES = [(slice(2, 7), slice(3, 9)), (slice(9, 14), slice(5, 15))]


@pytest.fixture(autouse=True)
def barely_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no autoencoder to be learnt."""
    train_barely(monkeypatch)
    monkeypatch.setattr(autoencoder, "fit_autoencoder", None)


def blobs() -> NDArray[np.uint8]:
    """Two rectangles that each have a colour of their own: six numbers say everything."""
    colours = np.random.default_rng(0).integers(60, 255, (IMAGES, 2, 1, 1, 3))
    images = np.full((IMAGES, SIZE, SIZE, 3), 127, np.uint8)
    for place, colour in zip(PLACES, colours.swapaxes(0, 1), strict=True):
        images[:, *place] = colour
    return images


def colours_of(*places: tuple[slice, slice]) -> NDArray[np.float32]:
    """Orthonormal directions ``(3 * places, c * h * w)``: the brightness of each channel in each rectangle."""
    rows = np.zeros((len(places), 3, *SHAPE), np.float32)
    for i, place in enumerate(places):
        for channel in range(3):
            rows[i, channel, channel, *place] = 1.0
    flat = rows.reshape(3 * len(places), -1)
    return np.asarray(flat / np.linalg.norm(flat, axis=1, keepdims=True), dtype=np.float32)


def second_rectangle() -> onnx.ModelProto:
    """A classifier that answers with the brightest channel of the second rectangle."""
    builder = onnx_graphs.GraphBuilder()
    builder.node("Flatten", ["image"], "flat")
    builder.node("MatMul", ["flat", builder.constant("rows", colours_of(PLACES[1]).T.copy())], "scores")
    return builder.build(("batch", *SHAPE), 3)


def audit(*places: tuple[slice, slice]) -> tuple[AuditResult, dict[str, StageOutcome]]:
    """Intake of three uploads, then every stage that the plan asks for."""
    images, store = blobs(), subjects.MemoryStore()
    buffer = BytesIO()
    np.savez(buffer, images=images, bright=images.max(axis=(1, 2, 3)) > 200)
    facts, canonical = inspect_dataset(buffer.getvalue(), "data.npz", {})
    model_facts, model = accepted(second_rectangle(), InputSpec())
    for data in (canonical, model):
        store.put(data)
    subject = AuditSubject(
        audit_id="aud_" + "0" * 16, name="own", created_at=subjects.WHEN, attempt=1, config=AuditConfig(views=[]),
        classifier=subjects.classifier(model_facts), dataset=subjects.dataset(facts),
        autoencoder=pushed(store, colours_of(*places)),
    )  # fmt: skip
    done: dict[str, StageOutcome] = {}
    while left := [stage for stage in plan_audit(subject, done) if stage.name not in done]:
        for stage in left:
            run(stage, done, store)
    return AuditResult.model_validate_json(store.get(done["result"].outputs["result"])), done


def pushed(store: subjects.MemoryStore, rows: NDArray[np.float32]) -> Autoencoder:
    """The linear autoencoder of ``rows``, through its intake stage."""
    encoder = store.put(linear_encoder(rows, ("batch", *SHAPE), shift=-0.5).SerializeToString())
    decoder = store.put(linear_decoder(rows, SHAPE, shift=0.5).SerializeToString())
    own = Autoencoder(
        id="aut_" + "0" * 16, name="own", state=IntakeState.PENDING, encoder_digest=encoder, decoder_digest=decoder,
        value_range=(0.0, 1.0), created_at=subjects.WHEN,
    )  # fmt: skip
    done: dict[str, StageOutcome] = {}
    (stage,) = plan_autoencoder_intake(own)
    run(stage, done, store)
    found = Autoencoder.model_validate(
        own.model_dump() | {"facts": done[stage.name].summary["facts"], "state": IntakeState.READY}
    )
    assert found.facts is not None
    assert done[stage.name].outputs == {"encoder": found.facts.encoder_digest, "decoder": found.facts.decoder_digest}
    return found


def run(stage: PlannedStage, done: dict[str, StageOutcome], store: subjects.MemoryStore) -> None:
    if (request := stage.resolve(done)) is not None:
        done[stage.name] = run_request(request, store, lambda _fraction, _words: None)


def test_a_good_one_passes_and_a_blind_one_is_not_trusted() -> None:
    """The blind one cannot draw the rectangle that decides: nothing may be called ignored on its word."""
    good, stages = audit(*PLACES)
    assert stages["autoencoder"].summary["code_dim"] == 6
    blind, _ = audit(PLACES[0])
    completeness = [next(gate for gate in result.gates if gate.name == COMPLETENESS) for result in (good, blind)]
    assert [gate.passed for gate in completeness] == [True, False]
    assert not [finding for finding in blind.findings if finding.verdict is Verdict.IGNORED]
