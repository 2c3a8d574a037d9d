"""One training loop for every model of the audit.

The model, its loss and where batches come from are arguments; the loop owns the optimiser, the schedule, clipping,
averaging, early stop and the check that the loss stays finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn

from workers.training.ema import Ema
from workers.training.flat import FlatParameters
from workers.training.randomness import seeded_by
from workers.training.schedule import warmup_cosine

Batch = TypeVar("Batch")
Progress = Callable[[float, str], None]


class TrainingDiverged(ArithmeticError):
    """The loss or the held-out score is no longer finite."""


@dataclass(frozen=True)
class FitConfig:
    """How to train.

    Attributes:
        steps: optimiser steps at most.
        learning_rate: peak of the schedule.
        weight_decay: AdamW's decoupled decay of matrices; vectors (biases, scales) are never decayed.
        betas: AdamW's decay rates.
        warmup: share of the steps with rising rate.
        final_rate: factor of the peak at the end.
        clip: largest gradient norm.
        ema: decay of the averaged weights, which are the result.
        evaluate_every: steps between held-out scores.
        patience: evaluations without improvement that end the run; 0 never stops early.
    """

    steps: int
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    warmup: float = 0.1
    final_rate: float = 0.01
    clip: float = 1.0
    ema: float = 0.99
    evaluate_every: int = 100
    patience: int = 0


@dataclass
class History:
    """What happened: losses at each evaluation and the scores that chose the weights.

    Attributes:
        steps: step numbers at which the run was evaluated; 0 is before training.
        train: mean training loss since the previous evaluation (nan at step 0).
        held_out: held-out score at those steps with averaged weights, lower is better; empty without held-out data.
        best_step: step whose averaged weights were kept.
        stopped_early: whether patience ran out.
    """

    steps: list[int] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)
    best_step: int = 0
    stopped_early: bool = False


def fit(
    module: nn.Module,
    objective: Callable[[Batch], Tensor],
    batches: Callable[[torch.Generator], Batch],
    config: FitConfig,
    generator: torch.Generator,
    *,
    held_out: Callable[[], float] | None = None,
    on_step: Progress | None = None,
) -> History:
    """Train ``module`` in place; it ends in eval mode with the best averaged weights.

    Args:
        module: what to train; parameters without ``requires_grad`` stay.
        objective: scalar loss of a batch, differentiable.
        batches: draws the next batch with the generator it is given.
        config: how.
        generator: decides every draw, global ones inside the loop included.
        held_out: score of the module as it is, lower is better; without it the last averaged weights are kept.
        on_step: called at every evaluation with the share done, 0..1, and a few words. What it raises ends the run.

    Raises:
        TrainingDiverged: a loss or score is not finite.
    """
    run = _Run(module, config, held_out, on_step)
    with seeded_by(generator):
        run.evaluate(0, [])
        losses: list[Tensor] = []
        for step in range(1, config.steps + 1):
            losses.append(run.step(objective(batches(generator)), step))
            if step % config.evaluate_every == 0 or step == config.steps:
                run.evaluate(step, losses)
                losses = []
            if run.history.stopped_early:
                break
    run.finish()
    return run.history


class _Run:
    """State of one call of :func:`fit`."""

    def __init__(
        self, module: nn.Module, config: FitConfig, held_out: Callable[[], float] | None, on_step: Progress | None
    ) -> None:
        self.module, self.config, self.held_out, self.on_step = module, config, held_out, on_step
        self.flat = FlatParameters([p for p in module.parameters() if p.requires_grad])
        self.optimizer = _adamw(self.flat, config)
        self.ema = Ema(self.flat.values, config.ema)
        self.history = History()
        self.best = self.ema.snapshot()
        self.stale = 0
        module.train()

    def step(self, loss: Tensor, step: int) -> Tensor:
        self.flat.gradients.zero_()
        loss.backward()  # type: ignore[no-untyped-call]
        _clip(self.flat.gradients, self.config.clip)
        rate = self.config.learning_rate * warmup_cosine(
            step - 1, self.config.steps, warmup=self.config.warmup, final=self.config.final_rate
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.ema.update()
        return loss.detach()

    def evaluate(self, step: int, losses: list[Tensor]) -> None:
        train = float(torch.stack(losses).mean()) if losses else math.nan
        if losses and not math.isfinite(train):
            raise TrainingDiverged(f"the loss became {train} before step {step}; lower the learning rate")
        self.history.steps.append(step)
        self.history.train.append(train)
        if self.held_out is None:
            self.best, self.history.best_step = self.ema.snapshot(), step
        else:
            self._judge(step, self._score(self.held_out))
        if self.on_step is not None:
            self.on_step(step / self.config.steps, self._words(step))

    def _score(self, held_out: Callable[[], float]) -> float:
        self.module.eval()
        with self.ema.applied(), torch.inference_mode():
            score = held_out()
        self.module.train()
        return score

    def _judge(self, step: int, score: float) -> None:
        if not math.isfinite(score):
            raise TrainingDiverged(f"the held-out score became {score} at step {step}; lower the learning rate")
        best = min(self.history.held_out, default=math.inf)
        self.history.held_out.append(score)
        self.stale = 0 if score < best else self.stale + 1
        if score < best:
            self.best, self.history.best_step = self.ema.snapshot(), step
        self.history.stopped_early = 0 < self.config.patience <= self.stale

    def _words(self, step: int) -> str:
        score = f", held-out {self.history.held_out[-1]:.3f}" if self.history.held_out else ""
        return f"step {step} of {self.config.steps}{score}"

    def finish(self) -> None:
        self.ema.load(self.best)
        self.flat.release()
        self.module.eval()


def _clip(gradients: Tensor, largest: float) -> None:
    """Shorten the vector to ``largest`` where it is longer."""
    gradients.mul_((largest / (torch.linalg.vector_norm(gradients) + 1e-6)).clamp_max(1.0))


def _adamw(flat: FlatParameters, config: FitConfig) -> torch.optim.AdamW:
    matrices, vectors = flat.matrices_and_vectors()
    groups = [
        {"params": [matrices], "weight_decay": config.weight_decay},
        {"params": [vectors], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)
