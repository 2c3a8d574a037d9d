"""Distances between orbits instead of values: ``d([a], [b]) = min_g |a - g b|`` (papers.md 3(a)).

A group that only puts entries elsewhere keeps lengths, and then this is a metric on orbits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.optimize import linear_sum_assignment

from .node_rows import node_rows, permuted
from .orbits import Orbit, Values

Align = Callable[[Values, Values], Values]


def aligned(orbit: Orbit, values: Values, to: Values) -> Values:
    """Each of ``values (n, *shape)`` moved along its orbit to where it is nearest its partner in ``to (n, *shape)``.

    Exact for listed elements, circular shifts, and nodes with one scalar (sorting) or one row each (linear assignment).
    Where pairs of nodes carry values no fast method is known (graph matching): the nodes are then matched by what they
    are and what is around them, and the distance is an upper bound.

    Raises:
        ValueError: the shapes differ from each other or from the orbit's.
    """
    if values.shape != to.shape or values.shape[1:] != orbit.shape:
        raise ValueError(f"values {values.shape} and {to.shape} must both have shape (n, {orbit.shape})")
    if orbit.nodes:
        return _nodes_aligned(orbit, values, to)
    return _listed_aligned(orbit, values, to) if orbit.moves else _shift_aligned(orbit, values, to)


def quotient_distance(orbit: Orbit, values: Values, others: Values) -> NDArray[np.float64]:
    """``min_g |a - g b|`` of each pair, ``(n,)``; never more than ``|a - b|``."""
    return _apart(values, aligned(orbit, others, values))


def _apart(values: Values, others: Values) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm((values.astype(np.float64) - others).reshape(len(values), -1), axis=1))


def _listed_aligned(orbit: Orbit, values: Values, to: Values) -> Values:
    nearest, least = values, _apart(values, to)
    for move in orbit.moves[1:]:
        moved = move(values)
        apart = _apart(moved, to)
        better = apart < least
        nearest = np.where(better.reshape(-1, *[1] * len(orbit.shape)), moved, nearest)
        least = np.where(better, apart, least)
    return nearest


def _shift_aligned(orbit: Orbit, values: Values, to: Values) -> Values:
    """The shift of the largest correlation ``sum_x a(x) b(x - s)``; all shifts at once by FFT."""
    height, width = orbit.positions
    planes = orbit.planes(values)  # (n, c, h, w)
    spectrum = (fft.rfft2(orbit.planes(to)) * np.conj(fft.rfft2(planes))).sum(axis=1)
    best = fft.irfft2(spectrum, s=(height, width)).reshape(len(values), -1).argmax(axis=1)
    down, right = np.divmod(best, width)
    rows = (np.arange(height) - down[:, None]) % height  # (n, h)
    columns = (np.arange(width) - right[:, None]) % width  # (n, w)
    index = np.arange(len(values))[:, None, None]
    moved = planes.transpose(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]]  # (n, h, w, c)
    return orbit.unplaned(moved.transpose(0, 3, 1, 2))


def _nodes_aligned(orbit: Orbit, values: Values, to: Values) -> Values:
    mine, theirs = node_rows(orbit, values), node_rows(orbit, to)  # (n, nodes, d)
    matching = _ranks if mine.shape[2] == 1 else _assignments
    moved = permuted(orbit, values, matching(mine, theirs))
    worse = _apart(moved, to) > _apart(values, to)  # only possible where pairs of nodes carry values
    return np.where(worse.reshape(-1, *[1] * len(orbit.shape)), values, moved)


def _ranks(mine: Values, theirs: Values) -> NDArray[np.int64]:
    """Rearrangement inequality: the smallest scalar to where the smallest is, and so on; ``(n, nodes)``."""
    ranks = np.argsort(np.argsort(theirs[..., 0], axis=1, kind="stable"), axis=1, kind="stable")
    return np.take_along_axis(np.argsort(mine[..., 0], axis=1, kind="stable"), ranks, axis=1)


def _assignments(mine: Values, theirs: Values) -> NDArray[np.int64]:
    """For each place the row that goes there, at the least sum of squared distances; ``(n, nodes)``."""
    costs = -np.einsum("nid,njd->nij", theirs.astype(np.float64), mine.astype(np.float64))
    return np.stack([linear_sum_assignment(cost)[1] for cost in costs]).astype(np.int64)
