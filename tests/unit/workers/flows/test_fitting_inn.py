"""Fitting: beats the linear-Gaussian where it should, never falls behind it, repeats itself exactly."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from workers.flows.fitting import FULL, QUICK, STANDARD, FittedInn, InnProfile, fit_inn, split_rows
from workers.flows.inn import InnConfig
from workers.tensors import ShapeError
from workers.training.loop import FitConfig, TrainingDiverged

TINY = InnProfile(
    InnConfig(blocks=2, hidden=16, context=8, embed_width=16),
    FitConfig(steps=40, learning_rate=2e-3, evaluate_every=20),
    batch=64,
)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ring(n: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Codes on a circle whose radius z tells: no covariance with z, so a linear-Gaussian learns nothing from it."""
    g = seeded(seed)
    angle, z = 6.2832 * torch.rand(n, generator=g), torch.rand(n, 1, generator=g)
    code = (0.3 + z) * torch.stack([angle.cos(), angle.sin()], dim=1)
    return code, torch.full_like(code, 0.08), z


def noise(n: int = 300, shape: tuple[int, ...] = (3,)) -> tuple[Tensor, Tensor, Tensor]:
    g = seeded(1)
    return torch.randn(n, 4, generator=g), torch.full((n, 4), 0.1), torch.randn(n, *shape, generator=g)


def test_it_beats_the_linear_gaussian_on_a_nonlinear_plant() -> None:
    profile = InnProfile(
        InnConfig(blocks=4, hidden=48, context=16, embed_width=32),
        FitConfig(steps=400, learning_rate=6e-3, evaluate_every=100),
        batch=256,
    )
    fitted = fit_inn(*ring(3000), profile, seeded(0))
    gain = fitted.nll_linear_gaussian - fitted.nll
    assert gain.mean() > 0.5
    assert fitted.nll_linear_gaussian.mean() == pytest.approx(float(fitted.nll_gaussian.mean()), abs=0.02)


def test_it_starts_at_the_linear_gaussian_and_keeps_the_best() -> None:
    """Pure noise, far too large a rate: nothing can be learned, so the closed form must be what remains."""
    profile = replace(TINY, training=FitConfig(steps=60, learning_rate=0.05, evaluate_every=10, ema=0.0))
    fitted = fit_inn(*noise(), profile, seeded(0))
    scores = fitted.history.held_out
    assert min(scores) == scores[fitted.history.steps.index(fitted.history.best_step)]
    assert min(scores) <= scores[0]
    assert fitted.history.best_step == 0
    assert torch.allclose(fitted.nll, fitted.nll_linear_gaussian, atol=1e-3)


def test_same_seed_same_result_whatever_the_global_state() -> None:
    def run() -> FittedInn:
        torch.rand(3)
        return fit_inn(*noise(), TINY, seeded(7))

    first, second = run(), run()
    assert torch.equal(first.nll, second.nll)
    assert first.history.held_out == second.history.held_out
    leaves = second.inn.state_dict()
    assert all(torch.equal(leaf, leaves[name]) for name, leaf in first.inn.state_dict().items())
    assert not torch.equal(fit_inn(*noise(), TINY, seeded(8)).nll, first.nll)


def test_fitting_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    fit_inn(*noise(100), TINY, seeded(0))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("shape", [(0,), (1,), (300,), (3, 5, 7), (2, 1, 1)])
def test_every_kind_of_condition_is_fitted(shape: tuple[int, ...]) -> None:
    fitted = fit_inn(*noise(200, shape), TINY, seeded(0))
    assert torch.isfinite(fitted.nll).all()
    assert fitted.inn.sample(torch.zeros(2, *shape), 3, seeded(0)).shape == (2, 3, 4)


def test_a_constant_condition_and_exact_codes_are_harmless() -> None:
    means, stds, _ = noise()
    fitted = fit_inn(means, torch.zeros_like(stds), torch.full((300, 6), 3.0), TINY, seeded(0))
    assert torch.isfinite(fitted.nll).all()


def test_a_spatial_condition_informs_the_closed_form() -> None:
    g = seeded(2)
    z = torch.randn(600, 2, 8, 8, generator=g)
    code = z.mean(dim=(2, 3)) * 8 + 0.3 * torch.randn(600, 2, generator=g)
    fitted = fit_inn(code, torch.zeros_like(code), z, TINY, seeded(0))
    assert (fitted.nll_gaussian - fitted.nll_linear_gaussian).mean() > 1.0
    assert fitted.nll.mean() < fitted.nll_linear_gaussian.mean() + 0.05


def test_the_split_holds_each_row_once_and_groups_together() -> None:
    groups = torch.arange(200) // 4 * 10
    parts = split_rows(200, TINY, seeded(0), groups)
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(200))
    owners = [set(groups[rows].tolist()) for rows in parts]
    assert not owners[0] & owners[1]
    assert not owners[0] & owners[2]
    assert not owners[1] & owners[2]
    assert len(parts[2]) == 24
    assert len(parts[1]) == 16


def test_progress_is_told_and_can_stop_the_fit() -> None:
    told: list[float] = []

    def stop(share: float, words: str) -> None:
        told.append(share)
        if share >= 0.5:
            raise KeyboardInterrupt(words)

    with pytest.raises(KeyboardInterrupt, match="step 20 of 40"):
        fit_inn(*noise(), TINY, seeded(0), on_progress=stop)
    assert told == [0.0, 0.5]


def test_broken_codes_are_an_error_not_a_model() -> None:
    for position in range(3):
        arrays = list(noise())
        arrays[position][5, 2] = float("nan")
        with pytest.raises(ValueError, match="not finite"):
            fit_inn(arrays[0], arrays[1], arrays[2], TINY, seeded(0))


def test_a_run_that_diverges_says_so() -> None:
    profile = replace(TINY, training=FitConfig(steps=200, learning_rate=1e30, evaluate_every=10))
    with pytest.raises(TrainingDiverged):
        fit_inn(*noise(), profile, seeded(0))


def test_shapes_that_do_not_fit_are_refused() -> None:
    means, stds, z = noise()
    with pytest.raises(ShapeError, match="stds"):
        fit_inn(means, stds[:, :2], z, TINY, seeded(0))
    with pytest.raises(ShapeError, match="condition"):
        fit_inn(means, stds, z[:10], TINY, seeded(0))
    with pytest.raises(ShapeError, match="20 rows"):
        fit_inn(means[:10], stds[:10], z[:10], TINY, seeded(0))


def test_profiles_grow() -> None:
    assert QUICK.training.steps < STANDARD.training.steps < FULL.training.steps
