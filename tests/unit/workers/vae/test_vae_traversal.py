"""Walks and swaps move what they say and nothing else; class residuals are unbiased."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from workers.tensors import ShapeError
from workers.vae import (
    Latent,
    SupervisedVae,
    Traversal,
    VaeConfig,
    class_residuals,
    latent_draws,
    latent_means,
    quantile_steps,
    swap_task,
    traverse,
)

TASK, NUISANCE = 2, 3


class Joined(nn.Module):
    """A decoder whose code is ``(z_s, z_n)`` itself."""

    def forward(self, z: Tensor) -> Tensor:
        return z


@pytest.fixture
def model() -> SupervisedVae:
    config = VaeConfig(task_dim=TASK, nuisance_dim=NUISANCE, width=8)
    model = SupervisedVae(TASK + NUISANCE, 3, config)
    model.decoder = Joined()  # type: ignore[assignment]
    return model.eval()


@pytest.mark.parametrize(("block", "dimension", "place"), [("task", 1, 1), ("nuisance", 2, 4)])
def test_a_traversal_moves_one_number_of_every_image(
    model: SupervisedVae, block: str, dimension: int, place: int
) -> None:
    latent = Latent(torch.randn(4, TASK), torch.randn(4, NUISANCE))
    values = torch.tensor([-2.0, 0.5, 7.0])
    codes = traverse(model, latent, Traversal(block, dimension, values))  # type: ignore[arg-type]
    assert codes.shape == (4, 3, TASK + NUISANCE)
    assert torch.equal(codes[..., place], values.expand(4, 3))
    others = [i for i in range(TASK + NUISANCE) if i != place]
    assert torch.equal(codes[..., others], torch.cat(latent, dim=1)[:, None, others].expand(4, 3, -1))


def test_a_swap_takes_the_task_of_one_and_the_nuisance_of_the_other(model: SupervisedVae) -> None:
    keeps, gives = (Latent(torch.randn(5, TASK), torch.randn(5, NUISANCE)) for _ in range(2))
    assert torch.equal(swap_task(model, keeps, gives), torch.cat([gives.task, keeps.nuisance], dim=1))


def test_steps_are_quantiles_dimension_by_dimension() -> None:
    values = torch.stack([torch.arange(101.0), 10 * torch.arange(101.0)], dim=1)[torch.randperm(101)]
    assert quantile_steps(values, torch.tensor([0.0, 0.25, 1.0])).tolist() == [[0, 0], [25, 250], [100, 1000]]


def test_draws_scatter_about_the_means_as_the_posterior_says(model: SupervisedVae) -> None:
    codes = torch.randn(1, TASK + NUISANCE).expand(4000, -1)
    drawn = torch.cat(latent_draws(model, codes, torch.Generator().manual_seed(0)), dim=1)
    found = model.encode(codes[:1])
    mean = torch.cat([found.task_mean, found.nuisance_mean], dim=1)[0]
    deviation = torch.cat([found.task_log_variance, found.nuisance_log_variance], dim=1)[0].div(2).exp()
    torch.testing.assert_close(torch.cat(latent_means(model, codes[:1]), dim=1)[0], mean)
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.08, rtol=0)
    torch.testing.assert_close(drawn.std(0), deviation, atol=0.06, rtol=0.05)


def test_bad_traversals_are_refused(model: SupervisedVae) -> None:
    latent = Latent(torch.randn(4, TASK), torch.randn(4, NUISANCE))
    with pytest.raises(ShapeError):
        traverse(model, latent, Traversal("task", 0, torch.zeros(2, 2)))
    with pytest.raises(IndexError):
        traverse(model, latent, Traversal("task", TASK, torch.zeros(2)))


def test_residuals_average_to_the_unbiased_variances() -> None:
    values, labels = torch.randn(9, 2), torch.tensor([0, 0, 0, 4, 4, 1, 4, 4, 0])
    found = class_residuals(values, labels)
    assert found.rows.tolist() == [0, 1, 2, 3, 4, 6, 7, 8]
    for label in (0, 4):
        mine = labels[found.rows] == label
        torch.testing.assert_close(found.within[mine].mean(0), values[labels == label].var(0))
    whole = class_residuals(values, torch.zeros(9, dtype=torch.int64))
    torch.testing.assert_close(whole.total.mean(0), values.var(0))
    torch.testing.assert_close(whole.within, whole.total)


def test_noise_has_no_share_between_many_classes_and_a_class_code_has_all() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(50, (400,), generator=generator)
    noise = torch.randn(400, 30, generator=generator)
    assert abs(float(class_residuals(noise, labels).between.mean())) < 0.03
    telling = labels[:, None].float() + 0.01 * noise[:, :1]
    assert float(class_residuals(telling, labels).between) > 0.999
    with pytest.raises(ValueError, match="two images"):
        class_residuals(noise[:3], torch.arange(3))
