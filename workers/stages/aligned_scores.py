"""Pair scores of a tap's own values with the second of each pair moved to where it is nearest the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray

from schemas.results import Estimate
from workers.classifier.streaming import stream
from workers.concepts.scores import METHOD, Score, sides_score
from workers.stages.classifying import load_taps, open_classifier
from workers.stages.posefree import PoseFree, open_posefree, views_of
from workers.stages.references import load_references
from workers.stages.stage import StageContext
from workers.symmetry.orbits import Orbit

MOST_PAIRS = 1000
"""Of one concept: more would hardly narrow the interval, and each is moved through its whole orbit."""
MOST_IMAGES = 8192
"""Whose values are held at once."""
FEWEST_PAIRS = 3
ALIKE = 0.98
"""Where random pairs agree more than this once they are aligned, all images are one orbit: nothing is left to score."""

Floats = NDArray[np.float32]
Pairs = NDArray[np.int64]


def aligned_scores(context: StageContext, pairs: Mapping[str, Pairs]) -> dict[tuple[str, str], Estimate]:
    """By tap and concept, of the taps that have an invariant view; ``pairs (m, 2)`` of references by concept.

    Raises:
        StageError: the images do not fit the classifier.
    """
    taps = [tap for tap in load_taps(context) if tap.name in views_of(context)]
    if not taps or not pairs:
        return {}
    images = load_references(context).images
    chosen = {name: thinned(rows, pairs_each(len(images), len(pairs))) for name, rows in pairs.items()}
    needed = np.unique(np.concatenate([rows.ravel() for rows in chosen.values()]))
    shards = [shard.outputs.taps for shard in stream(open_classifier(context, taps), images[needed])]
    found = {}
    for tap in taps:
        posefree = open_posefree(context, tap.name, images.shape[1:])
        values = standardised(np.concatenate([shard[tap.name] for shard in shards]), posefree.orbit)
        for name, rows in chosen.items():
            score = aligned_score(
                values, np.searchsorted(needed, rows), posefree, context.rng(tap.name, name, "aligned")
            )
            if score is not None:
                found[tap.name, name] = score
    return found


def pairs_each(images: int, concepts: int) -> int:
    """How many pairs of each concept are aligned, so that no more than :data:`MOST_IMAGES` images are held."""
    return MOST_PAIRS if images <= MOST_IMAGES else min(MOST_PAIRS, MOST_IMAGES // (2 * concepts))


def thinned(pairs: Pairs, most: int) -> Pairs:
    """At most ``most`` of ``pairs``, evenly."""
    return pairs if len(pairs) <= most else pairs[np.linspace(0, len(pairs) - 1, most).astype(np.int64)]


def standardised(values: Floats, orbit: Orbit) -> Floats:
    """Values ``(n, *shape)`` with mean 0 and deviation 1 per unit, over all images in all of their poses.

    Units that a move puts in each other's place get one mean and one deviation: scaled each by itself, a moved value
    would no longer be a value of the tap.
    """
    mean, square = (_over_orbit(part, orbit) for part in (values.mean(axis=0), np.square(values).mean(axis=0)))
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    tiny = 1e-6 * max(float(np.abs(values).max(initial=0.0)), 1e-30)
    return np.asarray((values - mean) / np.where(deviation > tiny, deviation, np.inf), dtype=np.float32)


def _over_orbit(units: Floats, orbit: Orbit) -> Floats:
    """Units ``(*shape)`` averaged over those that the group puts in their place."""
    if orbit.moves:
        return np.asarray(np.mean([move(units[None])[0] for move in orbit.moves], axis=0))
    axes = orbit.nodes or orbit.maps
    return np.broadcast_to(units.mean(axis=axes, keepdims=True), units.shape)


@dataclass(frozen=True)
class _Sides:
    """Two sides of pairs, ``(m, *shape)`` each, and which images they are."""

    first: Floats
    second: Floats
    pairs: Pairs

    def score(self, posefree: PoseFree, rng: np.random.Generator) -> Score:
        """Of the sides with the second moved to the first."""
        moved = posefree.aligned(self.second, to=self.first)
        count = len(self.pairs)
        return sides_score(self.first.reshape(count, -1), moved.reshape(count, -1), self.pairs, rng)


def aligned_score(values: Floats, pairs: Pairs, posefree: PoseFree, rng: np.random.Generator) -> Estimate | None:
    """``s_F`` of ``values (n, *shape)`` after alignment, beyond what alignment gives to random pairs.

    The nearest of many poses is near by choice: random pairs agree too once they are aligned (quarter turns of noise:
    0.23 for a map of 4 x 4, 0.02 for 32 maps of 8 x 8). So the score is ``(s - s0) / (1 - s0)`` with ``s0`` of the same
    images in random pairs: 0 where pairs agree no more than those, 1 where they agree wholly. ``None`` where all images
    are one orbit.
    """
    others = np.stack([pairs[:, 0], rng.permutation(pairs[:, 1])], axis=1)
    others = others[others[:, 0] != others[:, 1]]
    if min(len(pairs), len(others)) < FEWEST_PAIRS:
        return None
    of, by_chance = (
        _Sides(values[rows[:, 0]], values[rows[:, 1]], rows).score(posefree, rng) for rows in (pairs, others)
    )
    return None if by_chance.value > ALIKE else beyond_chance(of, by_chance)


def beyond_chance(score: Score, chance: Score) -> Estimate:
    """``(s - s0) / (1 - s0)``, its interval by the delta method."""
    room = 1 - chance.value
    value = (score.value - chance.value) / room
    margin = hypot(_margin(score) / room, _margin(chance) * (1 - score.value) / room**2)
    return Estimate(
        value=value, low=max(-1.0, value - margin), high=min(1.0, value + margin), level=score.level, n=score.n,
        method=f"{METHOD}; the second of each moved to the first, beyond what that does to random pairs",
    )  # fmt: skip


def _margin(score: Score) -> float:
    return (score.high - score.low) / 2
