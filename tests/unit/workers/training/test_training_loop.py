"""The loop on problems with known answers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from workers.training.loop import FitConfig, History, TrainingDiverged, fit


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


TRUTH = torch.tensor([[2.0, -1.0, 0.5]])


def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    x = torch.randn(64, 3, generator=generator)
    return x, x @ TRUTH.T


def regression(seed: int = 0, **changes: object) -> tuple[nn.Linear, History]:
    torch.manual_seed(1)
    module = nn.Linear(3, 1)
    config = FitConfig(**{"steps": 300, "learning_rate": 0.05, "weight_decay": 0.0, "evaluate_every": 50} | changes)
    history = fit(
        module,
        lambda batch: (module(batch[0]) - batch[1]).square().mean(),
        draw,
        config,
        seeded(seed),
        held_out=lambda: float((module.weight - TRUTH).norm()),
    )
    return module, history


def test_it_solves_a_regression() -> None:
    module, history = regression()
    assert torch.allclose(module.weight, TRUTH, atol=0.01)
    assert history.steps == [0, 50, 100, 150, 200, 250, 300]
    assert history.held_out[-1] < 0.02 < history.held_out[0]
    assert not module.training


def test_same_generator_same_weights() -> None:
    assert torch.equal(regression(3)[0].weight, regression(3)[0].weight)
    assert not torch.equal(regression(3)[0].weight, regression(4)[0].weight)


def test_dropout_follows_the_generator_too() -> None:
    def run(seed: int) -> Tensor:
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        torch.rand(seed)
        fit(module, lambda b: module(b[0]).square().mean(), draw, FitConfig(steps=10), seeded(5))
        return module[0].weight.detach()

    assert torch.equal(run(1), run(2))


def test_a_loss_that_is_not_finite_raises_an_arithmetic_error() -> None:
    module = nn.Linear(3, 1)
    with pytest.raises(TrainingDiverged, match="nan") as caught:
        fit(module, lambda b: (module(b[0]) * float("nan")).sum(), draw, FitConfig(steps=10), seeded())
    assert isinstance(caught.value, ArithmeticError)


def test_a_score_that_is_not_finite_raises() -> None:
    module = nn.Linear(3, 1)
    with pytest.raises(TrainingDiverged, match="held-out"):
        fit(module, lambda b: module(b[0]).sum(), draw, FitConfig(steps=5), seeded(), held_out=lambda: float("inf"))


def test_it_stops_when_patience_runs_out_and_keeps_the_best_weights() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    config = FitConfig(steps=1000, learning_rate=0.01, weight_decay=0, warmup=0, evaluate_every=10, patience=3, ema=0)
    history = fit(
        module,
        lambda _: (module.weight - 5).square().sum(),
        lambda _: None,
        config,
        seeded(),
        held_out=lambda: (module.weight - 1).abs().item(),
    )
    assert history.stopped_early
    assert history.steps[-1] == history.best_step + 30
    assert module.weight.item() == pytest.approx(1.0, abs=0.06)


def test_clipping_bounds_the_gradient_that_the_optimiser_sees() -> None:
    module = nn.Linear(3, 1)
    seen: list[float] = []
    fit(
        module,
        lambda b: 1e6 * module(b[0]).square().mean(),
        draw,
        FitConfig(steps=5, clip=0.5, evaluate_every=1),
        seeded(),
        on_step=lambda share, words: seen.append(_norm(module)) if share > 0 else None,
    )
    assert max(seen) == pytest.approx(0.5, rel=1e-3)


def test_frozen_parameters_stay() -> None:
    module = nn.Linear(3, 1)
    module.bias.requires_grad_(False)
    bias = module.bias.clone()
    fit(module, lambda b: (module(b[0]) - 9).square().mean(), draw, FitConfig(steps=20), seeded())
    assert torch.equal(module.bias, bias)


def test_decay_spares_vectors() -> None:
    module = nn.Linear(3, 1)
    nn.init.ones_(module.bias)
    nn.init.ones_(module.weight)
    config = FitConfig(steps=50, learning_rate=0.05, weight_decay=1.0, ema=0.0)
    fit(module, lambda b: 0 * module(b[0]).sum(), draw, config, seeded())
    assert torch.equal(module.bias, torch.ones(1))
    assert (module.weight < 0.5).all()


def test_progress_ends_at_one_and_its_exception_ends_the_run() -> None:
    module = nn.Linear(3, 1)
    told: list[tuple[float, str]] = []
    config = FitConfig(steps=25, evaluate_every=10)
    fit(module, lambda b: module(b[0]).square().mean(), draw, config, seeded(), on_step=lambda *t: told.append(t))
    assert [share for share, _ in told] == [0.0, 0.4, 0.8, 1.0]
    assert told[-1][1] == "step 25 of 25"


def _norm(module: nn.Module) -> float:
    return float(torch.stack([p.grad.norm() for p in module.parameters() if p.grad is not None]).norm())
