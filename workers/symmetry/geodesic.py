"""Walks from one value to another: straight, and the shortest between their orbits (papers.md 3(a)).

A straight line between the codes of two things in different poses passes through codes of nothing: half of one pose
mixed with half of another. Moved along its orbit to where it is nearest the first, the second is reached by a straight
line that is also a shortest path between the orbits, where the group keeps lengths.
"""

from __future__ import annotations

import numpy as np

from .orbits import Orbit, Values
from .quotient import aligned


def straight(start: Values, end: Values, steps: int) -> Values:
    """Evenly spaced points from ``start (n, *shape)`` to ``end``, both included: ``(n, steps, *shape)``."""
    share = np.linspace(0, 1, steps, dtype=start.dtype).reshape(1, steps, *[1] * (start.ndim - 1))
    return np.asarray(start[:, None] * (1 - share) + end[:, None] * share)


def quotient_geodesic(orbit: Orbit, start: Values, end: Values, steps: int) -> Values:
    """From ``start (n, *shape)`` to the point of ``end``'s orbit nearest it: ``(n, steps, *shape)``.

    Of scalars of nodes it is the straight line between the sorted values. Where alignment is an upper bound alone
    (values of pairs of nodes), so is the length of this path.
    """
    return straight(start, aligned(orbit, end, to=start), steps)
