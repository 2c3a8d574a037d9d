"""Train an autoencoder on images alone, then fix the units of its codes and measure what it loses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.autoencoder.adversary import discriminator_hinge, generator_hinge, patch_discriminator
from workers.autoencoder.augmentation import chance, jitter, swap_channels
from workers.autoencoder.config import AutoencoderConfig
from workers.autoencoder.model import Autoencoder
from workers.autoencoder.objective import gradient_difference, kl_to_standard_normal, optimal_gaussian_nll
from workers.autoencoder.pixels import in_batches, to_floats
from workers.training.loop import FitConfig, History, Progress, fit
from workers.training.randomness import seeded_by

_CARRIES = 0.1
"""A dimension is kept when its posterior means hold at least this share of its variance (0.05 nats)."""
_EVALUATIONS = 10
_MOST_HELD_OUT = 1024
_CHUNK = 256
_FEWEST = 8


@dataclass(frozen=True)
class FittedAutoencoder:
    """A trained autoencoder and what was measured on images that it did not train on.

    Attributes:
        model: in eval mode; codes are standardised.
        config: as given.
        history: mean loss (nats per pixel value) and held-out mean squared error over the training.
        held_out_mse: mean squared error of ``D(mean of E(x))``, pixel values in [0, 1].
        noise_share: per kept dimension, ``E[sigma_q^2] / (Var(mu) + E[sigma_q^2])``, in [0, 1]: the reconstruction
            floor in code space. 0 is exact, 1 says that the dimension is noise.
        kl: mean KL of the posterior to the prior, nats per image.
    """

    model: Autoencoder
    config: AutoencoderConfig
    history: History
    held_out_mse: float
    noise_share: tuple[float, ...]
    kl: float

    @property
    def active_dims(self) -> int:
        """Dimensions that were not pruned."""
        return self.model.code_dim


@dataclass(frozen=True)
class _Batch:
    images: Tensor
    noise: Tensor


def fit_autoencoder(
    images: np.ndarray,
    config: AutoencoderConfig,
    generator: torch.Generator,
    on_progress: Progress | None = None,
    device: str | torch.device = "cpu",
) -> FittedAutoencoder:
    """Fit a beta-VAE with learned likelihood scale; the classifier plays no part.

    Args:
        images: ``(n, h, w, c)`` uint8, ``c`` 1 or 3, ``n`` at least 8.
        config: sizes and training.
        generator: on the CPU; decides the split, the initialisation and every draw.
        on_progress: gets the share done, 0..1, and a few words; what it raises ends the fit.
        device: where to train.

    Raises:
        ValueError: the images have another shape or dtype, or there are too few.
        TrainingDiverged: the loss is no longer finite.
    """
    _require_images(images)
    train, held_out = _split(images, config.held_out, generator)
    model = _new_model(images.shape, config, generator, device)
    objective = _Objective(model, config, generator)
    history = fit(
        model,
        objective,
        _sampler(train, config, device),
        _loop_config(config),
        generator,
        held_out=lambda: _raw_error(model, held_out[:_MOST_HELD_OUT]),
        on_step=on_progress,
    )
    return _measured(model, config, history, train, held_out)


class _Objective:
    """Loss of one batch, in nats per pixel value: likelihood, KL, sharpness, and the patch game when it is on."""

    def __init__(self, model: Autoencoder, config: AutoencoderConfig, generator: torch.Generator) -> None:
        self.model, self.config = model, config
        self.calls = 0
        self.adversary = _Adversary(model, generator) if config.adversarial > 0 else None

    def __call__(self, batch: _Batch) -> Tensor:
        self.calls += 1
        with _autocast(self.config, batch.images.device):
            mean, log_variance = self.model.posterior(batch.images)
            shown = self.model.render(mean + batch.noise * (0.5 * log_variance).exp())
        nll = optimal_gaussian_nll(batch.images, shown)
        kl = kl_to_standard_normal(mean, log_variance).mean()
        loss = (nll + self.config.beta * kl) / batch.images[0].numel()
        if self.config.gradient_weight > 0:
            loss = loss + self.config.gradient_weight * gradient_difference(batch.images, shown)
        return loss + self._game(batch.images, shown)

    def _game(self, images: Tensor, shown: Tensor) -> Tensor:
        """The decoder's share of the patch game; it starts half way, when images look like images."""
        if self.adversary is None or 2 * self.calls < self.config.steps:
            return torch.zeros((), device=images.device)
        self.adversary.learn(images, shown.detach())
        return self.config.adversarial * generator_hinge(self.adversary.network(shown))


