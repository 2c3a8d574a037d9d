from dataclasses import replace

import pytest
import torch

from workers.autoencoder.adversary import discriminator_hinge, generator_hinge, patch_discriminator
from workers.autoencoder.augmentation import jitter, swap_channels
from workers.autoencoder.config import AutoencoderConfig
from workers.autoencoder.model import Autoencoder
from workers.tensors import ShapeError

TINY = AutoencoderConfig(code_dim=4, width=16, depth=1, channels=8)


@pytest.mark.parametrize("trunk", ["dense", "conv"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 28, 28), (3, 64, 64), (1, 37, 50)])
def test_shapes_and_range(shape: tuple[int, int, int], trunk: str) -> None:
    model = Autoencoder(shape, replace(TINY, trunk=trunk))
    mean, std = model.encode(torch.rand(2, *shape))
    assert mean.shape == std.shape == (2, 4)
    assert (std > 0).all()
    images = model.decode(10 * torch.randn(2, 4))
    assert images.shape == (2, *shape)
    assert images.min() >= 0
    assert images.max() <= 1


@pytest.mark.parametrize("size", [64, 96, 224])
def test_the_grid_is_bounded_whatever_the_image(size: int) -> None:
    model = Autoencoder((3, size, size), replace(TINY, trunk="conv"))
    first_dense = next(m for m in model.encoder if isinstance(m, torch.nn.Linear))
    assert first_dense.in_features <= 16 * 8 * 8


@pytest.mark.parametrize("trunk", ["dense", "conv"])
def test_gradients_reach_every_parameter(trunk: str) -> None:
    model = Autoencoder((3, 40, 40), replace(TINY, trunk=trunk, depth=1))
    for parameter in model.parameters():  # the zero-initialised layers would hide what is behind them
        torch.nn.init.normal_(parameter, std=0.1)
    mean, log_variance = model.posterior(torch.rand(3, 3, 40, 40))
    (model.render(mean + (0.5 * log_variance).exp() * torch.randn(3, 4)).square().sum()).backward()
    untouched = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert untouched == []


def test_standardise_makes_mean_0_std_1_and_decode_undoes_it() -> None:
    model = Autoencoder((1, 28, 28), TINY).eval()
    images = torch.rand(50, 1, 28, 28)
    with torch.no_grad():
        raw = model.posterior(images)[0]
        before = model.render(raw)
        raw_std = (0.5 * model.posterior(images)[1]).exp()
        model.standardise(raw, torch.arange(4))
        mean, std = model.encode(images)
    torch.testing.assert_close(mean.mean(0), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(mean.std(0, correction=0), torch.ones(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(std * model.scale, raw_std)
    torch.testing.assert_close(model.decode(mean), before, atol=1e-5, rtol=0)


def test_a_pruned_dimension_is_decoded_at_its_mean() -> None:
    model = Autoencoder((1, 28, 28), TINY).eval()
    images = torch.rand(20, 1, 28, 28)
    with torch.no_grad():
        raw = model.posterior(images)[0]
        model.standardise(raw, torch.tensor([1, 3]))
        codes = model.encode(images)[0]
        expected = raw.clone()
        expected[:, [0, 2]] = raw.mean(0)[[0, 2]]
        assert codes.shape == (20, 2)
        torch.testing.assert_close(model.decode(codes), model.render(expected), atol=1e-5, rtol=0)


def test_wrong_shapes_are_named() -> None:
    model = Autoencoder((1, 28, 28), TINY)
    with pytest.raises(ShapeError, match="images"):
        model.encode(torch.rand(2, 3, 28, 28))
    with pytest.raises(ShapeError, match="codes"):
        model.decode(torch.rand(2, 5))


@pytest.mark.parametrize("bad", [{"code_dim": 3}, {"code_dim": 0}, {"steps": 0}, {"held_out": 0.0}, {"augment": 1.5}])
def test_impossible_configs_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must|need"):
        AutoencoderConfig(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("profile", ["quick", "standard", "thorough"])
@pytest.mark.parametrize(("size", "trunk"), [(28, "dense"), (64, "conv"), (224, "conv")])
def test_config_follows_the_size(size: int, trunk: str, profile: str) -> None:
    config = AutoencoderConfig.for_images(size, size, 3, profile)  # type: ignore[arg-type]
    assert config.trunk == trunk
    assert AutoencoderConfig(**config.as_header()) == config


def test_jitter_is_seeded_and_small() -> None:
    images = torch.zeros(4, 1, 32, 32)
    images[:, :, 12:20, 12:20] = 1
    moved = jitter(images, torch.Generator().manual_seed(0))
    assert torch.equal(moved, jitter(images, torch.Generator().manual_seed(0)))
    assert not torch.equal(moved, images)
    assert (moved[:, :, 14:18, 14:18] > 0.9).all()
    assert (moved.sum((1, 2, 3)) / 64 - 1).abs().max() < 0.35


def test_swap_channels_keeps_the_pixels() -> None:
    images = torch.rand(2, 3, 4, 4)
    swapped = swap_channels(images, torch.Generator().manual_seed(1))
    torch.testing.assert_close(swapped.sort(dim=1).values, images.sort(dim=1).values)


def test_hinge_losses() -> None:
    assert discriminator_hinge(torch.tensor([2.0]), torch.tensor([-1.5])).item() == 0
    assert discriminator_hinge(torch.tensor([0.0]), torch.tensor([0.5])).item() == pytest.approx(2.5)
    assert generator_hinge(torch.tensor([1.0, 2.0])).item() == pytest.approx(-1.5)
    assert patch_discriminator(3, 8)(torch.rand(2, 3, 32, 32)).shape == (2, 1, 4, 4)
