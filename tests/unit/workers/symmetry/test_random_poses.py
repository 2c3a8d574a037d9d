"""Random poses keep the orbit, forget the pose, and are drawn evenly and one by one."""

from __future__ import annotations

import numpy as np
import pytest

from workers.symmetry.orbits import Orbit, orbit_of, permutations_of, shifts_of
from workers.symmetry.quotient import quotient_distance
from workers.symmetry.random_poses import in_random_poses

N = 300


def quarter_turns(shape: tuple[int, ...]) -> Orbit:
    moves = tuple(lambda values, k=k: np.rot90(values, k, axes=(2, 3)) for k in range(4))
    return orbit_of("c4", "spatial", shape, moves)


ORBITS = [
    (quarter_turns((2, 4, 4)), 4), (shifts_of((2, 4, 5)), 20), (shifts_of((4, 5, 2), (0, 1)), 20),
    (permutations_of((4, 3), (0,)), 24), (permutations_of((4, 4, 2), (0, 1)), 24),
]  # fmt: skip


@pytest.mark.parametrize(("orbit", "poses"), ORBITS)
def test_the_orbit_stays_and_every_pose_comes_up(orbit: Orbit, poses: int) -> None:
    rng = np.random.default_rng(0)
    one = rng.standard_normal((1, *orbit.shape))
    posed = in_random_poses(orbit, np.repeat(one, 40 * poses, axis=0), rng)
    assert (np.sort(posed.reshape(len(posed), -1)) == np.sort(one.ravel())).all()
    seen, counts = np.unique(posed.reshape(len(posed), -1), axis=0, return_counts=True)
    assert len(seen) == poses
    assert counts.min() > 15  # 40 expected of each
    if len(orbit.nodes) < 2:  # of pairs of nodes no fast exact distance is known
        assert np.allclose(quotient_distance(orbit, posed, np.repeat(one, len(posed), axis=0)), 0)


def test_what_only_the_pose_told_is_gone_and_what_the_orbit_holds_is_not() -> None:
    rng = np.random.default_rng(1)
    orbit, pose, kind = quarter_turns((1, 2, 2)), rng.integers(4, size=N), rng.integers(2, size=N)
    values = np.zeros((N, 1, 2, 2), np.float32)
    for i, (turn, what) in enumerate(zip(pose, kind, strict=True)):
        values[i, 0] = np.rot90([[1 + what, 0], [0, 0]], turn)
    posed = in_random_poses(orbit, values, rng)
    assert np.array_equal(posed.max(axis=(1, 2, 3)), 1 + kind)
    corner = posed.reshape(N, 4).argmax(axis=1)
    before = values.reshape(N, 4).argmax(axis=1)
    assert abs(np.mean(corner == before) - 0.25) < 0.1
