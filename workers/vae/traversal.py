"""Moving through the two blocks: a single dimension, or the task block of another image (papers.md 1(c), S3-S7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from workers.tensors import require_shape
from workers.vae.model import SupervisedVae, draw

Block = Literal["task", "nuisance"]


class Latent(NamedTuple):
    """``z_s`` ``(n, task_dim)`` and ``z_n`` ``(n, nuisance_dim)`` of the same images."""

    task: Tensor
    nuisance: Tensor

    def of(self, block: Block) -> Tensor:
        """The values of one block."""
        return self.task if block == "task" else self.nuisance

    def with_block(self, block: Block, values: Tensor) -> Latent:
        """The same with one block exchanged."""
        return self._replace(**{block: values})


@dataclass(frozen=True)
class Traversal:
    """One dimension of one block set to each of ``values`` ``(steps,)``; everything else of an image stays."""

    block: Block
    dimension: int
    values: Tensor


@torch.no_grad()
def latent_means(model: SupervisedVae, codes: Tensor) -> Latent:
    """Posterior means of codes ``(n, code_dim)``."""
    found = model.encode(codes)
    return Latent(found.task_mean, found.nuisance_mean)


@torch.no_grad()
def latent_draws(model: SupervisedVae, codes: Tensor, generator: torch.Generator) -> Latent:
    """One posterior draw per code: together they are draws of the aggregate posterior. ``generator`` on the CPU."""
    found = model.encode(codes)
    noise = torch.randn(len(codes), model.task_dim + model.nuisance_dim, generator=generator)
    task, nuisance = torch.split(noise.to(codes.device), [model.task_dim, model.nuisance_dim], dim=1)
    return Latent(
        draw(found.task_mean, found.task_log_variance, task),
        draw(found.nuisance_mean, found.nuisance_log_variance, nuisance),
    )


def quantile_steps(values: Tensor, shares: Tensor) -> Tensor:
    """Where the reference images lie: quantiles ``(steps, dim)`` of ``values (n, dim)`` at ``shares (steps,)``."""
    return torch.quantile(values.float(), shares.to(values), dim=0)


@torch.no_grad()
def traverse(model: SupervisedVae, latent: Latent, traversal: Traversal) -> Tensor:
    """Codes ``(n, steps, code_dim)`` of every image at every step.

    Raises:
        ShapeError: ``values`` is no vector.
        IndexError: the block has no such dimension.
    """
    require_shape("values", traversal.values, None)
    steps = len(traversal.values)
    task, nuisance = (part.repeat_interleave(steps, dim=0) for part in latent)
    moved = Latent(task, nuisance).of(traversal.block)
    moved[:, traversal.dimension] = traversal.values.to(moved).repeat(len(latent.task))
    return model.decode(task, nuisance).view(len(latent.task), steps, model.code_dim)


@torch.no_grad()
def swap_task(model: SupervisedVae, keeps: Latent, gives: Latent) -> Tensor:
    """Codes ``(n, code_dim)`` with the nuisance of ``keeps`` and the task block of ``gives``, row by row."""
    return model.decode(gives.task, keeps.nuisance)
