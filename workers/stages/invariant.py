"""Stage ``invariant``: every reference once more through the classifier, each tap as its invariant view.

As in the stage ``latents`` a view goes on in two forms: short for the networks, wide for the probes. What the views are
functions of is fitted on the first shard and kept, so that other stages see new images the same way
(:mod:`workers.stages.posefree`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workers.classifier.streaming import stream
from workers.stages.classifying import load_taps, open_classifier, probabilities_of
from workers.stages.latents import SHARD, Compressor, Standardiser, joined
from workers.stages.posefree import orbit_at, views_of
from workers.stages.references import load_references
from workers.stages.stage import Arrays, Produced, StageContext, pack
from workers.symmetry.orbits import Orbit
from workers.symmetry.projections import Projection, fit, stored
from workers.symmetry.random_poses import in_random_poses

Floats = NDArray[np.float32]


@dataclass
class Viewer:
    """One tap's values as its invariant view; fitted to the first values that it sees."""

    name: str
    orbit: Orbit
    kept: int
    rng: np.random.Generator
    projection: Projection | None = None
    compressor: Compressor = field(init=False)
    standardiser: Standardiser = field(init=False)

    def __post_init__(self) -> None:
        self.compressor, self.standardiser = Compressor(self.kept), Standardiser()

    def __call__(self, values: Floats) -> tuple[Floats, NDArray[np.float16]]:
        """The view of values ``(n, *shape)``: short ``(n, at most kept)``, and wide ``(n, width)``."""
        if self.projection is None:
            self.projection = fit(self.name, self.orbit, values, self.kept, self.rng)
        seen = self.projection(values)
        return self.compressor(seen), self.standardiser(seen)


@dataclass
class Turner:
    """One tap's values in random poses."""

    orbit: Orbit
    rng: np.random.Generator
    standardiser: Standardiser = field(default_factory=Standardiser)

    def __call__(self, values: Floats) -> NDArray[np.float16]:
        """``(n, *shape) -> (n, units)``."""
        return self.standardiser(np.asarray(in_random_poses(self.orbit, values, self.rng), dtype=np.float32))


def run(context: StageContext) -> Produced:
    """``latents`` and ``wide`` as the stage ``latents`` leaves them, of the taps that have an invariant view.

    ``turned``: of the taps whose view may drop more than the pose their own values as ``wide``, each image's in a pose
    drawn at random: these hold all but the pose (:mod:`workers.symmetry.random_poses`). ``projection``: what
    :func:`workers.stages.posefree.open_posefree` needs to see new images that way. The summary
    says how much of each view's variance the short form keeps.

    Raises:
        StageError: the images do not fit the classifier.
    """
    images = load_references(context).images
    views = views_of(context)
    session = open_classifier(context, [tap for tap in load_taps(context) if tap.name in views])
    viewers = {
        name: Viewer(view.projection, orbit_at(context, view, images.shape[1:]), context.budget.condition,
                     context.rng("projection", name))
        for name, view in views.items()
    }  # fmt: skip
    turners = {
        name: Turner(viewers[name].orbit, context.rng("turned", name))
        for name, view in views.items()
        if not view.lossless
    }
    short: list[Arrays] = []
    wide: list[Arrays] = []
    turned: list[Arrays] = []
    for shard in stream(session, images, SHARD):
        seen = {name: viewer(shard.outputs.taps[name]) for name, viewer in viewers.items()}
        probabilities = probabilities_of(session, shard.outputs.logits)
        z = {f"z:{name}": values for name, (values, _) in seen.items()}
        short.append({**z, "logits": shard.outputs.logits, "probabilities": probabilities})
        wide.append({name: values for name, (_, values) in seen.items()})
        turned.append({name: turner(shard.outputs.taps[name]) for name, turner in turners.items()})
        context.report(shard.stop / len(images), f"{shard.stop} of {len(images)} images")
    outputs = {
        "latents": pack(joined(short)), "wide": pack(joined(wide)), "turned": pack(joined(turned)),
        "projection": pack(_fitted(viewers)),
    }  # fmt: skip
    kept = {name: viewer.compressor.kept for name, viewer in viewers.items()}
    return Produced(outputs, {"images": len(images), "variance_kept": kept})


def _fitted(viewers: dict[str, Viewer]) -> Arrays:
    found = (stored(name, viewer.projection) for name, viewer in viewers.items() if viewer.projection is not None)
    return {key: values for state in found for key, values in state.items()}
