"""One form for every autoencoder: the fitted one, and a user's two ONNX files."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from schemas.problems import ErrorCode
from schemas.stages import StageRequest
from tests.builders.archives import random_images
from tests.builders.onnx_autoencoders import CODES, basis, linear_encoder, linear_pair
from tests.builders.subjects import MemoryStore
from workers.autoencoder import Autoencoder, AutoencoderConfig, FittedAutoencoder, NetworkCodec, save
from workers.errors import StageError
from workers.intake import ReferenceData, dump_dataset
from workers.intake.autoencoders import inspect_autoencoder
from workers.stages.autoencoder import run
from workers.stages.codec import open_codec
from workers.stages.onnx_codec import NOISE, OnnxCodec, _File, fit_units, save_pair, units_of
from workers.stages.stage import run_stage
from workers.training.loop import History
from workers.training.randomness import seeded_by

UNIT = (0.0, 1.0)
ENCODER, DECODER = linear_pair()


class EncoderHalf(nn.Module):
    """What a user exports of a VAE: the mean of the posterior."""

    def __init__(self, model: Autoencoder, low: float, high: float) -> None:
        super().__init__()
        self.model, self.low, self.high = model, low, high

    def forward(self, image: Tensor) -> Tensor:
        return self.model.posterior((image - self.low) / (self.high - self.low))[0]


class DecoderHalf(nn.Module):
    """And its decoder."""

    def __init__(self, model: Autoencoder, low: float, high: float) -> None:
        super().__init__()
        self.model, self.low, self.high = model, low, high

    def forward(self, code: Tensor) -> Tensor:
        return self.model.render(code) * (self.high - self.low) + self.low


def export(half: nn.Module, example: Tensor) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter announces its successor
        torch.onnx.export(
            half.eval(), (example,), buffer, input_names=["given"], output_names=["made"], opset_version=17,
            dynamo=False, dynamic_axes={"given": {0: "batch"}, "made": {0: "batch"}},
        )  # fmt: skip
    return buffer.getvalue()


@pytest.fixture(scope="module")
def network() -> Autoencoder:
    with seeded_by(torch.Generator().manual_seed(0)):
        return Autoencoder((3, 8, 8), AutoencoderConfig(code_dim=6, width=32)).eval()


@pytest.mark.parametrize("value_range", [UNIT, (-1.0, 1.0)])
def test_an_exported_autoencoder_encodes_and_decodes_as_in_torch(
    network: Autoencoder, value_range: tuple[float, float]
) -> None:
    files = (
        export(EncoderHalf(network, *value_range), torch.rand(1, 3, 8, 8)),
        export(DecoderHalf(network, *value_range), torch.randn(1, 6)),
    )
    _, encoder, decoder = inspect_autoencoder(*files, value_range)
    images = random_images(300)
    codec, units = fit_units(encoder, decoder, value_range, images)
    network.kept, network.location, network.scale = units.kept, units.location, units.scale
    there, _ = NetworkCodec(network).encode(images)
    here, _ = codec.encode(images)
    torch.testing.assert_close(here, there, atol=1e-4, rtol=1e-4)
    drawn = codec.decode(here).astype(int)
    assert np.abs(drawn - NetworkCodec(network).decode(there)).max() <= 1


def test_a_linear_pair_projects_onto_its_basis() -> None:
    """Closed form: decode(encode(x)) is the orthogonal projection of x - 1/2 onto the rows, plus 1/2."""
    images = random_images(400)
    codec, units = fit_units(ENCODER, DECODER, UNIT, images)
    assert units.kept.tolist() == list(range(CODES))
    means, stds = codec.encode(images)
    torch.testing.assert_close(means.mean(dim=0), torch.zeros(CODES), atol=1e-4, rtol=0)
    torch.testing.assert_close(means.std(dim=0, correction=0), torch.ones(CODES), atol=1e-4, rtol=0)
    assert (stds == NOISE).all()
    rows = basis()
    flat = images.transpose(0, 3, 1, 2).reshape(len(images), -1) / 255.0 - 0.5
    projected = ((flat @ rows.T) @ rows + 0.5).reshape(-1, 3, 8, 8).transpose(0, 2, 3, 1)
    expected = np.rint(np.clip(projected, 0, 1) * 255)
    assert np.abs(codec.decode(means).astype(float) - expected).max() <= 1


def test_a_dead_code_is_dropped_and_decoded_at_its_mean() -> None:
    rows = basis()
    dead = rows.copy()
    dead[2] = 0.0
    images = random_images(300)
    encoder = linear_encoder(dead, shift=-0.5).SerializeToString()
    codec, units = fit_units(encoder, DECODER, UNIT, images)
    assert units.kept.tolist() == [0, 1, 3, 4, 5]
    means, _ = codec.encode(images)
    assert means.shape == (300, CODES - 1)
    whole, _ = fit_units(ENCODER, DECODER, UNIT, images)
    without = whole.encode(images)[0]
    location = torch.from_numpy((images.transpose(0, 3, 1, 2).reshape(300, -1) / 255.0 - 0.5) @ rows[2])
    without[:, 2] = -float(location.mean()) / float(location.std(correction=0))
    assert np.abs(codec.decode(means).astype(int) - whole.decode(without).astype(int)).max() <= 1


@pytest.mark.parametrize(
    "raw",
    [
        torch.full((10, 3), torch.nan),
        torch.zeros(10, 3),
        torch.tensor([[0.0, 1.0, 2.0], [1.0, 1.0, 2.0]]),
    ],
)
def test_unusable_codes(raw: Tensor) -> None:
    with pytest.raises(StageError) as caught:
        units_of(raw)
    assert caught.value.code is ErrorCode.MODEL_OUTPUT_UNSUPPORTED


def test_both_kinds_open_from_their_bytes(network: Autoencoder) -> None:
    images = random_images(40)
    codec, units = fit_units(ENCODER, DECODER, UNIT, images)
    again = open_codec(save_pair(ENCODER, DECODER, UNIT, units))
    assert isinstance(again, OnnxCodec)
    assert torch.equal(again.encode(images)[0], codec.encode(images)[0])
    fitted = FittedAutoencoder(
        network, AutoencoderConfig(code_dim=6, width=32), History([], [], [], 0, 0.0), 0.1, (0.1,) * 6, 1.0
    )
    assert isinstance(open_codec(save(fitted)), NetworkCodec)


def stage(images: NDArray[np.uint8], height: int = 8) -> tuple[MemoryStore, StageRequest]:
    store = MemoryStore()
    facts, encoder, decoder = inspect_autoencoder(ENCODER, DECODER, UNIT)
    own = {"facts": facts.model_copy(update={"height": height}).model_dump(mode="json"), "value_range": list(UNIT)}
    inputs = {
        "dataset": store.put(dump_dataset(ReferenceData(images, None, ()))),
        "encoder": store.put(encoder),
        "decoder": store.put(decoder),
    }
    return store, StageRequest(name="autoencoder", inputs=inputs, config={"profile": "quick", "own": own}, seed=0)


def test_the_stage_leaves_what_the_others_open() -> None:
    store, request = stage(random_images(300))
    outcome = run_stage(run, request, store, lambda _fraction, _words: None)
    codec = open_codec(store.get(outcome.outputs["model"]))
    assert codec.encode(random_images(5))[0].shape == (5, CODES)
    share = CODES / 192
    assert outcome.summary["mse"] == pytest.approx((1 - share) / 12, rel=0.05), "uniform noise has variance 1/12"


def test_large_images_go_in_small_batches() -> None:
    encoder, _ = linear_pair(2, (3, 640, 512))
    assert _File(encoder, "encoder").batch == 17, "of 3 * 640 * 512 values each, 2^24 at most"
    assert _File(ENCODER, "encoder").batch == 256


def test_another_size_is_refused() -> None:
    store, request = stage(random_images(300), height=9)
    with pytest.raises(StageError) as caught:
        run_stage(run, request, store, lambda _fraction, _words: None)
    assert caught.value.code is ErrorCode.CLASSIFIER_DATASET_MISMATCH
