"""What the plan gives the views of other classifiers and of new images."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.audits import AuditConfig, View
from schemas.stages import StageOutcome
from tests.builders import subjects
from workers.stages.latents import Compressor, compressed, compression_of
from workers.stages.plan import plan_audit

TAPS = {"taps": StageOutcome(key="0" * 64, outputs={"taps": "1" * 64}, summary={"taps": ["early", "logits"]})}


def test_taps_named_for_the_audited_graph_are_not_asked_of_the_others() -> None:
    subject = subjects.subject(AuditConfig(taps=["early"]))
    subject = subject.model_copy(update={"against": [subjects.classifier(subjects.classifier_facts("e" * 64))]})
    stages = {stage.name: stage for stage in plan_audit(subject, {})}
    assert stages["taps"].config["taps"] == ["early"]
    assert stages["taps@1"].config["taps"] is None


def test_another_classifier_is_read_under_the_keys_of_its_own_audit() -> None:
    other = subjects.classifier(subjects.classifier_facts("e" * 64))
    beside = subjects.subject().model_copy(update={"against": [other]})
    alone = subjects.subject().model_copy(update={"classifier": other})
    guest = {stage.name: stage for stage in plan_audit(beside, {})}["taps@1"].resolve({})
    own = {stage.name: stage for stage in plan_audit(alone, {})}["taps"].resolve({})
    assert guest is not None
    assert own is not None
    assert guest.key == own.key


def test_stages_that_show_new_images_know_how_taps_were_compressed() -> None:
    outside = subjects.dataset(subjects.dataset_facts("f" * 64))
    subject = subjects.subject(AuditConfig(views=[View.ATTACK])).model_copy(update={"outside": outside})
    stages = {stage.name: stage for stage in plan_audit(subject, TAPS)}
    assert "compression" in stages["attack"].inputs
    assert "compression" in stages["outside"].inputs


@pytest.mark.parametrize("width", [4, 100])
def test_new_images_are_compressed_as_the_references_were(width: int) -> None:
    values = np.random.default_rng(0).normal(size=(300, 6, 2, 2)).astype(np.float32)
    compressor = Compressor(width)
    told = compressor(values)
    again = compressed(compression_of({"tap": compressor}), "tap", values)
    assert again.shape == (300, min(width, 24))
    np.testing.assert_allclose(again, told, atol=1e-5)
    np.testing.assert_allclose(
        compressed(compression_of({"tap": compressor}), "tap", values[7:9]), told[7:9], atol=1e-5
    )
