"""A tap without its pose, opened in any stage: project, align along orbits, measure between orbits.

    free = open_posefree(context, "conv2", references.images.shape[1:])
    free.distance(values, others)      # (n,) min over g of |a - g b|: what to compare re-encoded samples by
    free.aligned(values, to=others)    # (n, *shape): each value moved along its orbit to nearest its partner
    free.project(values)               # (n, width): the invariant view of new images' values

The first two need the input ``symmetry`` (JSON of the stage of that name) alone; ``project`` also the input
``projection`` of the stage ``invariant``. Values are the tap's own as ``ClassifierSession.run(...).taps[tap]`` gives
them, ``(n, *shape)``, unscaled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from schemas.results import InvariantView
from workers.classifier.pooling import pooled_shape
from workers.classifier.selection import Tap
from workers.stages.classifying import load_taps
from workers.stages.stage import StageContext
from workers.symmetry.groups import Element, Group, Shape, group_for
from workers.symmetry.motions import Shift, Turn
from workers.symmetry.orbits import Orbit, Values, orbit_of, permutations_of, shifts_of
from workers.symmetry.projections import Projection, load
from workers.symmetry.quotient import aligned, quotient_distance
from workers.symmetry.tap_actions import NODES, act_on_tap, map_axes, node_axes

Floats = NDArray[np.float32]
EVEN_TURNS = 16


@dataclass(frozen=True)
class PoseFree:
    """One viewed tap: ``view`` says which projection and why, ``orbit`` how the group moves the tap's values."""

    view: InvariantView
    orbit: Orbit
    projection: Projection | None

    def project(self, values: Floats) -> Floats:
        """The invariant view ``(n, width)`` of values ``(n, *shape)``.

        Raises:
            ValueError: the stage has no input ``projection``.
        """
        if self.projection is None:
            raise ValueError(f"the stage has no input 'projection' to project {self.view.tap!r} with")
        return self.projection(values)

    def aligned(self, values: Floats, to: Floats) -> Floats:
        """Each of ``values (n, *shape)`` moved along its orbit to where it is nearest its partner in ``to``."""
        return np.asarray(aligned(self.orbit, values, to), dtype=np.float32)

    def distance(self, values: Floats, others: Floats) -> NDArray[np.float64]:
        """Quotient distance of each pair, ``(n,)``."""
        return quotient_distance(self.orbit, values, others)


def views_of(context: StageContext) -> dict[str, InvariantView]:
    """The invariant views that the stage ``symmetry`` chose, by tap; none where the stage lacks that input."""
    if "symmetry" not in context.request.inputs:
        return {}
    found = [InvariantView.model_validate(view) for view in context.json("symmetry")["views"]]
    return {view.tap: view for view in found}


def open_posefree(context: StageContext, tap: str, size: tuple[int, ...]) -> PoseFree:
    """The view of ``tap`` as the stages ``symmetry`` and ``invariant`` left it; ``size`` of an image, ``(h, w, c)``.

    Raises:
        KeyError: the tap has no invariant view.
    """
    view = views_of(context)[tap]
    orbit = orbit_at(context, view, size)
    stored = context.arrays("projection") if "projection" in context.request.inputs else None
    return PoseFree(view, orbit, None if stored is None else load(view.projection, tap, orbit, stored))


def orbit_at(context: StageContext, view: InvariantView, size: tuple[int, ...]) -> Orbit:
    """How the group of ``view`` moves the values of its tap; ``size`` of an image, ``(h, w, c)``."""
    described = {one.name: one for one in load_taps(context)}[view.tap]
    return tap_orbit(view.group.value, view.action, values_shape(described), size)


def values_shape(tap: Tap) -> tuple[int, ...]:
    """Shape of one image's values as a session gives them: large maps come pooled."""
    return pooled_shape(tap.shape, nodes=tap.nodes)


def tap_orbit(group: str, action: str, shape: tuple[int, ...], size: tuple[int, ...]) -> Orbit:
    """How ``group`` moves values ``(n, *shape)`` of a tap under ``action``, of images ``(h, w, c)``.

    Raises:
        ValueError: the group has no such action on such a tap.
    """
    height, width, channels = size
    axes = map_axes(shape, (height, width))
    if action == NODES:
        return permutations_of(shape, node_axes(shape, height))
    if group == "translations" and axes:
        return shifts_of(shape, axes)
    known = _elements(group, (height, width, channels))
    moves = tuple(partial(_moved, known, element, action, (height, width)) for element in known.elements)
    return orbit_of(group, action, shape, moves, axes or (1, 2))


def _elements(group: str, size: Shape) -> Group:
    """Those of the screen; of SO(2) evenly spaced angles, which unlike the screen's sample are nearly a group."""
    if group != "so2":
        return group_for(group, size, np.random.default_rng(0))  # only orders of nodes are drawn
    turns = [Turn(360 / EVEN_TURNS * k) for k in range(1, EVEN_TURNS)]
    others = (Element(str(turn), turn, turn.quarters is not None) for turn in turns)
    return Group("so2", (Element("identity", Shift(0, 0)), *others), complete=False)


def _moved(group: Group, element: Element, action: str, size: tuple[int, int], values: Values) -> Values:
    return np.asarray(act_on_tap(group, element, action, values, size))
