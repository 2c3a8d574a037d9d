"""Networks on graphs are equivariant: renumbering the nodes renumbers what comes out and changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.random_graphs import graph_arrays
from workers.graphs.config import GraphVaeConfig
from workers.graphs.layers import GraphTrunk, MessagePassing, diagonal
from workers.graphs.packing import pack
from workers.graphs.vae import GraphVae
from workers.graphs.vocabulary import Group, Vocabulary, read_vocabulary
from workers.tensors import ShapeError

M, WIDTH, PAIRS = 6, 8, 4
TINY = GraphVaeConfig(code_dim=3, positions=2, width=16, pair_width=8, encoder_rounds=2, decoder_rounds=2)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def packed(seed: int = 0) -> torch.Tensor:
    found = graph_arrays(5, M, seed=seed)
    return torch.from_numpy(pack(found["nodes"], found["adjacency"], found["mask"])).float() / 255


def renumbered(graphs: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    return graphs[:, order][:, :, order]


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(M)), st.integers(0, 1000))
def test_messages_are_equivariant(order: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    layer, index = MessagePassing(WIDTH, PAIRS).eval(), torch.tensor(order)
    nodes = torch.randn(3, M, WIDTH, generator=seeded(seed))
    pairs = torch.randn(3, M, M, PAIRS, generator=seeded(seed + 1))
    present = (torch.rand(3, M, generator=seeded(seed + 2)) < 0.7).float()
    out, between = layer(nodes, pairs, present)
    moved, moved_pairs = layer(nodes[:, index], renumbered(pairs, index), present[:, index])
    torch.testing.assert_close(moved, out[:, index], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(moved_pairs, renumbered(between, index), atol=1e-5, rtol=1e-4)


def test_absent_nodes_are_not_heard() -> None:
    torch.manual_seed(0)
    layer = MessagePassing(WIDTH, PAIRS).eval()
    nodes, pairs = torch.randn(1, M, WIDTH), torch.randn(1, M, M, PAIRS)
    present = torch.tensor([[1.0, 1, 1, 1, 0, 0]])
    changed = nodes.clone()
    changed[:, 4:] += 1
    here, there = layer(nodes, pairs, present)[0], layer(changed, pairs, present)[0]
    torch.testing.assert_close(here[:, :4], there[:, :4])
    assert not torch.allclose(layer(changed, pairs, torch.ones(1, M))[0][:, :4], here[:, :4])


def test_symmetric_pairs_stay_symmetric() -> None:
    torch.manual_seed(0)
    layer = MessagePassing(WIDTH, PAIRS).eval()
    pairs = torch.randn(2, M, M, PAIRS)
    _, between = layer(torch.randn(2, M, WIDTH), pairs + pairs.transpose(1, 2), torch.ones(2, M))
    torch.testing.assert_close(between, between.transpose(1, 2))


def test_shapes_are_checked() -> None:
    layer = MessagePassing(WIDTH, PAIRS)
    with pytest.raises(ShapeError, match="pairs"):
        layer(torch.zeros(1, M, WIDTH), torch.zeros(1, M, M, PAIRS + 1), torch.ones(1, M))


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(M)))
def test_the_trunk_of_oracles_is_invariant_and_sees_bonds(order: list[int]) -> None:
    torch.manual_seed(1)
    trunk, graphs = GraphTrunk(packed().shape[-1], 10).eval(), packed()
    with torch.no_grad():
        torch.testing.assert_close(trunk(renumbered(graphs, torch.tensor(order))), trunk(graphs), atol=1e-5, rtol=1e-4)
        bare = graphs * torch.eye(M)[None, :, :, None]
        assert not torch.allclose(trunk(bare), trunk(graphs), atol=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(M)))
def test_both_halves_of_the_vae_are_equivariant(order: list[int]) -> None:
    graphs, index = packed(), torch.tensor(order)
    torch.manual_seed(2)
    vae = GraphVae(read_vocabulary((255 * graphs).byte().numpy()), TINY).eval()
    places = torch.randn(len(graphs), M, TINY.positions, generator=seeded(0))
    latents = torch.randn(len(graphs), M, TINY.code_dim, generator=seeded(1))
    with torch.no_grad():
        posterior = vae.posterior(graphs, places)
        again = vae.posterior(renumbered(graphs, index), places[:, index])
        for mine, moved in zip(posterior, again, strict=True):
            torch.testing.assert_close(moved, mine[:, index], atol=1e-5, rtol=1e-4)
        drawn, redrawn = vae.render(latents), vae.render(latents[:, index])
    torch.testing.assert_close(redrawn.presence, drawn.presence[:, index], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(redrawn.nodes, drawn.nodes[:, index], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(redrawn.edges, renumbered(drawn.edges, index), atol=1e-5, rtol=1e-4)
    assert (drawn.edges == drawn.edges.transpose(1, 2)).all()


def test_what_the_channels_hold() -> None:
    found = graph_arrays(60, M, features=3, edges=2)
    graphs = pack(found["nodes"], found["adjacency"], found["mask"])
    kinds = Group("types", 1, 4, (0, 1, 2)), Group("types", 4, 6, (0, 1))
    assert read_vocabulary(graphs) == Vocabulary(M, 6, *kinds, whole=True)
    numbers = pack(found["nodes"] * 0.4, found["adjacency"] * 0.7, found["mask"])
    assert [group.kind for group in (read_vocabulary(numbers).nodes, read_vocabulary(numbers).edges)] == ["numbers"] * 2
    loose = pack(found["nodes"], np.zeros_like(found["adjacency"]), found["mask"])
    assert not read_vocabulary(loose).whole


def test_the_diagonal_is_what_is_said_of_nodes() -> None:
    graphs = packed()
    assert (diagonal(graphs) == torch.stack([graphs[:, i, i] for i in range(M)], dim=1)).all()
