"""Planted factors (papers.md 5.4, P9): the fit finds them, keeps them apart, and says where pairs leak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from workers.concepts.checkpoint import FittedConcept, save
from workers.concepts.fitting import SHARED_RHO, ConceptFit, fit_concepts
from workers.concepts.pairs import Attribute, Concept, Examples
from workers.flows.fitting import InnProfile
from workers.flows.inn import InnConfig
from workers.tensors import ShapeError
from workers.training.loop import FitConfig

PROFILE = InnProfile(
    InnConfig(blocks=4, hidden=48), FitConfig(steps=250, learning_rate=4e-3, evaluate_every=50), batch=256
)
BRIEF = InnProfile(InnConfig(blocks=2, hidden=16), FitConfig(steps=20, learning_rate=2e-3, evaluate_every=10), batch=64)
N, DIM = 3000, 12


@dataclass(frozen=True)
class Plant:
    """Codes that are a rotation of a size, a class (two numbers) and nine numbers that nobody names."""

    codes: Tensor
    size: np.ndarray
    label: np.ndarray
    numbers: np.ndarray

    @property
    def concepts(self) -> list[Concept]:
        return [Attribute("size", "numeric", self.size), Attribute("class", "categorical", self.label)]


def plant(n: int = N, seed: int = 0, tied: float = 0.0) -> Plant:
    """``tied``: share of rows whose size is that of their class."""
    draw = np.random.default_rng(seed)
    label = draw.integers(0, 3, n)
    own = draw.standard_normal(n)
    size = np.where(draw.random(n) < tied, 1.2 * (label - 1) + 0.1 * own, own)
    corner = np.array([[1.0, 0.0], [-0.5, 0.87], [-0.5, -0.87]])[label] * 1.4 + 0.1 * draw.standard_normal((n, 2))
    numbers = draw.standard_normal((n, DIM - 3))
    mixing = np.linalg.qr(draw.standard_normal((DIM, DIM)))[0]
    codes = np.concatenate([size[:, None], corner, numbers], axis=1) @ mixing.T
    return Plant(torch.from_numpy(codes.astype(np.float32)), size, label.astype(float), numbers)


def fitted(planted: Plant, concepts: list[Concept], profile: InnProfile = PROFILE, seed: int = 0) -> ConceptFit:
    generator = torch.Generator().manual_seed(seed)
    return fit_concepts(planted.codes, torch.full_like(planted.codes, 0.05), concepts, profile, generator)


@pytest.fixture(scope="module")
def planted() -> Plant:
    return plant()


@pytest.fixture(scope="module")
def result(planted: Plant) -> ConceptFit:
    return fitted(planted, planted.concepts)


def concept(result: ConceptFit, name: str) -> FittedConcept:
    return next(one for one in result.fitted.concepts if one.name == name)


def explained(x: np.ndarray, y: np.ndarray) -> float:
    """R^2 on the second half of the best line through the first."""
    half = len(x) // 2
    x = np.column_stack([x, np.ones(len(x))])
    y = y.reshape(len(y), -1) - y[:half].mean(axis=0)
    left = y[half:] - x[half:] @ np.linalg.lstsq(x[:half], y[:half], rcond=None)[0]
    return 1 - float(np.square(left).sum() / np.square(y[half:]).sum())


def one_hot(label: np.ndarray) -> np.ndarray:
    return np.eye(3)[label.astype(int)]


def test_sharing_pairs_agree_in_their_factor_and_in_no_other(result: ConceptFit) -> None:
    """The size is one number in a factor of two, so half of that factor has nothing to agree in but by effort."""
    assert [one.name for one in result.fitted.concepts] == ["size", "class"]
    assert concept(result, "class").within == pytest.approx(SHARED_RHO, abs=0.06)
    assert concept(result, "size").within > 0.45
    for one in result.fitted.concepts:
        assert set(one.leaks) == {"size", "class", "residual"} - {one.name}
        assert max(abs(leak) for leak in one.leaks.values()) < 0.12
        assert one.carried > 0.85
        assert one.caution is None


def test_training_beats_the_closed_form_start(result: ConceptFit) -> None:
    assert result.fitted.nll < result.fitted.nll_linear - 0.5


def test_factors_hold_their_own_label_and_nothing_of_the_others(result: ConceptFit, planted: Plant) -> None:
    e = {f.name: result.fitted.inn.read(planted.codes, f.name).numpy() for f in result.fitted.inn.factors}
    assert explained(e["size"], planted.size) > 0.9
    assert explained(e["class"], one_hot(planted.label)) > 0.9
    assert explained(e["class"], planted.size) < 0.03
    assert explained(e["size"], one_hot(planted.label)) < 0.03
    assert explained(e["residual"], np.column_stack([planted.size, one_hot(planted.label)])) < 0.08
    assert explained(e["residual"], planted.numbers) > 0.7


def test_factors_are_standard_normal_over_the_references(result: ConceptFit, planted: Plant) -> None:
    e = result.fitted.inn.encode(planted.codes)
    assert e.mean(dim=0).abs().max() < 0.25
    assert e.var(dim=0).mean() == pytest.approx(1.0, abs=0.15)


def test_the_round_trip_is_exact(result: ConceptFit, planted: Plant) -> None:
    back = result.fitted.inn.decode(result.fitted.inn.encode(planted.codes))
    assert (back - planted.codes).abs().max() < 1e-4


def test_a_leak_is_detected_and_named() -> None:
    """Explicit pairs that share the class share the size too: nobody randomised them."""
    tied = plant(1500, tied=1.0)
    order = np.argsort(tied.label, kind="stable")
    pairs = np.stack([order[:-1], order[1:]], axis=1)[::2].astype(np.int64)
    concepts = [Attribute("size", "numeric", tied.size), Examples("style", pairs)]
    style = concept(fitted(tied, concepts, BRIEF), "style")
    assert style.leaks["size"] > 0.3
    assert style.caution is not None
    assert "size" in style.caution


def test_explicit_pairs_learn_how_alike_they_are() -> None:
    """Two numbers agree by 0.6 within pairs; without the restored logarithm the estimate would run to a bound."""
    draw = np.random.default_rng(5)
    shared = draw.standard_normal((1500, 2))
    own = np.sqrt(0.6) * shared.repeat(2, axis=0) + np.sqrt(0.4) * draw.standard_normal((3000, 2))
    codes = torch.from_numpy(np.concatenate([own, draw.standard_normal((3000, 6))], axis=1).astype(np.float32))
    style = Examples("style", np.arange(3000, dtype=np.int64).reshape(-1, 2))
    generator = torch.Generator().manual_seed(0)
    (found,) = fit_concepts(codes, torch.zeros_like(codes), [style], PROFILE, generator).fitted.concepts
    assert found.dimensions == 2
    assert found.rho == pytest.approx(0.6, abs=0.1)
    assert found.within == pytest.approx(0.6, abs=0.15)
    assert found.pairs == 0.8 * 1500


def test_the_same_seed_gives_the_same_bytes(planted: Plant) -> None:
    first, second = (save(fitted(planted, planted.concepts, BRIEF).fitted) for _ in range(2))
    assert first == second
    assert save(fitted(planted, planted.concepts, BRIEF, seed=1).fitted) != first


def test_constants_find_no_pairs_and_too_many_find_no_room(planted: Plant) -> None:
    draw = np.random.default_rng(2)
    noise = [Attribute(f"noise {i}", "numeric", draw.random(N)) for i in range(6)]
    constant = Attribute("constant", "categorical", np.zeros(N))
    result = fitted(planted, [constant, *noise, *planted.concepts], BRIEF)
    kept = {one.name for one in result.fitted.concepts}
    assert {"size", "class"} <= kept
    assert "constant" in result.left_out
    assert len(result.left_out) == 1 + 6 + 2 - len(kept)


def test_a_code_too_short_for_factors_and_no_concepts_at_all() -> None:
    for concepts in ([], [Attribute("size", "numeric", np.arange(60.0))]):
        codes = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
        result = fit_concepts(codes, torch.zeros_like(codes), concepts, BRIEF, torch.Generator().manual_seed(0))
        assert result.fitted.concepts == ()
        assert [factor.name for factor in result.fitted.inn.factors] == ["residual"]


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ShapeError, match="20 rows"):
        fit_concepts(torch.zeros(5, 3), torch.zeros(5, 3), [], BRIEF, torch.Generator())


def test_pairs_that_share_nothing_in_the_code_get_no_factor(planted: Plant) -> None:
    """What the autoencoder lost: a factor of such pairs would hold something else."""
    draw = np.random.default_rng(7)
    lost = Examples("lost", draw.permutation(N)[:800].reshape(-1, 2).astype(np.int64))
    result = fitted(planted, [lost, *planted.concepts], BRIEF)
    assert result.left_out == ("lost",)
    alone = fitted(planted, [lost], BRIEF)
    assert alone.fitted.concepts == ()
