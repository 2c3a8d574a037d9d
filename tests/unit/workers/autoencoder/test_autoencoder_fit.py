from dataclasses import replace

import numpy as np
import pytest
import torch

from workers.autoencoder import (
    AutoencoderConfig,
    FittedAutoencoder,
    decode_codes,
    encode_images,
    fit_autoencoder,
    load,
    save,
)
from workers.training.checkpoints import CheckpointError, to_bytes

CONFIG = AutoencoderConfig(code_dim=8, width=64, depth=1, steps=250, batch=64, half=False)


def two_factor_images(n: int, seed: int = 0) -> np.ndarray:
    """A bar whose column and brightness vary: exactly two things to know."""
    rng = np.random.default_rng(seed)
    column, bright = rng.uniform(2, 13, n), rng.uniform(0.4, 1, n)
    profile = np.exp(-0.5 * ((np.arange(16) - column[:, None]) / 1.5) ** 2) * bright[:, None]
    return np.repeat((255 * profile).astype(np.uint8)[:, None, :, None], 16, axis=1)


@pytest.fixture(scope="module")
def fitted() -> FittedAutoencoder:
    return fit_autoencoder(two_factor_images(400), CONFIG, torch.Generator().manual_seed(0))


def test_it_learns(fitted: FittedAutoencoder) -> None:
    images = two_factor_images(200, seed=9)
    error = fitted.held_out_mse / (images / 255).var()
    assert error < 0.1
    assert fitted.history.held_out[-1] < 0.2 * fitted.history.held_out[0]


def test_codes_are_standardised_over_the_data(fitted: FittedAutoencoder) -> None:
    mean, std = encode_images(fitted.model, two_factor_images(400))
    assert mean.mean(0).abs().max() < 0.15
    assert (mean.std(0) - 1).abs().max() < 0.15
    assert (std > 0).all()


def test_dimensions_that_carry_nothing_are_pruned() -> None:
    """A strong KL leaves two factors fewer than eight dimensions, an even number of them."""
    strong = replace(CONFIG, beta=20.0, steps=150)
    fitted = fit_autoencoder(two_factor_images(300), strong, torch.Generator().manual_seed(0))
    assert fitted.active_dims in (2, 4, 6)
    assert len(fitted.noise_share) == fitted.active_dims == fitted.model.code_dim
    assert all(0 < share <= 1 for share in fitted.noise_share)
    assert encode_images(fitted.model, two_factor_images(3))[0].shape == (3, fitted.active_dims)
    assert load(save(fitted)).active_dims == fitted.active_dims


def test_noise_share_is_the_posterior_noise_of_the_codes(fitted: FittedAutoencoder) -> None:
    _, std = encode_images(fitted.model, two_factor_images(400))
    noise = std.square().mean(0)
    torch.testing.assert_close(noise / (1 + noise), torch.tensor(fitted.noise_share), rtol=0.3, atol=1e-3)


def test_save_and_load_bit_for_bit(fitted: FittedAutoencoder) -> None:
    data = save(fitted)
    again = load(data)
    images = two_factor_images(20)
    for before, after in zip(encode_images(fitted.model, images), encode_images(again.model, images), strict=True):
        assert torch.equal(before, after)
    codes = torch.randn(5, fitted.active_dims)
    assert np.array_equal(decode_codes(fitted.model, codes), decode_codes(again.model, codes))
    assert save(again) == data
    assert again.noise_share == fitted.noise_share


def test_codes_can_be_trained_on(fitted: FittedAutoencoder) -> None:
    """Tensors made in inference mode could not."""
    mean, _ = encode_images(load(save(fitted)).model, two_factor_images(8))
    weight = torch.ones(fitted.active_dims, requires_grad=True)
    (mean * weight).sum().backward()
    fitted.model.decode(mean * weight).sum().backward()


def test_same_seed_same_result() -> None:
    short = replace(CONFIG, steps=5, augment=1.0)
    images = np.repeat(two_factor_images(40), 3, axis=3)
    first, second = (fit_autoencoder(images, short, torch.Generator().manual_seed(3)) for _ in range(2))
    other = fit_autoencoder(images, short, torch.Generator().manual_seed(4))
    assert save(first) == save(second) != save(other)


@pytest.mark.parametrize("half", [False, True])
def test_convolutions_and_the_patch_game_run(half: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 40, 36, 3), dtype=np.uint8)
    config = AutoencoderConfig(
        code_dim=4,
        trunk="conv",
        width=16,
        channels=8,
        steps=4,
        batch=4,
        adversarial=0.1,
        gradient_weight=0.1,
        half=half,
    )
    seen: list[float] = []
    fitted = fit_autoencoder(
        images, config, torch.Generator().manual_seed(0), on_progress=lambda done, _: seen.append(done)
    )
    assert np.isfinite(fitted.held_out_mse)
    assert seen == sorted(seen)
    assert seen[-1] == 1


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((20, 28, 28, 3), np.float32),
        np.zeros((20, 28, 28), np.uint8),
        np.zeros((20, 28, 28, 4), np.uint8),
        np.zeros((3, 28, 28, 1), np.uint8),
    ],
)
def test_wrong_images_are_refused(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="images"):
        fit_autoencoder(images, CONFIG, torch.Generator())


def test_constant_images_do_not_break_it() -> None:
    images = np.full((20, 16, 16, 1), 7, np.uint8)
    fitted = fit_autoencoder(images, replace(CONFIG, steps=5), torch.Generator().manual_seed(0))
    mean, std = encode_images(fitted.model, images)
    assert torch.isfinite(mean).all()
    assert torch.isfinite(std).all()
    assert fitted.active_dims >= 2


def test_foreign_and_damaged_bytes_are_refused(fitted: FittedAutoencoder) -> None:
    with pytest.raises(ValueError, match="expected scotoma"):
        load(to_bytes({"a": torch.zeros(1)}, {"format": "other"}))
    with pytest.raises(CheckpointError):
        load(save(fitted)[:-9])


def test_convolutions_learn_instead_of_showing_the_background() -> None:
    """Without normalisation they ended at an all-black image on mostly dark data."""
    images = two_factor_images(150).repeat(3, axis=1).repeat(3, axis=2)
    config = replace(CONFIG, trunk="conv", channels=8, steps=120, batch=32, learning_rate=1.5e-3)
    fitted = fit_autoencoder(images, config, torch.Generator().manual_seed(0))
    assert fitted.held_out_mse < 0.5 * (images / 255).var()
