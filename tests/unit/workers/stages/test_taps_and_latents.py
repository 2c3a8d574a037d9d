"""Thinning of taps and compression of wide ones."""

from __future__ import annotations

import numpy as np
import pytest

from workers.classifier.selection import Tap
from workers.stages.latents import Compressor
from workers.stages.taps import thin


def tap(name: str, depth: float) -> Tap:
    return Tap(name, name, "logits" if name == "logits" else "hidden", depth, "Relu", (8,))


FOUND = [tap("a", 0.2), tap("b", 0.4), tap("c", 0.6), tap("d", 0.8), tap("logits", 1.0)]


@pytest.mark.parametrize(
    ("hidden", "kept"), [(1, ["d"]), (2, ["b", "d"]), (3, ["a", "c", "d"]), (9, ["a", "b", "c", "d"])]
)
def test_thin_keeps_the_last_hidden_tap_and_the_logits(hidden: int, kept: list[str]) -> None:
    assert [tap.name for tap in thin(FOUND, hidden)] == [*kept, "logits"]


def test_compressor_leaves_short_vectors_alone() -> None:
    values = np.random.default_rng(0).normal(size=(50, 4, 2)).astype(np.float32)
    assert np.array_equal(Compressor(8)(values), values.reshape(50, 8))


def test_compressor_keeps_what_varies_and_uses_one_basis_for_all_shards() -> None:
    rng = np.random.default_rng(0)
    factors, loadings = rng.normal(size=(300, 3)), rng.normal(size=(3, 400))
    values = (factors @ loadings).astype(np.float32)
    compress = Compressor(8)
    first, second = compress(values[:200]), compress(values[200:])
    assert compress.kept == pytest.approx(1.0, abs=1e-3)
    gram = np.concatenate([first, second])
    distance = np.linalg.norm(values[0] - values[250])
    assert np.linalg.norm(gram[0] - gram[250]) == pytest.approx(distance, rel=1e-2)
