"""Plant P1 (papers.md 5.4): code ~ N(0, S), z = W code + s * noise. Every answer has a closed form."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from workers.flows.fitting import FittedInn, InnProfile, fit_inn, fit_unconditional
from workers.flows.inn import InnConfig
from workers.flows.linear_gaussian import fit_gaussian, fit_linear_gaussian
from workers.training.loop import FitConfig

DIM, SEEN, ROWS, BLUR = 6, 3, 8000, 0.5
PROFILE = InnProfile(
    InnConfig(blocks=3, hidden=32, context=16, embed_width=32),
    FitConfig(steps=300, learning_rate=2e-3, evaluate_every=100),
    selection=0.1,
    test=0.25,
)


class Plant(NamedTuple):
    code: Tensor
    z: Tensor
    sigma: Tensor
    posterior: Tensor
    gain: Tensor
    information: float


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def plant() -> Plant:
    g = seeded(3)
    root = torch.randn(DIM, DIM, generator=g, dtype=torch.float64) * 0.5 + torch.eye(DIM)
    sigma = root @ root.T
    w = torch.randn(SEEN, DIM, generator=g, dtype=torch.float64)
    z_cov = w @ sigma @ w.T + BLUR**2 * torch.eye(SEEN)
    gain = sigma @ w.T @ torch.linalg.inv(z_cov)
    code = torch.randn(ROWS, DIM, generator=g, dtype=torch.float64) @ root.T
    z = code @ w.T + BLUR * torch.randn(ROWS, SEEN, generator=g, dtype=torch.float64)
    information = 0.5 * torch.logdet(torch.eye(SEEN) + w @ sigma @ w.T / BLUR**2)
    return Plant(code, z, sigma, sigma - gain @ w @ sigma, gain, float(information))


@pytest.fixture(scope="module")
def fitted(plant: Plant) -> FittedInn:
    return fit_inn(plant.code, torch.zeros_like(plant.code), plant.z, PROFILE, seeded(0))


def entropy(covariance: Tensor) -> float:
    return 0.5 * float(torch.logdet(2 * math.pi * math.e * covariance))


def within(values: Tensor, expected: float, slack: float = 0.0) -> bool:
    """The mean lies within 4 standard errors (and ``slack``) of ``expected``."""
    error = values.std() / math.sqrt(len(values))
    return abs(float(values.mean()) - expected) < 4 * float(error) + slack


def test_closed_form_finds_the_posterior(plant: Plant) -> None:
    layer = fit_linear_gaussian(plant.code, torch.zeros_like(plant.code), plant.z, ridge=1e-6)
    assert torch.allclose(layer.weight, plant.gain, atol=0.05)
    assert torch.allclose(layer.factor() @ layer.factor().T, plant.posterior, atol=0.06)
    assert within(-layer.log_prob(plant.code, plant.z), entropy(plant.posterior))


def test_closed_form_log_prob_is_the_textbook_density(plant: Plant) -> None:
    layer = fit_linear_gaussian(plant.code, torch.zeros_like(plant.code), plant.z)
    expected = torch.distributions.MultivariateNormal(layer.mean(plant.z), scale_tril=layer.factor())
    assert torch.allclose(layer.log_prob(plant.code, plant.z), expected.log_prob(plant.code))


def test_unconditional_gaussian_has_the_prior_entropy(plant: Plant) -> None:
    layer = fit_gaussian(plant.code, torch.zeros_like(plant.code))
    assert within(-layer.log_prob(plant.code), entropy(plant.sigma))


def test_inn_reaches_the_optimal_nll(plant: Plant, fitted: FittedInn) -> None:
    assert within(fitted.nll, entropy(plant.posterior), slack=0.02)
    assert within(fitted.nll_linear_gaussian, entropy(plant.posterior), slack=0.02)
    assert within(fitted.nll_gaussian, entropy(plant.sigma), slack=0.02)


def test_information_is_the_closed_form(plant: Plant, fitted: FittedInn) -> None:
    alone = fit_unconditional(plant.code, torch.zeros_like(plant.code), PROFILE, seeded(0))
    assert torch.equal(alone.test_rows, fitted.test_rows)
    assert torch.equal(alone.test_codes, fitted.test_codes)
    assert within(alone.nll - fitted.nll, plant.information, slack=0.02)


def test_samples_have_the_posterior_mean_and_covariance(plant: Plant, fitted: FittedInn) -> None:
    z = plant.z[fitted.test_rows[:100]]
    draws = fitted.inn.sample(z.float(), 400, seeded(1)).double()
    centred = draws - draws.mean(dim=1, keepdim=True)
    covariance = torch.einsum("nki,nkj->ij", centred, centred) / (100 * 399)
    scale = plant.posterior.diagonal().sqrt()
    assert ((covariance - plant.posterior) / torch.outer(scale, scale)).abs().max() < 0.06
    offset = (draws.mean(dim=1) - z @ plant.gain.T) / scale
    assert offset.square().mean().sqrt() < 0.12


def test_retention_of_each_direction_from_samples(plant: Plant, fitted: FittedInn) -> None:
    """R = 1 - a C a / a S a; the unbiased within-z variance (ddof 1) gives it from as few as 8 draws."""
    directions = torch.randn(5, DIM, generator=seeded(7), dtype=torch.float64)
    truth = 1 - _quadratic(directions, plant.posterior) / _quadratic(directions, plant.sigma)
    samples = fitted.inn.sample(plant.z[fitted.test_rows].float(), 8, seeded(2)).double() @ directions.T
    retention = 1 - samples.var(dim=1).mean(dim=0) / _quadratic(directions, plant.sigma)
    assert (retention - truth).abs().max() < 0.03


def test_v_is_standard_normal_and_independent_of_z(plant: Plant, fitted: FittedInn) -> None:
    rows = fitted.test_rows
    v = fitted.inn.v_for(fitted.test_codes, plant.z[rows].float())
    floor = 4 / math.sqrt(len(rows))
    assert v.mean(dim=0).abs().max() < floor
    assert (torch.cov(v.T) - torch.eye(DIM)).abs().max() < 1.5 * floor
    joint = torch.corrcoef(torch.cat([v, plant.z[rows].float()], dim=1).T)
    assert joint[:DIM, DIM:].abs().max() < floor


def test_posterior_noise_adds_to_the_covariance_in_closed_form(plant: Plant) -> None:
    stds = torch.full_like(plant.code, 0.7)
    layer = fit_gaussian(plant.code, stds)
    want = plant.code.T.cov() + 0.49 * torch.eye(DIM)
    assert torch.allclose(layer.factor() @ layer.factor().T, want, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["constant", "collinear", "more columns than rows", "huge units"])
def test_closed_form_survives_strange_conditions(kind: str) -> None:
    g = seeded(4)
    code, z = torch.randn(60, 3, generator=g), torch.randn(60, 4, generator=g)
    z = {
        "constant": torch.full((60, 4), 1e4),
        "collinear": z[:, :1].expand(60, 4),
        "more columns than rows": torch.randn(60, 200, generator=g),
        "huge units": z * 1e6,
    }[kind]
    layer = fit_linear_gaussian(code, torch.zeros_like(code), z)
    assert torch.isfinite(layer.log_prob(code, z)).all()


def test_degrees_of_freedom_keep_an_over_fitted_regression_honest() -> None:
    """50 useless columns for 100 rows: the residual covariance alone would claim half of the true variance."""
    g = seeded(5)
    code, z = torch.randn(100, 2, generator=g), torch.randn(100, 50, generator=g)
    layer = fit_linear_gaussian(code, torch.zeros_like(code), z, ridge=1e-6)
    assert (layer.factor() @ layer.factor().T).trace() / 2 == pytest.approx(1.0, abs=0.35)


def test_row_counts_must_agree() -> None:
    with pytest.raises(ValueError, match="rows"):
        fit_linear_gaussian(torch.zeros(5, 2), torch.zeros(5, 2), torch.zeros(4, 1))


def _quadratic(directions: Tensor, matrix: Tensor) -> Tensor:
    return torch.einsum("ki,ij,kj->k", directions, matrix, directions)
