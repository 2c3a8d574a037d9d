import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from workers.autoencoder.objective import gradient_difference, kl_to_standard_normal, optimal_gaussian_nll


def test_nll_is_that_of_the_best_common_sigma() -> None:
    generator = torch.Generator().manual_seed(0)
    images, mean = torch.rand(2, 5, 3, 4, 4, generator=generator)
    found = optimal_gaussian_nll(images, mean)
    sigmas = torch.linspace(0.05, 2, 4000)
    by_search = min(-Normal(mean, s).log_prob(images).flatten(1).sum(1).mean() for s in sigmas)
    assert found.item() == pytest.approx(by_search.item(), rel=1e-4)


def test_nll_gradient_weighs_pixels_by_one_over_sigma_squared() -> None:
    images, mean = torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.5, requires_grad=True)
    optimal_gaussian_nll(images, mean).backward()
    assert mean.grad is not None
    torch.testing.assert_close(mean.grad, torch.full((1, 1, 2, 2), 0.5 / 0.25))


def test_kl_against_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 7, 3, generator=generator)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), expected)


def test_gradient_difference_ignores_brightness_and_sees_a_blurred_edge() -> None:
    edge = torch.zeros(1, 1, 4, 4)
    edge[..., 2:] = 1
    assert gradient_difference(edge, edge - 0.3).item() == pytest.approx(0, abs=1e-9)
    assert gradient_difference(edge, torch.full_like(edge, 0.5)).item() == pytest.approx(1 / 3)


def test_perfect_reconstruction_is_finite() -> None:
    assert math.isfinite(optimal_gaussian_nll(torch.zeros(2, 1, 3, 3), torch.zeros(2, 1, 3, 3)).item())
