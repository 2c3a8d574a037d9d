"""Two sketches define a direction that both lie in, and say how weak that is."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from workers.concepts.pairs import draw_pairs
from workers.concepts.sketch import sketch_concept

DIM = 16


def cloud(centre: Tensor, seed: int, moved: int | None = None) -> Tensor:
    """Augmentations of one sketch; ``moved`` is a dimension that augmentation shifts a lot."""
    noise = 0.05 * torch.randn(100, DIM, generator=torch.Generator().manual_seed(seed))
    if moved is not None:
        noise[:, moved] *= 30
    return centre + noise


def references() -> Tensor:
    return torch.randn(2000, DIM, generator=torch.Generator().manual_seed(0))


def sketches(common: float) -> tuple[Tensor, Tensor]:
    """Centres with ``common`` in dimension 0 and something of their own elsewhere."""
    own = 0.5 * torch.randn(2, DIM, generator=torch.Generator().manual_seed(4))
    own[:, 0] = common
    return own[0], own[1]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_pairs_share_what_both_sketches_show() -> None:
    means = references()
    first, second = sketches(3.0)
    concept = sketch_concept("style", means, cloud(first, 1), cloud(second, 2), rng())
    assert abs(np.corrcoef(concept.values, means[:, 0])[0, 1]) > 0.9
    pairs = draw_pairs([concept], 0, np.arange(2000), 1500, rng())
    values = means[:, 0].numpy()
    assert np.corrcoef(values[pairs[:, 0]], values[pairs[:, 1]])[0, 1] > 0.7
    assert concept.definition == "sketch"


def test_what_augmentation_moves_is_discounted() -> None:
    means = references()
    first, second = sketches(2.0)
    first[1] = second[1] = 2.0
    concept = sketch_concept("style", means, cloud(first, 1, moved=1), cloud(second, 2, moved=1), rng())
    along = [abs(np.corrcoef(concept.values, means[:, i])[0, 1]) for i in (0, 1)]
    assert along[0] > 3 * along[1]


def test_sketches_that_have_nothing_in_common_are_called_out() -> None:
    apart = sketch_concept(
        "style", references(), cloud(torch.eye(DIM)[0] * 3, 1), cloud(torch.eye(DIM)[1] * 3, 2), rng()
    )
    alike = sketch_concept("style", references(), *(cloud(c, i) for i, c in enumerate(sketches(4.0))), rng())
    assert "read nothing into it" in (apart.caution or "")
    assert "read nothing into it" not in (alike.caution or "")
    assert "Two images define it" in (alike.caution or "")
