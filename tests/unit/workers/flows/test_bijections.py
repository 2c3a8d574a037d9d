"""One list of bijections, one battery. A new layer is one more line of BIJECTIONS."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from workers.flows.actnorm import ActNorm
from workers.flows.coupling import Affine, DoubleCoupling
from workers.flows.inn import ConditionalINN, InnConfig
from workers.flows.linear_gaussian import LinearGaussian
from workers.flows.mixing import LinearMixing, Permutation, Rotation
from workers.flows.spline import RationalQuadratic
from workers.flows.transform import Composition, Transform

CONTEXT = 3


class AsTransform(Transform):
    """A whole INN under the contract of a layer; the condition is the context."""

    def __init__(self, dim: int, config: InnConfig) -> None:
        super().__init__()
        self.inn = ConditionalINN(dim, (CONTEXT,), config)
        self.inn.summary.basis.copy_(torch.eye(CONTEXT))
        self.reads = CONTEXT

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.inn.forward(x, context)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.inn.inverse(y, context)


def small(**changes: object) -> InnConfig:
    return InnConfig(**{"blocks": 3, "hidden": 16, "context": 4, "embed_width": 8, "actnorm": True} | changes)


BIJECTIONS: dict[str, Callable[[int], Transform]] = {
    "actnorm": ActNorm,
    "permutation": Permutation,
    "rotation": Rotation,
    "lu mixing": LinearMixing,
    "linear gaussian": lambda dim: LinearGaussian(dim, CONTEXT, trainable=True),
    "affine coupling": lambda dim: DoubleCoupling(dim, Affine(), hidden=16),
    "spline coupling": lambda dim: DoubleCoupling(dim, RationalQuadratic(5), hidden=16),
    "deep conditioner": lambda dim: DoubleCoupling(dim, Affine(), hidden=16, depth=3),
    "composition": lambda dim: Composition([ActNorm(dim), LinearMixing(dim), ActNorm(dim)]),
    "inn, affine": lambda dim: AsTransform(dim, small()),
    "inn, spline": lambda dim: AsTransform(dim, small(coupling="spline", bins=4)),
    "inn, lu": lambda dim: AsTransform(dim, small(mixing="lu")),
    "inn, trained whitening": lambda dim: AsTransform(dim, small(train_whitening=True)),
}


class Case(NamedTuple):
    transform: Transform
    x: Tensor
    context: Tensor


def build(name: str, dim: int, rows: int, dtype: torch.dtype = torch.float64) -> Case:
    """The bijection away from its identity start, with inputs."""
    torch.manual_seed(1)
    transform = BIJECTIONS[name](dim)
    x, context = torch.randn(rows, dim), torch.randn(rows, transform.reads)
    with torch.no_grad():
        for module in transform.modules():
            if isinstance(module, ActNorm):
                module.initialise(torch.randn(50, dim) * 2 + 1)
        for parameter in transform.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return Case(transform.to(dtype).eval(), x.to(dtype), context.to(dtype))


LEARNED = [name for name in BIJECTIONS if name not in ("permutation", "rotation")]

every_bijection = pytest.mark.parametrize("name", BIJECTIONS)
every_dim = pytest.mark.parametrize("dim", [1, 2, 5, 8])


@every_bijection
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-9)])
@pytest.mark.parametrize("size", [1.0, 3.0, 6.0])
def test_round_trip_on_ordinary_and_extreme_inputs(
    name: str, dtype: torch.dtype, tolerance: float, size: float
) -> None:
    transform, x, context = build(name, 8, 200, dtype)
    y, ladj = transform.run(size * x, context)
    back, back_ladj = transform.inverse(y, context)
    assert (back - size * x).abs().max() < tolerance
    assert (ladj + back_ladj).abs().max() < tolerance
    again, _ = transform.run(transform.inverse(size * x, context)[0], context)
    assert (again - size * x).abs().max() < tolerance


@every_bijection
@every_dim
def test_ladj_is_the_log_determinant_of_the_jacobian(name: str, dim: int) -> None:
    transform, x, context = build(name, dim, 6)
    for direction in (transform.run, transform.inverse):
        _, ladj = direction(x, context)
        assert ladj.shape == (6,)
        for row in range(6):
            at = context[row : row + 1]
            jacobian = torch.autograd.functional.jacobian(lambda v, f=direction, at=at: f(v[None], at)[0][0], x[row])
            assert torch.linalg.slogdet(jacobian).logabsdet == pytest.approx(ladj[row].item(), abs=1e-5)


@every_bijection
@every_dim
def test_a_batch_of_one_equals_the_row_of_a_batch(name: str, dim: int) -> None:
    transform, x, context = build(name, dim, 5)
    y, ladj = transform.run(x, context)
    one, one_ladj = transform.run(x[2:3], context[2:3])
    assert torch.allclose(one[0], y[2], atol=1e-12)
    assert torch.allclose(one_ladj[0], ladj[2], atol=1e-12)


@pytest.mark.parametrize("name", LEARNED)
@every_dim
def test_gradient_reaches_every_parameter(name: str, dim: int) -> None:
    transform, x, context = build(name, dim, 64)
    y, ladj = transform.run(x, context)
    (y.square().sum() * 0.5 - ladj.sum() + y.pow(3).sum()).backward()
    for leaf, parameter in transform.named_parameters():
        if parameter.requires_grad and parameter.numel() and not _unused(leaf, dim):
            assert parameter.grad is not None, leaf
            assert torch.isfinite(parameter.grad).all(), leaf
            assert parameter.grad.abs().sum() > 0, leaf


@every_bijection
def test_saved_and_loaded_it_answers_bit_for_bit(name: str) -> None:
    transform, x, context = build(name, 7, 9, torch.float32)
    torch.manual_seed(99)
    other = BIJECTIONS[name](7).eval()
    other.load_state_dict(transform.state_dict())
    for direction in ("run", "inverse"):
        want, want_ladj = getattr(transform, direction)(x, context)
        got, got_ladj = getattr(other, direction)(x, context)
        assert torch.equal(want, got)
        assert torch.equal(want_ladj, got_ladj)


@pytest.mark.parametrize("name", [n for n in BIJECTIONS if "coupling" in n])
@every_dim
def test_couplings_start_as_the_identity(name: str, dim: int) -> None:
    x, context = 3 * torch.randn(20, dim), torch.randn(20, 1)
    transform = BIJECTIONS[name](dim)
    y, ladj = transform.run(x, context.expand(20, transform.reads))
    assert torch.allclose(y, x, atol=2e-6)
    assert torch.allclose(ladj, torch.zeros(20), atol=2e-5)


@pytest.mark.parametrize("name", [n for n in BIJECTIONS if "coupling" in n])
def test_couplings_change_every_dimension_and_read_the_context(name: str) -> None:
    transform, x, context = build(name, 5, 30)
    y, _ = transform.run(x, context)
    elsewhere, _ = transform.run(x, context + 1)
    assert ((y - x).abs().amax(dim=0) > 1e-3).all()
    assert ((y - elsewhere).abs().amax(dim=0) > 1e-3).all()


def _unused(leaf: str, dim: int) -> bool:
    """Nothing lies below or above the diagonal of a 1 x 1 matrix."""
    return dim == 1 and leaf.endswith(("lower", "upper"))


def test_the_battery_meets_every_transform_of_the_package() -> None:
    built: set[type[nn.Module]] = {type(m) for make in BIJECTIONS.values() for m in make(4).modules()}
    assert set(_subclasses(Transform)) <= built


def _subclasses(parent: type[Transform]) -> list[type[Transform]]:
    return [kind for child in parent.__subclasses__() for kind in (child, *_subclasses(child))]
