"""Draws of the nuisance block from where real images lie, not from the prior, which has holes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workers.tensors import require_shape
from workers.vae.model import SupervisedVae

_MOST_COMPONENTS = 2048


class NuisancePosterior(nn.Module):
    """The aggregate posterior ``q(z_n) = 1/m sum_i q(z_n | x_i)`` itself, an equal mixture of ``m`` Gaussians.

    No density has to be fitted to it and none can miss it: a draw picks a reference image and draws its ``z_n``.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        require_shape("std", std, *mean.shape)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """``(count, nuisance_dim)`` on the CPU; ``generator`` is on the CPU."""
        rows = torch.randint(len(self.mean), (count,), generator=generator)
        noise = torch.randn(count, self.mean.shape[1], generator=generator)
        return self.mean[rows].cpu() + self.std[rows].cpu() * noise


@torch.no_grad()
def fit_nuisance(model: SupervisedVae, codes: Tensor, generator: torch.Generator) -> NuisancePosterior:
    """The aggregate posterior over (at most 2,048 of) the reference codes ``(n, code_dim)``."""
    rows = torch.randperm(len(codes), generator=generator)[:_MOST_COMPONENTS]
    found = model.encode(codes[rows])
    return NuisancePosterior(found.nuisance_mean.clone(), (0.5 * found.nuisance_log_variance).exp())


@torch.no_grad()
def resample_nuisance(
    model: SupervisedVae, nuisance: NuisancePosterior, codes: Tensor, draws: int, generator: torch.Generator
) -> Tensor:
    """Keep ``z_s`` of each code, draw ``z_n``: what else would get the same answer (papers.md 1(a), reading).

    Args:
        model: fitted.
        nuisance: where to draw.
        codes: ``(n, code_dim)``, standardised.
        draws: variants per code.
        generator: on the CPU.

    Returns:
        Codes ``(n, draws, code_dim)``; decode them with the autoencoder and ask the classifier, whose answer is the
        only judge: the head's is constant by construction.
    """
    task = model.encode(codes).task_mean.repeat_interleave(draws, dim=0)
    drawn = nuisance.sample(len(task), generator).to(codes.device)
    return model.decode(task, drawn).view(len(codes), draws, model.code_dim)
