"""Embedders and summaries: standardised, deterministic, robust to strange conditions."""

from __future__ import annotations

import pytest
import torch

from workers.flows.embedder import SpatialEmbedder, Standardise, VectorEmbedder, embedder_for
from workers.flows.summary import ConditionSummary, principal_axes


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


@pytest.mark.parametrize("shape", [(4,), (0,), (3, 9, 5), (3, 1, 1), (2, 14, 14)])
def test_units_of_the_condition_do_not_matter(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    z = torch.randn(200, *shape)
    embedder = embedder_for(shape, 6, width=8, dropout=0.3, noise=0.5).eval()
    embedder.fit(z)
    plain = embedder(z)
    embedder.fit(1000 * z + 50)
    assert plain.shape == (200, 6)
    assert torch.allclose(embedder(1000 * z + 50), plain, atol=2e-3)


def test_another_rank_is_refused() -> None:
    with pytest.raises(ValueError, match="condition"):
        embedder_for((3, 4), 6, width=8, dropout=0.0, noise=0.0)


def test_constant_dimensions_become_zero_and_far_values_are_clamped() -> None:
    z = torch.randn(500, 3)
    z[:, 1] = 1234.5
    layer = Standardise((3,))
    layer.fit(z)
    out = layer(torch.tensor([[1e9, 9999.0, -1e9]]))
    assert torch.equal(out, torch.tensor([[6.0, 0.0, -6.0]]))


def test_noise_blurs_only_in_training() -> None:
    z = torch.randn(4000, 2)
    layer = Standardise((2,), noise=0.5)
    layer.fit(z)
    assert torch.equal(layer.eval()(z), layer(z))
    assert (layer.train()(z) - layer.eval()(z)).std() == pytest.approx(0.5, rel=0.1)


def test_spatial_standardisation_is_per_channel() -> None:
    z = torch.randn(300, 2, 8, 8) * torch.tensor([1.0, 100.0])[:, None, None]
    embedder = SpatialEmbedder((2, 8, 8), 4)
    embedder.fit(z)
    out = embedder.standardise(z)
    assert torch.allclose(out.std(dim=(0, 2, 3)), torch.ones(2), atol=0.02)


def test_a_map_of_one_pixel_is_standardised_over_rows() -> None:
    z = torch.randn(300, 2, 1, 1) * 9 + 4
    embedder = SpatialEmbedder((2, 1, 1), 4)
    embedder.fit(z)
    assert torch.allclose(embedder.standardise(z).std(dim=0), torch.ones(2, 1, 1), atol=0.01)


def test_no_condition_gives_every_row_the_same_vector() -> None:
    embedder = VectorEmbedder(0, 5, dropout=0.0, noise=0.3).train()
    embedder.fit(torch.zeros(10, 0))
    out = embedder(torch.zeros(10, 0))
    assert torch.equal(out, out[:1].expand(10, 5))


def test_a_short_summary_is_the_standardised_condition() -> None:
    z = 7 * torch.randn(300, 4) + 3
    z[:, 2] = 8.0
    summary = ConditionSummary((4,))
    summary.fit(z, generator())
    out = summary(z)
    assert torch.allclose(out.std(dim=0, correction=0), torch.tensor([1.0, 1.0, 0.0, 1.0]), atol=1e-4)


def test_a_long_summary_finds_the_planted_directions() -> None:
    torch.manual_seed(0)
    factors = torch.randn(400, 3)
    z = factors @ torch.randn(3, 600) + 0.01 * torch.randn(400, 600)
    summary = ConditionSummary((600,), limit=3)
    summary.fit(z, generator())
    found = torch.linalg.lstsq(summary(z), factors - factors.mean(dim=0)).residuals
    assert summary(z).shape == (400, 3)
    assert found.sum() < 0.01 * factors.square().sum()


@pytest.mark.parametrize(("rows", "columns", "count"), [(50, 30, 10), (10, 40, 20), (30, 30, 30)])
def test_principal_axes_match_the_full_decomposition(rows: int, columns: int, count: int) -> None:
    torch.manual_seed(1)
    x = torch.randn(rows, columns, dtype=torch.float64) * torch.linspace(5, 0.1, columns)
    x -= x.mean(dim=0)
    exact = torch.linalg.svdvals(x)[: min(count, rows)]
    found = torch.linalg.vector_norm(x @ principal_axes(x, count, generator()), dim=0)[: len(exact)]
    assert torch.allclose(found, exact, rtol=2e-2, atol=1e-6)


def test_spatial_summaries_are_bounded() -> None:
    assert ConditionSummary((512, 28, 28)).size == 256
    assert ConditionSummary((2048, 7, 7), limit=10_000).size == 2048
    assert ConditionSummary((8, 2, 2)).size == 32
