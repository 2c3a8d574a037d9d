import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from workers.vae.adversary import Adversary, reverse_gradient
from workers.vae.objective import gaussian_nll, kl_to_standard_normal, soft_label_cross_entropy, supervised_loss


def test_gaussian_nll_against_torch() -> None:
    x, mean = torch.randn(2, 6, 3)
    log_scale = torch.tensor([-1.0, 0.0, 0.5])
    torch.testing.assert_close(gaussian_nll(x, mean, log_scale), -Normal(mean, log_scale.exp()).log_prob(x).sum(1))


@given(mean=st.floats(-3, 3), log_variance=st.floats(-4, 3))
def test_kl_against_torch(mean: float, log_variance: float) -> None:
    m, v = torch.tensor([[mean, 0.0]]), torch.tensor([[log_variance, 0.0]])
    expected = kl_divergence(Normal(m, (0.5 * v).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl_to_standard_normal(m, v), expected, atol=1e-5, rtol=1e-5)


def test_cross_entropy_is_smallest_at_the_target_and_there_the_entropy() -> None:
    target = torch.tensor([[0.5, 0.3, 0.2]])
    entropy = -(target * target.log()).sum().item()
    assert soft_label_cross_entropy(target.log() + 7, target).item() == pytest.approx(entropy)
    assert soft_label_cross_entropy(torch.zeros(1, 3), target).item() == pytest.approx(math.log(3))


def _linear_gaussian(x: Tensor) -> tuple[Tensor, Tensor, Tensor, float]:
    """Exact posterior and evidence of ``z ~ N(0, I), x = W z + 0.5 noise`` with orthogonal columns of ``W``."""
    weight, noise = torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]), 0.5
    covariance = torch.linalg.inv(torch.eye(2) + weight.T @ weight / noise**2)
    mean = x @ weight @ covariance / noise**2
    evidence = MultivariateNormal(torch.zeros(3), weight @ weight.T + noise**2 * torch.eye(3)).log_prob(x)
    return weight, mean, covariance.diagonal().log().expand_as(mean), evidence.item()


def test_elbo_of_a_linear_gaussian_model_is_its_evidence() -> None:
    """With the exact posterior the bound is tight; both blocks share one latent of two dimensions."""
    x = torch.tensor([[0.7, -1.2, 0.3]])
    weight, mean, log_variance, evidence = _linear_gaussian(x)
    count = 200_000
    z = mean + (0.5 * log_variance).exp() * torch.randn(count, 2, generator=torch.Generator().manual_seed(0))
    nll = gaussian_nll(x.expand(count, 3), z @ weight.T, torch.full((3,), math.log(0.5))).mean(0, keepdim=True)
    blocks = [kl_to_standard_normal(mean[:, [i]], log_variance[:, [i]]) for i in range(2)]
    loss = supervised_loss(nll, torch.zeros(1), *blocks, label_weight=1, task_beta=1, nuisance_beta=1)
    assert loss.item() == pytest.approx(-evidence, abs=0.02)


def test_weights_reach_their_own_term() -> None:
    terms = [torch.tensor([v]) for v in (1.0, 10.0, 100.0, 1000.0)]
    assert supervised_loss(*terms, label_weight=2, task_beta=3, nuisance_beta=4).item() == 1 + 20 + 300 + 4000


def test_reversed_gradient_has_the_other_sign_and_strength() -> None:
    x = torch.ones(3, requires_grad=True)
    reverse_gradient(x, 2.0).sum().backward()
    torch.testing.assert_close(x.grad, torch.full((3,), -2.0))


def test_adversary_trains_the_probe_one_way_and_its_input_the_other() -> None:
    nuisance, target = torch.randn(8, 3, requires_grad=True), torch.eye(2).repeat(4, 1)
    adversary = Adversary(3, 2)
    adversary(nuisance, target, 1.0).mean().backward()
    assert nuisance.grad is not None
    with torch.no_grad():
        base = adversary(nuisance, target, 1.0).mean()
        stepped_input = adversary(nuisance - 0.5 * nuisance.grad, target, 1.0).mean()
        for parameter in adversary.parameters():
            parameter -= 0.05 * parameter.grad
        stepped_probe = adversary(nuisance, target, 1.0).mean()
    assert stepped_input > base > stepped_probe
