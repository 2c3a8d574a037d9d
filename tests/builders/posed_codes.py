"""Codes of things in four poses, known in closed form: one cell of a small map is lit, where says the pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.audits import SymmetryGroup
from schemas.results import Estimate, InvariantView, Symmetry
from workers.evidence.features import FeatureColumn
from workers.stages.posefree import PoseFree
from workers.symmetry.orbits import Orbit, orbit_of
from workers.symmetry.projections import fit

TAP, SHAPE = "relu_1", (2, 2, 2)


def quarter_turns(shape: tuple[int, ...] = SHAPE) -> Orbit:
    """Of maps ``(c, h, w)``."""
    moves = tuple(lambda values, k=k: np.rot90(values, k, axes=(2, 3)) for k in range(4))
    return orbit_of("c4", "spatial", shape, moves)


@dataclass(frozen=True)
class PosedCodes:
    """``values (n, 2, 2, 2)``: the channel of the kind is lit where the pose says; every kind in every pose."""

    kind: NDArray[np.int64]
    pose: NDArray[np.int64]
    values: NDArray[np.float32]

    @classmethod
    def drawn(cls, n: int = 800, noise: float = 0.0, seed: int = 0) -> PosedCodes:
        """``n`` things, kinds and poses independent of each other."""
        rng = np.random.default_rng(seed)
        kind, pose = rng.integers(2, size=n), rng.integers(4, size=n)
        upright = np.zeros((n, *SHAPE), np.float32)
        upright[np.arange(n), kind, 0, 0] = 1
        upright += noise * rng.standard_normal(upright.shape).astype(np.float32)
        values = np.stack([np.rot90(one, turn, axes=(1, 2)) for one, turn in zip(upright, pose, strict=True)])
        return cls(kind, pose, values)

    @property
    def columns(self) -> list[FeatureColumn]:
        """What it is and how it lies."""
        return [
            FeatureColumn("kind", "categorical", self.kind.astype(float), n_categories=2),
            FeatureColumn("pose", "categorical", self.pose.astype(float), n_categories=4),
        ]

    def projected(self, name: str = "max_filters") -> NDArray[np.float32]:
        """The invariant view ``(n, width)``."""
        return fit(name, quarter_turns(), self.values, self.values[0].size, np.random.default_rng(1))(self.values)


def a_view(*, lossless: bool = True, tap: str = TAP) -> InvariantView:
    """How the screen describes the view of such a tap."""
    return InvariantView(
        tap=tap, group=SymmetryGroup.C4, action="spatial", projection="max_filters", why="Tests need one.", width=24,
        lossless=lossless, exact=True,
    )  # fmt: skip


def a_row(state: str = "exact", *, tap: str = TAP, action: str = "spatial", group: str = "c4", declared: bool = False):
    """A row of the screen."""
    error = Estimate(value=0.0, low=0.0, high=0.01, n=100, method="planted")
    return Symmetry(
        tap=tap, group=SymmetryGroup(group), action=action, error=error, invariance=error, state=state, elements=4,
        declared=declared,
    )  # fmt: skip


def posefree(*, project: bool = False) -> PoseFree:
    """The tap opened, with a projection or without."""
    values = PosedCodes.drawn(noise=0.1).values
    projection = fit("max_filters", quarter_turns(), values, values[0].size, np.random.default_rng(1))
    return PoseFree(a_view(), quarter_turns(), projection if project else None)
