"""The INN as a density, a sampler and a thing to save."""

from __future__ import annotations

import json
import math

import pytest
import torch

from workers.flows.inn import ConditionalINN, InnConfig
from workers.tensors import ShapeError
from workers.training.checkpoints import CheckpointError, from_bytes, to_bytes

SMALL = InnConfig(blocks=2, hidden=16, context=8, embed_width=8)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stirred(shape: tuple[int, ...] = (3,), config: InnConfig = SMALL) -> ConditionalINN:
    torch.manual_seed(4)
    inn = ConditionalINN(5, shape, config).eval()
    inn.summary.fit(torch.randn(50, *shape), seeded(0))
    inn.embedder.fit(torch.randn(50, *shape))
    with torch.no_grad():
        for parameter in inn.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return inn


def test_untrained_nll_of_standard_normal_codes_is_their_entropy() -> None:
    inn = ConditionalINN(16, (2,), SMALL).eval()
    code = torch.randn(20_000, 16, generator=seeded(0))
    nll = inn.nll(code, torch.zeros(20_000, 2))
    entropy = 16 / 2 * math.log(2 * math.pi * math.e)
    assert abs(float(nll.mean()) - entropy) < 4 * math.sqrt(16 / 2 / 20_000)


@pytest.mark.parametrize("coupling", ["affine", "spline"])
def test_the_density_integrates_to_one(coupling: str) -> None:
    torch.manual_seed(2)
    inn = ConditionalINN(2, (1,), InnConfig(blocks=2, hidden=16, context=4, coupling=coupling)).double().eval()
    with torch.no_grad():
        for parameter in inn.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    axis = torch.linspace(-12, 12, 481, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    density = (-inn.nll(grid, torch.ones(len(grid), 1, dtype=torch.float64))).exp().sum() * 0.05**2
    assert float(density) == pytest.approx(1.0, abs=5e-3)


@pytest.mark.parametrize("shape", [(3,), (0,), (2, 5, 4)])
def test_samples_are_inverses_of_their_draws(shape: tuple[int, ...]) -> None:
    inn = stirred(shape)
    z = torch.randn(4, *shape, generator=seeded(1))
    samples = inn.sample(z, 6, seeded(2))
    assert samples.shape == (4, 6, 5)
    v = inn.v_for(samples.reshape(24, 5), z.repeat_interleave(6, dim=0))
    assert torch.allclose(v, torch.randn(24, 5, generator=seeded(2)), atol=1e-4)
    assert torch.equal(inn.sample(z, 6, seeded(2)), samples)


def test_sampling_in_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    inn, z = stirred(), torch.randn(10, 3)
    whole = inn.sample(z, 7, seeded(0))
    monkeypatch.setattr("workers.flows.inn._ROWS", 16)
    assert torch.allclose(inn.sample(z, 7, seeded(0)), whole, atol=1e-5)


def test_no_rows_give_no_rows() -> None:
    inn = stirred()
    assert inn.sample(torch.zeros(0, 3), 4, seeded(0)).shape == (0, 4, 5)
    assert inn.sample(torch.zeros(2, 3), 0, seeded(0)).shape == (2, 0, 5)
    assert inn.nll(torch.zeros(0, 5), torch.zeros(0, 3)).shape == (0,)


def test_extreme_codes_and_conditions_stay_invertible() -> None:
    inn = stirred(config=InnConfig(blocks=8, hidden=64, context=16))
    code, z = torch.randn(500, 5), 6 * torch.randn(500, 3)
    for size in (1.0, 3.0, 6.0):
        v, ladj = inn(size * code, z)
        assert torch.isfinite(ladj).all()
        assert (inn.inverse(v, z)[0] - size * code).abs().max() < 1e-4


@pytest.mark.parametrize(
    "config",
    [SMALL, InnConfig(blocks=2, coupling="spline", mixing="lu"), InnConfig(blocks=1, actnorm=True, mixing="rotation")],
)
def test_saved_and_rebuilt_from_its_header_it_answers_bit_for_bit(config: InnConfig) -> None:
    inn = ConditionalINN(5, (2, 4, 4), config)
    code, z = torch.randn(30, 5), torch.randn(30, 2, 4, 4)
    inn.body.initialise(code, inn.embed(z).couplings)
    header, state = inn.eval().state()
    data = to_bytes(state, header)
    random_state = torch.get_rng_state()
    copy = ConditionalINN.from_state(*from_bytes(data))
    assert torch.equal(torch.get_rng_state(), random_state)
    assert copy.config == config
    for ours, theirs in zip(inn(code, z), copy(code, z), strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(inn.sample(z, 3, seeded(0)), copy.sample(z, 3, seeded(0)))
    assert to_bytes(copy.state()[1], copy.state()[0]) == data


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other/1"},
        {"code_dim": 6},
        {"condition_shape": [4]},
        {"config": {"blocks": 3}},
        {"config": {"layers": 3}},
        {"config": {"mixing": "stir"}},
        {"code_dim": None},
    ],
)
def test_a_header_that_does_not_fit_is_refused(change: dict[str, object]) -> None:
    header, state = stirred().state()
    with pytest.raises(CheckpointError):
        ConditionalINN.from_state(json.loads(json.dumps(header)) | change, state)


def test_wrong_shapes_are_named() -> None:
    inn = stirred()
    with pytest.raises(ShapeError, match="code"):
        inn(torch.zeros(2, 4), torch.zeros(2, 3))
    with pytest.raises(ShapeError, match="v must"):
        inn.inverse(torch.zeros(2, 4), torch.zeros(2, 3))
    with pytest.raises(ShapeError, match="z must"):
        inn(torch.zeros(2, 5), torch.zeros(2, 2))


def test_evaluation_ignores_the_noise_of_training() -> None:
    inn = ConditionalINN(4, (3,), InnConfig(blocks=1, dropout=0.5, noise=1.0)).eval()
    code, z = torch.randn(6, 4), torch.randn(6, 3)
    assert torch.equal(inn.nll(code, z), inn.nll(code, z))
