import pytest
import torch

from workers.vae.independence import Dependence
from workers.vae.leakage import probe_leakage


def test_planted_leakage_is_found() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (400,), generator=generator)
    nuisance = torch.randn(400, 6, generator=generator)
    nuisance[:, 2] += 4 * labels
    found = probe_leakage(nuisance, labels, generator)
    assert found.accuracy > 0.85
    assert found.excess > 0.8


def test_leakage_in_an_interaction_is_found() -> None:
    """No single dimension tells the label: it is the sign of a product."""
    generator = torch.Generator().manual_seed(0)
    nuisance = torch.randn(600, 3, generator=generator)
    labels = (nuisance[:, 0] * nuisance[:, 1] > 0).long()
    assert probe_leakage(nuisance, labels, generator).accuracy > 0.8


def test_without_leakage_it_stays_at_chance() -> None:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(4, (1000,), generator=generator)
    found = probe_leakage(torch.randn(1000, 8, generator=generator), labels, generator)
    assert abs(found.excess) < 0.08
    assert found.n == 1000


def test_chance_is_the_most_frequent_class() -> None:
    labels = torch.tensor([7] * 90 + [3] * 10)
    found = probe_leakage(torch.zeros(100, 2), labels, torch.Generator().manual_seed(0))
    assert found.chance == pytest.approx(0.9)
    assert found.accuracy == pytest.approx(0.9)
    assert found.excess == pytest.approx(0)


def test_a_constant_classifier_leaks_nothing() -> None:
    found = probe_leakage(torch.randn(40, 2), torch.zeros(40, dtype=torch.long), torch.Generator().manual_seed(0))
    assert found.excess == 0


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        probe_leakage(torch.zeros(5, 2), torch.zeros(5, dtype=torch.long), torch.Generator())


def test_dependence_is_small_without_and_large_with_a_planted_one() -> None:
    torch.manual_seed(0)
    measure = Dependence(4)
    targets = torch.eye(2)[torch.arange(256) % 2]
    apart = torch.randn(256, 4)
    together = apart.clone()
    together[:, 0] += 3 * targets[:, 0]
    assert measure(apart, targets) < 2
    assert measure(together, targets) > 5 * measure(apart, targets)


def test_dependence_sees_spread_as_well_as_place_and_pulls_it_apart() -> None:
    torch.manual_seed(0)
    measure = Dependence(2)
    targets = torch.eye(2)[torch.arange(256) % 2]
    nuisance = torch.randn(256, 2) * (1 + 3 * targets[:, :1])
    nuisance.requires_grad_()
    before = measure(nuisance, targets)
    before.backward()
    assert before > 3
    assert nuisance.grad is not None
    assert measure(nuisance - nuisance.grad, targets) < before
