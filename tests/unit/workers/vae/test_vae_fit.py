from dataclasses import replace

import pytest
import torch
from torch import Tensor

from workers.tensors import ShapeError
from workers.training.checkpoints import to_bytes
from workers.vae import FittedVae, SupervisedVae, VaeConfig, fit_vae, load, resample_nuisance, save
from workers.vae.nuisance import NuisancePosterior, fit_nuisance
from workers.vae.objective import gaussian_nll

CONFIG = VaeConfig(task_dim=2, width=48, steps=250, batch=128, largest_scale=0.3)
DIM = 6


def planted(n: int = 800, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Codes of which only the first dimension decides the answer."""
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(n, DIM, generator=generator)
    logits = torch.stack([4 * means[:, 0], -4 * means[:, 0]], dim=1)
    return means, torch.full_like(means, 0.05), logits.softmax(dim=1)


@pytest.fixture(scope="module")
def fitted() -> FittedVae:
    return fit_vae(*planted(), CONFIG, torch.Generator().manual_seed(0))


def test_the_head_follows_the_classifier(fitted: FittedVae) -> None:
    assert fitted.fidelity > 0.93
    assert fitted.active_task >= 1
    assert fitted.active_nuisance >= 3
    assert fitted.explained > 0.6


def test_nuisance_does_not_tell_the_answer(fitted: FittedVae) -> None:
    assert fitted.leakage.excess < 0.25


def test_without_control_redundant_codes_leak() -> None:
    """With hardly any room in z_s the plain ELBO stores the answer in z_n; the adversary removes it."""
    means, stds, targets = planted()
    free = replace(
        CONFIG, task_dim=1, adversary=0.0, independence=0.0, task_beta=30.0, label_weight=0.1, largest_scale=0.3
    )
    open_ = fit_vae(means, stds, targets, free, torch.Generator().manual_seed(0))
    held = fit_vae(
        means, stds, targets, replace(free, adversary=20.0, independence=20.0), torch.Generator().manual_seed(0)
    )
    assert open_.leakage.excess > 0.5
    assert held.leakage.excess < open_.leakage.excess - 0.2


def test_resampling_keeps_the_deciding_dimension_and_moves_the_others(fitted: FittedVae) -> None:
    codes = planted(100, seed=5)[0]
    drawn = resample_nuisance(fitted.model, fitted.nuisance, codes, 20, torch.Generator().manual_seed(1))
    assert drawn.shape == (100, 20, DIM)
    within = drawn.var(dim=1).mean(dim=0)
    assert within[0] < 0.2
    assert within[1:].mean() > 0.4


def test_resampling_holds_the_task_block_exactly(fitted: FittedVae, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []
    decode = SupervisedVae.decode

    def spy(self: SupervisedVae, task: Tensor, nuisance: Tensor) -> Tensor:
        seen.append(task)
        return decode(self, task, nuisance)

    monkeypatch.setattr(SupervisedVae, "decode", spy)
    codes = planted(7, seed=5)[0]
    resample_nuisance(fitted.model, fitted.nuisance, codes, 3, torch.Generator().manual_seed(1))
    expected = fitted.model.encode(codes).task_mean
    assert torch.equal(seen[0].view(7, 3, -1), expected[:, None].expand(7, 3, -1))


def test_nuisance_draws_have_the_moments_of_the_aggregate_posterior() -> None:
    mean, std = torch.tensor([[-3.0, 0.0], [3.0, 0.0]]), torch.tensor([[0.5, 1.0], [0.5, 1.0]])
    drawn = NuisancePosterior(mean, std).sample(20_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.mean(0), torch.zeros(2), atol=0.08, rtol=0)
    torch.testing.assert_close(drawn.var(0), torch.tensor([9.25, 1.0]), atol=0.15, rtol=0)
    assert (drawn[:, 0].abs() < 1).float().mean() < 0.01  # nothing in the hole between the two


def test_nuisance_posterior_is_capped(fitted: FittedVae) -> None:
    assert len(fit_nuisance(fitted.model, torch.randn(3000, DIM), torch.Generator().manual_seed(0)).mean) == 2048


def test_gradients_reach_every_parameter() -> None:
    model = SupervisedVae(DIM, 3, CONFIG)
    found = model.encode(torch.randn(4, DIM))
    back = model.decode(found.task_mean, found.nuisance_mean)
    loss = gaussian_nll(torch.randn(4, DIM), back, model.log_scale).sum() + model.classify(found.task_mean).sum()
    (loss + found.task_log_variance.sum() + found.nuisance_log_variance.sum()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_head_never_sees_the_nuisance() -> None:
    model = SupervisedVae(DIM, 3, CONFIG)
    found = model.encode(torch.randn(4, DIM))
    (gradient,) = torch.autograd.grad(
        model.classify(found.task_mean).sum(), found.nuisance_mean, allow_unused=True, materialize_grads=True
    )
    assert not gradient.any()


def test_save_and_load_bit_for_bit(fitted: FittedVae) -> None:
    data = save(fitted)
    again = load(data)
    codes = planted(20, seed=2)[0]
    for before, after in zip(fitted.model.encode(codes), again.model.encode(codes), strict=True):
        assert torch.equal(before, after)
    draws = [
        resample_nuisance(f.model, f.nuisance, codes, 4, torch.Generator().manual_seed(0)) for f in (fitted, again)
    ]
    assert torch.equal(*draws)
    assert save(again) == data
    assert (again.fidelity, again.leakage) == (fitted.fidelity, fitted.leakage)


def test_same_seed_same_result() -> None:
    short = replace(CONFIG, steps=5)
    first, second = (fit_vae(*planted(100), short, torch.Generator().manual_seed(3)) for _ in range(2))
    other = fit_vae(*planted(100), short, torch.Generator().manual_seed(4))
    assert save(first) == save(second) != save(other)


def test_wrong_inputs_are_refused() -> None:
    means, stds, targets = planted(60)
    with pytest.raises(ShapeError, match="stds"):
        fit_vae(means, stds[:, :2], targets, CONFIG, torch.Generator())
    with pytest.raises(ValueError, match="probabilities"):
        fit_vae(means, stds, 3 * targets, CONFIG, torch.Generator())
    with pytest.raises(ValueError, match="at least"):
        fit_vae(means[:9], stds[:9], targets[:9], CONFIG, torch.Generator())
    with pytest.raises(ValueError, match="expected scotoma"):
        load(to_bytes({"a": torch.zeros(1)}, {"format": "other"}))
    with pytest.raises(ValueError, match="task_dim"):
        VaeConfig(task_dim=0)
