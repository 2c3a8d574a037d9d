"""Train a supervised VAE on codes and a classifier's answers, and measure it on codes that it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workers.tensors import require_shape
from workers.training.loop import FitConfig, History, Progress, fit
from workers.training.randomness import seeded_by
from workers.vae.adversary import Adversary
from workers.vae.config import VaeConfig
from workers.vae.independence import Dependence
from workers.vae.leakage import Leakage, probe_leakage
from workers.vae.model import Posterior, SupervisedVae, draw
from workers.vae.nuisance import NuisancePosterior, fit_nuisance
from workers.vae.objective import gaussian_nll, kl_to_standard_normal, soft_label_cross_entropy, supervised_loss

_EVALUATIONS = 5
_FEWEST = 50
_ACTIVE = 0.01
"""Variance of a posterior mean over the data above which a unit is active (Burda, Grosse, Salakhutdinov 2016)."""


@dataclass(frozen=True)
class FittedVae:
    """A trained supervised VAE and what was measured on held-out codes.

    Attributes:
        model: in eval mode.
        nuisance: aggregate posterior of ``z_n`` over the training codes.
        config: as given.
        history: training and held-out loss, nats per code.
        fidelity: share of held-out codes where the head's arg-max (at the mean of ``z_s``) is the classifier's.
        leakage: what a probe finds of the classifier's arg-max in a draw of ``z_n``.
        explained: share of the codes' variance that the round trip code -> z -> code keeps.
        active_task: units of ``z_s`` that vary with the image.
        active_nuisance: units of ``z_n`` that do.
    """

    model: SupervisedVae
    nuisance: NuisancePosterior
    config: VaeConfig
    history: History
    fidelity: float
    leakage: Leakage
    explained: float
    active_task: int
    active_nuisance: int


@dataclass(frozen=True)
class _Codes:
    mean: Tensor
    std: Tensor
    target: Tensor

    def rows(self, rows: Tensor) -> _Codes:
        return _Codes(self.mean[rows], self.std[rows], self.target[rows])


@dataclass(frozen=True)
class _Batch:
    codes: Tensor
    target: Tensor
    noise: Tensor


class _Players(nn.Module):
    """The VAE and its adversary: one optimiser trains both, only the VAE is kept."""

    def __init__(self, model: SupervisedVae) -> None:
        super().__init__()
        self.model = model
        self.adversary = Adversary(model.nuisance_dim, model.classes)
        self.dependence = Dependence(model.nuisance_dim)


def fit_vae(
    means: Tensor,
    stds: Tensor,
    soft_targets: Tensor,
    config: VaeConfig,
    generator: torch.Generator,
    on_progress: Progress | None = None,
    device: str | torch.device = "cpu",
) -> FittedVae:
    """Fit in audit mode: the targets are the audited classifier's probabilities.

    Args:
        means: standardised code means ``(n, d)``, ``n`` at least 50.
        stds: their posterior standard deviations ``(n, d)``; training draws codes from them.
        soft_targets: class probabilities ``(n, k)``.
        config: sizes and training.
        generator: on the CPU; decides the split, the initialisation and every draw.
        on_progress: gets the share done, 0..1, and a few words; what it raises ends the fit.
        device: where to train.

    Raises:
        ShapeError: shapes do not fit.
        ValueError: there are too few rows, or the targets are no probabilities.
        TrainingDiverged: the loss is no longer finite.
    """
    _require(means, stds, soft_targets)
    everything = _Codes(*(part.detach().float().to(device) for part in (means, stds, soft_targets)))
    train, held_out = _split(everything, config.held_out, generator)
    with seeded_by(generator):
        players = _Players(SupervisedVae(means.shape[1], soft_targets.shape[1], config)).to(device)
    history = fit(
        players,
        _Objective(players, config),
        _sampler(train, players.model, config),
        FitConfig(config.steps, config.learning_rate, evaluate_every=max(1, config.steps // _EVALUATIONS)),
        generator,
        on_step=on_progress,
    )
    return _measured(players.model, config, history, train, held_out, generator)


class _Objective:
    """Mean loss of a batch, nats per code; the KL weights rise over the first steps."""

    def __init__(self, players: _Players, config: VaeConfig) -> None:
        self.players, self.config = players, config
        self.calls = 0

    def __call__(self, batch: _Batch) -> Tensor:
        self.calls += 1
        rise = min(1.0, self.calls / max(1.0, self.config.warmup * self.config.steps))
        model = self.players.model
        found = model.encode(batch.codes)
        task, nuisance = _draw_blocks(model, found, batch.noise)
        elbo = supervised_loss(
            gaussian_nll(batch.codes, model.decode(task, nuisance), model.log_scale),
            soft_label_cross_entropy(model.classify(task), batch.target),
            kl_to_standard_normal(found.task_mean, found.task_log_variance),
            kl_to_standard_normal(found.nuisance_mean, found.nuisance_log_variance),
            label_weight=self.config.label_weight,
            task_beta=rise * self.config.task_beta,
            nuisance_beta=rise * self.config.nuisance_beta,
        )
        leak: Tensor = self.players.adversary(nuisance, batch.target, self.config.adversary)
        shared: Tensor = self.players.dependence(nuisance, batch.target)
        return torch.add(elbo, leak).mean() + self.config.independence * shared


def _draw_blocks(model: SupervisedVae, found: Posterior, noise: Tensor) -> tuple[Tensor, Tensor]:
    for_task, for_nuisance = torch.split(noise, [model.task_dim, model.nuisance_dim], dim=1)
    return (
        draw(found.task_mean, found.task_log_variance, for_task),
        draw(found.nuisance_mean, found.nuisance_log_variance, for_nuisance),
    )


def _sampler(train: _Codes, model: SupervisedVae, config: VaeConfig) -> Callable[[torch.Generator], _Batch]:
    def sample(generator: torch.Generator) -> _Batch:
        rows = torch.randint(len(train.mean), (config.batch,), generator=generator)
        blur = torch.randn(config.batch, model.code_dim, generator=generator).to(train.mean.device)
        noise = torch.randn(config.batch, model.task_dim + model.nuisance_dim, generator=generator)
        chosen = train.rows(rows.to(train.mean.device))
        return _Batch(chosen.mean + chosen.std * blur, chosen.target, noise.to(train.mean.device))

    return sample


@torch.no_grad()
def _measured(
    model: SupervisedVae,
    config: VaeConfig,
    history: History,
    train: _Codes,
    held_out: _Codes,
    generator: torch.Generator,
) -> FittedVae:
    found = model.encode(held_out.mean)
    answer = held_out.target.argmax(dim=1)
    noise = torch.randn(found.nuisance_mean.shape, generator=generator).to(answer.device)
    leaked = draw(found.nuisance_mean, found.nuisance_log_variance, noise)
    back = model.decode(found.task_mean, found.nuisance_mean)
    return FittedVae(
        model.eval(),
        fit_nuisance(model, train.mean, generator),
        config,
        history,
        fidelity=float((model.classify(found.task_mean).argmax(dim=1) == answer).float().mean()),
        leakage=probe_leakage(leaked.clone().cpu(), answer.clone().cpu(), generator),
        explained=_explained(held_out.mean, back),
        active_task=_active(found.task_mean),
        active_nuisance=_active(found.nuisance_mean),
    )


def _explained(codes: Tensor, back: Tensor) -> float:
    return float(1 - (codes - back).square().sum() / (codes - codes.mean(dim=0)).square().sum().clamp_min(1e-12))


def _active(mean: Tensor) -> int:
    return int((mean.var(dim=0) > _ACTIVE).sum())


def _split(codes: _Codes, share: float, generator: torch.Generator) -> tuple[_Codes, _Codes]:
    order = torch.randperm(len(codes.mean), generator=generator).to(codes.mean.device)
    count = min(len(order) // 2, max(20, round(share * len(order))))
    return codes.rows(order[count:]), codes.rows(order[:count])


def _require(means: Tensor, stds: Tensor, targets: Tensor) -> None:
    require_shape("means", means, None, None)
    require_shape("stds", stds, *means.shape)
    require_shape("soft_targets", targets, len(means), None)
    if len(means) < _FEWEST:
        raise ValueError(f"need at least {_FEWEST} codes, got {len(means)}")
    if (targets < 0).any() or (targets.sum(dim=1) - 1).abs().max() > 1e-3:
        raise ValueError("soft_targets must be probabilities: not negative, each row with sum 1")