class _Adversary:
    """The discriminator with its own optimiser."""

    def __init__(self, model: Autoencoder, generator: torch.Generator) -> None:
        with seeded_by(generator):
            self.network = patch_discriminator(model.shape[0]).to(model.location.device)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=2e-4, betas=(0.5, 0.9))

    def learn(self, images: Tensor, shown: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        discriminator_hinge(self.network(images), self.network(shown)).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()


def _new_model(
    shape: tuple[int, ...], config: AutoencoderConfig, generator: torch.Generator, device: str | torch.device
) -> Autoencoder:
    _, height, width, channels = shape
    with seeded_by(generator):
        return Autoencoder((channels, height, width), config).to(device)


def _sampler(
    images: np.ndarray, config: AutoencoderConfig, device: str | torch.device
) -> Callable[[torch.Generator], _Batch]:
    def draw(generator: torch.Generator) -> _Batch:
        rows = torch.randint(len(images), (config.batch,), generator=generator).numpy()
        batch = to_floats(images[rows], device)
        if chance(config.augment, generator):
            batch = jitter(batch, generator)
        if chance(config.recolour, generator):
            batch = swap_channels(batch, generator)
        return _Batch(batch, torch.randn(config.batch, config.code_dim, generator=generator).to(device))

    return draw


def _loop_config(config: AutoencoderConfig) -> FitConfig:
    every = max(1, config.steps // _EVALUATIONS)
    return FitConfig(config.steps, config.learning_rate, 1e-2, warmup=0.05, ema=0.995, evaluate_every=every)


def _autocast(config: AutoencoderConfig, device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 where it is faster: on GPUs, and on CPUs that multiply it in hardware."""
    if device.type == "cpu":
        features = torch.cpu.get_capabilities()
        fast = bool(features.get("avx512_bf16") or features.get("amx_bf16"))
    else:
        fast = device.type == "cuda"
    return torch.autocast(device.type, torch.bfloat16, enabled=config.half and fast)


@torch.no_grad()
def _raw_error(model: Autoencoder, images: np.ndarray) -> float:
    """Mean squared error of ``D(mean of E(x))`` per pixel value."""
    chunks = in_batches(images, _CHUNK, model.location.device)
    errors = [(model.render(model.posterior(chunk)[0]) - chunk).square().sum() for chunk in chunks]
    return float(torch.stack(errors).sum()) / images.size


@torch.no_grad()
def _measured(
    model: Autoencoder, config: AutoencoderConfig, history: History, train: np.ndarray, held_out: np.ndarray
) -> FittedAutoencoder:
    pairs = [model.posterior(chunk) for chunk in in_batches(train, _CHUNK, model.location.device)]
    mean, log_variance = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    noise = log_variance.exp().mean(dim=0)
    share = noise / (noise + mean.var(dim=0, correction=0))
    kept = _carrying(share)
    model.standardise(mean, kept)
    kl = float(kl_to_standard_normal(mean, log_variance).mean())
    error = _error(model, held_out)
    return FittedAutoencoder(model.eval(), config, history, error, tuple(share[kept].tolist()), kl)


def _carrying(noise_share: Tensor) -> Tensor:
    """Indices of the dimensions that carry something: at least two, an even number (flows split codes in halves)."""
    count = int((noise_share < 1 - _CARRIES).sum())
    count = max(2, count + count % 2)
    return noise_share.argsort()[:count].sort().values


def _error(model: Autoencoder, images: np.ndarray) -> float:
    """As :func:`_raw_error`, through the standardised codes that callers see."""
    chunks = in_batches(images, _CHUNK, model.location.device)
    errors = [(model.decode(model.encode(chunk)[0]) - chunk).square().sum() for chunk in chunks]
    return float(torch.stack(errors).sum()) / images.size


def _split(images: np.ndarray, share: float, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
    order = torch.randperm(len(images), generator=generator).numpy()
    count = min(len(images) - 2, max(2, round(share * len(images))))
    return images[order[count:]], images[order[:count]]


def _require_images(images: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"images must be uint8 (n, h, w, 1 or 3), got {images.dtype} {images.shape}")
    if len(images) < _FEWEST:
        raise ValueError(f"need at least {_FEWEST} images, got {len(images)}")
