"""The graph VAE as a codec: one code for all numberings, valid graphs from any code, and molecules that come back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from deploy.examples.molecules_data import load_qm9
from tests.builders.random_graphs import graph_arrays
from workers.graphs.bridges import bridged
from workers.graphs.checkpoint import load, save
from workers.graphs.config import GraphVaeConfig
from workers.graphs.drawn import most_likely
from workers.graphs.fit import FittedGraphVae, fit_graph_vae
from workers.graphs.packing import Packed, pack, permuted, valid
from workers.graphs.statistics import components, rings
from workers.graphs.vae import Drawn
from workers.graphs.vocabulary import read_vocabulary
from workers.training.checkpoints import CheckpointError, from_bytes, to_bytes

TINY = replace(GraphVaeConfig.for_graphs(8), steps=40, batch=32, width=24, pair_width=12)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def typed(n: int = 120, scale: float = 1.0) -> Packed:
    found = graph_arrays(n)
    return pack(found["nodes"] * scale, found["adjacency"] * scale, found["mask"])


@pytest.fixture(scope="module")
def fitted() -> FittedGraphVae:
    return fit_graph_vae(typed(), TINY, generator())


@pytest.fixture(scope="module")
def molecules() -> Packed:
    found = load_qm9(800, 3)
    return pack(found.nodes, found.adjacency, found.mask)


def test_most_molecules_come_back_as_they_were(molecules: Packed) -> None:
    """Of molecules it has not seen, after some seconds of training."""
    config = replace(GraphVaeConfig.for_graphs(9), steps=240, beta=0.02, batch=32)
    quality = fit_graph_vae(molecules, config, generator()).quality
    assert quality.exact > 0.3
    assert quality.nodes > 0.98
    assert quality.edges > 0.85


def test_the_code_does_not_depend_on_the_numbering(fitted: FittedGraphVae) -> None:
    graphs = typed()
    order = np.argsort(np.random.default_rng(0).random(graphs.shape[:2]), axis=1)
    (means, stds), (again, widths) = (fitted.codec.encode(each) for each in (graphs, permuted(graphs, order)))
    torch.testing.assert_close(again, means, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(widths, stds, atol=1e-3, rtol=1e-3)


def test_the_order_of_rows_decides_nothing_but_the_numbering(fitted: FittedGraphVae) -> None:
    """What is drawn from rows in another order is the same graph with its nodes in that order."""
    rows, order = torch.randn(6, 8, TINY.code_dim, generator=generator(1)), torch.randperm(8, generator=generator(2))
    model = fitted.codec.model
    with torch.no_grad():
        drawn, moved = (most_likely(model.vocabulary, model.render(each)) for each in (rows, rows[:, order]))
    assert (moved == permuted(drawn, order.expand(6, 8).numpy())).all()


def test_codes_are_standardised_and_even_in_number(fitted: FittedGraphVae) -> None:
    means, stds = fitted.codec.encode(typed())
    assert means.shape == stds.shape == (120, len(fitted.noise_share))
    assert means.shape[1] % 2 == 0
    assert means.mean(dim=0).abs().max() < 0.3
    assert (means.std(dim=0) - 1).abs().max() < 0.3


@pytest.mark.parametrize("scale", [1.0, 0.6])
def test_every_code_is_a_valid_graph(fitted: FittedGraphVae, scale: float) -> None:
    """Types as well as numbers; where all references are in one piece so is what is drawn."""
    graphs = typed(scale=scale)
    codec = fitted.codec if scale == 1 else fit_graph_vae(graphs, replace(TINY, steps=5), generator()).codec
    drawn = codec.decode(4 * torch.randn(300, codec.encode(graphs)[0].shape[1], generator=generator(3)))
    assert valid(drawn, 2).all()
    assert (components(drawn) == 1).all()
    assert np.isin(drawn, (0, 255)).all() == (scale == 1)


def test_parts_are_joined_by_the_likeliest_edge_and_no_ring_is_closed() -> None:
    found = graph_arrays(1, 6)
    mask, adjacency = np.ones((1, 6), bool), np.zeros((1, 6, 6, 2), bool)
    for i, j in ((0, 1), (1, 2), (0, 2), (3, 4)):
        adjacency[0, i, j, 0] = adjacency[0, j, i, 0] = True
    nodes = np.eye(3)[np.zeros((1, 6), int)]
    graphs = pack(nodes, adjacency, mask)
    likely = np.full((1, 6, 6), -5.0, np.float32)
    likely[0, 2, 4] = likely[0, 4, 2] = -1
    likely[0, 5, 3] = likely[0, 3, 5] = -2
    other = np.zeros_like(graphs)
    other[..., -1] = 255
    joined = bridged(graphs, likely, other)
    added = np.argwhere(np.triu((joined != graphs).any(axis=3)[0]))
    assert added.tolist() == [[2, 4], [3, 5]]
    assert (joined[0, 2, 4] == other[0, 2, 4]).all()
    assert rings(joined) == rings(graphs) == 1
    assert found["mask"].any()


def test_types_that_no_reference_has_are_never_drawn() -> None:
    found = graph_arrays(40)
    wider = np.concatenate([found["nodes"], np.zeros((40, 8, 1), bool)], axis=2)
    vocabulary = read_vocabulary(pack(wider, found["adjacency"], found["mask"]))
    logits = torch.zeros(5, 8, len(vocabulary.nodes))
    logits[..., 3] = 9
    drawn = most_likely(vocabulary, Drawn(torch.ones(5, 8), logits, torch.zeros(5, 8, 8, 3)))
    assert not drawn[..., 4].any()
    assert valid(drawn, 2).all()


def test_a_graph_always_has_a_node(fitted: FittedGraphVae) -> None:
    nobody = torch.full((2, 8), -4.0)
    nobody[1, 5] = -3
    drawn = most_likely(fitted.codec.model.vocabulary, Drawn(nobody, torch.zeros(2, 8, 3), torch.zeros(2, 8, 8, 3)))
    present = drawn[:, np.arange(8), np.arange(8), 0] > 0
    assert present.sum(axis=1).tolist() == [1, 1]
    assert present[1, 5]


def test_a_checkpoint_reads_and_draws_as_before(fitted: FittedGraphVae) -> None:
    again = load(save(fitted))
    assert save(again) == save(fitted)
    assert again.quality == fitted.quality
    codes = fitted.codec.encode(typed())[0]
    assert (again.codec.encode(typed())[0] == codes).all()
    assert (again.codec.decode(codes) == fitted.codec.decode(codes)).all()


def test_damaged_and_foreign_checkpoints_are_refused(fitted: FittedGraphVae) -> None:
    header, state = from_bytes(save(fitted))
    with pytest.raises(ValueError, match=r"expected scotoma\.graph_vae"):
        load(to_bytes(state, header | {"format": "other"}))
    del state["units.scale"]
    with pytest.raises(CheckpointError, match="scale"):
        load(to_bytes(state, header))


def test_images_and_too_few_graphs_are_refused() -> None:
    for images in (np.zeros((20, 8, 8, 3), np.uint8), typed(4), typed().astype(np.float32)):
        with pytest.raises(ValueError, match="packed graphs"):
            fit_graph_vae(images, TINY, generator())  # type: ignore[arg-type]


def test_large_graphs_come_in_smaller_batches() -> None:
    assert GraphVaeConfig.for_graphs(9).batch == 64
    assert GraphVaeConfig.for_graphs(32).batch == 16
    assert GraphVaeConfig.for_graphs(500).batch == 8
    with pytest.raises(ValueError, match="held_out"):
        GraphVaeConfig(held_out=1)
