"""The reference images of an audit: the canonical dataset, thinned to what the profile allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.intake.reference import load_dataset
from workers.stages.stage import StageContext
from workers.tensors import generator_for


@dataclass(frozen=True)
class References:
    """Images uint8 ``(n, h, w, c)``, labels int64 ``(n,)`` if any, attribute columns float64 ``(n,)`` as declared.

    ``concepts`` in the order of the dataset's: pairs ``(m, 2)`` of these very rows, or two sketches ``(2, h, w, c)``.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    columns: tuple[NDArray[np.float64], ...]
    concepts: tuple[NDArray[np.int64] | NDArray[np.uint8], ...] = ()

    def __len__(self) -> int:
        return len(self.images)


def load_references(context: StageContext) -> References:
    """The images that every stage of this audit works on, in one shuffled order that depends on the seed alone."""
    data = load_dataset(context.blob("dataset"))
    chosen = choose(len(data.images), context.budget.images, context.request.seed)
    labels = None if data.labels is None else data.labels[chosen]
    columns = tuple(values[chosen] for values in data.columns)
    concepts = tuple(_moved(shown, chosen, len(data)) if shown.ndim == 2 else shown for shown in data.concepts)
    return References(data.images[chosen], labels, columns, concepts)


def choose(available: int, limit: int, seed: int) -> NDArray[np.int64]:
    """At most ``limit`` of ``available`` row numbers, shuffled; the same for every stage of an audit."""
    source = np.random.default_rng(generator_for(seed, "references").initial_seed())
    return source.permutation(available)[:limit].astype(np.int64)


def _moved(pairs: NDArray[Any], chosen: NDArray[np.int64], available: int) -> NDArray[np.int64]:
    """Pairs of rows of the whole dataset as rows of the references; without those that were not chosen."""
    place = np.full(available, -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    moved = place[pairs]
    return np.asarray(moved[(moved >= 0).all(axis=1)])


def random_rows(available: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """``count`` row numbers, ascending: estimates are over the references as they are, not over classes in turn."""
    return np.sort(rng.permutation(available)[:count]).astype(np.int64)


def rows_along(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """``count`` rows of ``values (n, ...)`` from the 5th to the 95th percentile, along where the values vary most."""
    centred = values.reshape(len(values), -1) - values.reshape(len(values), -1).mean(axis=0)
    place = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    picked = np.linspace(0.05, 0.95, count) * (len(values) - 1)
    return np.argsort(place, kind="stable")[picked.round().astype(np.int64)].astype(np.int64)


def spread_rows(classes: NDArray[Any], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """``count`` row numbers that take the classes in turn, so that a sheet shows them all; ascending."""
    order = rng.permutation(len(classes))
    rank = np.empty(len(classes), dtype=np.int64)
    seen: dict[Any, int] = {}
    for row in order:
        rank[row] = seen.get(classes[row], 0)
        seen[classes[row]] = rank[row] + 1
    chosen = order[np.argsort(rank[order], kind="stable")][:count]
    return np.sort(chosen).astype(np.int64)
