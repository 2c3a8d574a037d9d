"""Codes of molecules, as written and without the numbering of their atoms: what each view tells, and how it walks.

The latents of a permutation-equivariant graph VAE are one row per atom. Numbered otherwise, the same molecule has
another code (papers.md 3(a), first example): here are the views that undo it, and the measures that show it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from workers.evidence.bootstrap import Interval, mean_interval, rate_interval, resampling_weights, retained_interval
from workers.evidence.features import FeatureColumn
from workers.evidence.readability import read_features
from workers.graphs.codec import GraphCodec, Latents, latents, render, sorted_flat
from workers.graphs.packing import Packed, permuted, unpack
from workers.symmetry.geodesic import quotient_geodesic, straight
from workers.symmetry.orbits import permutations_of
from workers.symmetry.projections.sliced_sorting import fit_sliced_sorting

from .molecules_data import ATOMS, BONDS
from .neighbours import distances, recognition

RESAMPLES = 1000
FINDING = 1000
"""Molecules among which each is looked for by its own code in another numbering."""
STEPS = 11
VALENCES = (4, 3, 2, 1)
"""Bonds that carbon, nitrogen, oxygen and fluorine have. A few molecules of QM9 carry charges and have more."""

Codes = NDArray[np.float32]
View = Callable[[Codes], Codes]


@dataclass(frozen=True)
class Told:
    """One row of the table; intervals over molecules at 95 %.

    ``recognised``: share of molecules whose nearest code among all those in another numbering is their own.
    ``neighbour_gap``: mean difference of the gap between nearest neighbours, in units of that of random pairs.
    ``information``: share of a property's variance that a cross-fitted probe reads.
    """

    view: str
    width: int
    recognised: Interval
    neighbour_gap: Interval
    information: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class Walk:
    """Walks between codes of random pairs of molecules, decoded at ten even steps; intervals over pairs at 95 %.

    ``length`` of the walk in units of the straight one; ``possible``: share of the molecules on the way in which no
    atom has more bonds than its element allows; ``detour``: atoms and bonds that change on the way beyond those in
    which the ends differ, per walk.
    """

    walk: str
    length: Interval
    possible: Interval
    detour: Interval


class Material:
    """Latents of molecules in two random numberings each.

    Args:
        codec: the fitted graph VAE.
        graphs: packed ``(n, m, m, channels)``.
        properties: ``(n,)`` by name; ``gap`` among them.
        rng: of the second numbering.
    """

    def __init__(
        self, codec: GraphCodec, graphs: Packed, properties: dict[str, NDArray[np.float64]], rng: np.random.Generator
    ) -> None:
        self.codec, self.graphs, self.properties = codec, graphs, properties
        order = rng.permuted(np.tile(np.arange(graphs.shape[1]), (len(graphs), 1)), axis=1)
        self.written, self.renumbered = (_rows(codec, one) for one in (graphs, permuted(graphs, order)))
        self.orbit = permutations_of(self.written.shape[1:], (0,))
        self.weights = resampling_weights(len(graphs), RESAMPLES, np.random.default_rng(0))

    def views(self, rng: np.random.Generator) -> dict[str, View]:
        """Every view by its name in the table."""
        return {
            "as written": lambda rows: rows.reshape(len(rows), -1),
            "mean over atoms": lambda rows: rows.mean(axis=1),
            "sorted along one axis": self._sorted,
            "sorted along many directions": fit_sliced_sorting(self.orbit, self.written, rng),
        }

    def _sorted(self, rows: Codes) -> Codes:
        """The code that the audit's networks see: a cross section, from which the molecule can be drawn again."""
        means = torch.from_numpy(rows)
        found = Latents(means, torch.zeros_like(means), means.square().sum(dim=2) > 0)
        return np.asarray(sorted_flat(found, self.codec.units.direction)[0].numpy())

    def told(self, name: str, view: View, rng: np.random.Generator) -> Told:
        """One row of the table."""
        one, other = view(self.written), view(self.renumbered)
        found = recognition(distances(one[:FINDING], other[:FINDING]))
        return Told(
            name, one.shape[1], rate_interval(found, self.weights[:, :FINDING]), self._neighbour_gap(one),
            self._information(one, rng),
        )  # fmt: skip

    def _neighbour_gap(self, codes: Codes) -> Interval:
        near = distances(codes, codes) + np.diag(np.full(len(codes), np.inf))
        gap = self.properties["gap"]
        apart = np.abs(gap - gap[near.argmin(axis=1)]) / np.abs(gap[:, None] - gap).mean()
        return mean_interval(apart, self.weights)

    def _information(self, codes: Codes, rng: np.random.Generator) -> dict[str, Interval]:
        columns = [FeatureColumn(name, "numeric", values) for name, values in self.properties.items()]
        read = read_features(codes, columns, rng)
        return {name: retained_interval(one.shares, self.weights) for name, one in read.items()}

    def walks(self, pairs: int, rng: np.random.Generator) -> list[Walk]:
        """Measures of :meth:`ways`."""
        ways = self.ways(pairs, rng)
        long = np.linalg.norm((ways["straight"][:, -1] - ways["straight"][:, 0]).reshape(pairs, -1), axis=1)
        weights = resampling_weights(pairs, RESAMPLES, np.random.default_rng(1))
        return [self._walk(name, way, long, weights) for name, way in ways.items()]

    def ways(self, pairs: int, rng: np.random.Generator) -> dict[str, Codes]:
        """Straight walks and quotient-geodesic ones between the same random pairs: ``(pairs, steps, m, d)`` each."""
        a, b = (self.written[rng.permutation(len(self.written))[:pairs]] for _ in range(2))
        return {"straight": straight(a, b, STEPS), "between orbits": quotient_geodesic(self.orbit, a, b, STEPS)}

    def _walk(self, name: str, way: Codes, long: NDArray[np.float64], weights: NDArray[np.float32]) -> Walk:
        drawn = self.drawn(way)
        possible = valences_kept(drawn.reshape(-1, *drawn.shape[2:])).reshape(drawn.shape[:2])
        steps = _differences(drawn[:, 1:], drawn[:, :-1]).sum(axis=1)
        detour = steps - _differences(drawn[:, -1:], drawn[:, :1])[:, 0]
        length = np.linalg.norm((way[:, -1] - way[:, 0]).reshape(len(way), -1), axis=1) / long
        inner = possible[:, 1:-1].mean(axis=1)
        return Walk(name, *(mean_interval(each, weights) for each in (length, inner, detour)))

    def drawn(self, way: Codes) -> Packed:
        """Molecules along walks ``(pairs, steps, m, d)``: ``(pairs, steps, m, m, channels)``, each in its numbering."""
        flat = torch.from_numpy(way.reshape(-1, *way.shape[2:]))
        return render(self.codec.model, flat).reshape(*way.shape[:2], *self.graphs.shape[1:])


def valences_kept(graphs: Packed) -> NDArray[np.bool_]:
    """Whether no atom of packed molecules ``(n, m, m, channels)`` has more bonds than its element allows, ``(n,)``."""
    found = unpack(graphs, len(ATOMS), len(BONDS))
    bonds = (found.adjacency @ np.arange(1, 1 + len(BONDS))).sum(axis=2)
    return np.asarray((bonds <= found.nodes @ np.array(VALENCES) + 1e-6).all(axis=1))


def _differences(graphs: Packed, others: Packed) -> NDArray[np.float64]:
    """Atoms and bonds in which graphs of one numbering differ: ``(pairs, steps)``."""
    differ = (graphs != others).any(axis=-1)  # (pairs, steps, m, m)
    atoms = np.diagonal(differ, axis1=2, axis2=3).sum(axis=2)
    return np.asarray(atoms + (differ.sum(axis=(2, 3)) - atoms) / 2, dtype=np.float64)


def _rows(codec: GraphCodec, graphs: Packed) -> Codes:
    """Mean latents ``(n, m, d)``, zero where there is no atom."""
    found = latents(codec.model, graphs)
    return np.asarray((found.means * found.present[..., None]).numpy())
