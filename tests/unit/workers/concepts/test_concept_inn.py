"""The concept INN is a bijection with a right log-determinant, starts linear, and survives storage."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from workers.concepts.checkpoint import FittedConcept, FittedConcepts, load, save
from workers.concepts.model import ConceptINN, factors_of
from workers.flows.inn import InnConfig
from workers.tensors import ShapeError
from workers.training.checkpoints import CheckpointError

SMALL = InnConfig(blocks=3, hidden=16)


def network(dim: int = 7, config: InnConfig = SMALL, trained: bool = True) -> ConceptINN:
    """``trained``: couplings that do something."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        inn = ConceptINN(dim, factors_of(["a"], [min(2, dim - 1)], [0.9], dim), config).eval()
        for name, leaf in inn.named_parameters():
            if trained and "last" in name:
                nn.init.normal_(leaf, std=0.3)
    return inn


@settings(max_examples=20, deadline=None)
@given(dim=st.integers(2, 12), scale=st.sampled_from([0.1, 1.0, 30.0]), n=st.integers(1, 5))
def test_round_trip(dim: int, scale: float, n: int) -> None:
    codes = scale * torch.randn(n, dim, generator=torch.Generator().manual_seed(n))
    inn = network(dim)
    with torch.no_grad():
        e, there = inn(codes)
        back, again = inn.inverse(e)
    assert float((back - codes).abs().max()) < 1e-4 * max(1.0, scale)
    torch.testing.assert_close(there, -again, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("coupling", ["affine", "spline"])
def test_the_log_determinant_is_that_of_the_jacobian(coupling: str) -> None:
    inn = network(5, InnConfig(blocks=2, hidden=16, coupling=coupling)).double()  # type: ignore[arg-type]
    code = torch.randn(5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    jacobian = torch.autograd.functional.jacobian(lambda x: inn(x[None])[0][0], code)
    with torch.no_grad():
        found = float(inn(code[None])[1])
    # The rotation is orthogonal to float32 only.
    assert found == pytest.approx(float(torch.linalg.slogdet(jacobian)[1]), abs=1e-6)


def test_before_training_it_is_the_rotation_of_the_whitened_code() -> None:
    inn = network(trained=False)
    codes = torch.randn(4, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(inn.encode(codes), codes @ inn.rotation.matrix.T)


def test_factors_cover_the_code() -> None:
    found = factors_of(["hue", "size"], [4, 2], [0.9, 0.8], 10)
    assert [(one.name, one.start, one.stop) for one in found] == [("hue", 0, 4), ("size", 4, 6), ("residual", 6, 10)]
    codes = torch.randn(3, 10, generator=torch.Generator().manual_seed(0))
    inn = ConceptINN(10, found, SMALL)
    torch.testing.assert_close(torch.cat([inn.read(codes, one.name) for one in found], 1), inn.encode(codes))
    with pytest.raises(KeyError):
        inn.read(codes, "colour")


@pytest.mark.parametrize(("names", "sizes"), [(["a", "b"], [2, 2]), (["a", "a"], [1, 1]), (["residual"], [2])])
def test_refused_layouts(names: list[str], sizes: list[int]) -> None:
    with pytest.raises(ValueError):
        factors_of(names, sizes, [0.9] * len(names), 4)


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ShapeError):
        network()(torch.zeros(2, 6))
    with pytest.raises(ShapeError):
        network().inverse(torch.zeros(7))


def test_storage_is_bit_for_bit() -> None:
    inn = network()
    known = FittedConcept("a", "attribute", 10, 2, 0.9, None, {"residual": 0.1}, "weak")
    data = save(FittedConcepts(inn, (known,), 3.5, 4.5))
    found = load(data)
    codes = torch.randn(4, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(found.inn.encode(codes), inn.encode(codes))
    assert found.inn.factors == inn.factors
    assert found.concepts == (known,)
    assert (found.nll, found.nll_linear) == (3.5, 4.5)
    assert save(found) == data


@pytest.mark.parametrize("data", [b"", b"{}", save(FittedConcepts(network(), (), 0.0, 0.0))[:-5]])
def test_damaged_bytes(data: bytes) -> None:
    with pytest.raises(CheckpointError):
        load(data)
