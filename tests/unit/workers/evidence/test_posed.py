"""How far a group changes a feature, against what is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from workers.evidence.posed import changed

RNG = np.random.default_rng(0)
TURN = RNG.integers(4, size=2000)
KIND = RNG.integers(3, size=2000)


def one_hot(values: np.ndarray, n: int) -> np.ndarray:
    return (values[..., None] == np.arange(n)).astype(float)


def turned(values: np.ndarray) -> np.ndarray:
    """By all four quarter turns."""
    return (values + np.arange(4)[:, None]) % 4


def test_a_turn_changes_as_far_as_two_references_differ() -> None:
    assert changed(one_hot(TURN, 4), one_hot(turned(TURN), 4)).ratio == pytest.approx(1.0, abs=0.01)


def test_what_is_invariant_does_not_change() -> None:
    kind = one_hot(KIND, 3)
    assert changed(kind, np.stack([kind] * 4)).ratio == 0.0


def test_what_is_half_pose_changes_half_as_far() -> None:
    """The sum of a place that moves and, independent of it, as much that stays."""
    stays, place = RNG.choice([-1.0, 1.0], size=(2, 2000, 1))
    found = changed(stays + place, np.stack([stays + place, stays - place]))
    assert found.ratio == pytest.approx(0.5, abs=0.03)


def test_a_reader_that_says_the_same_of_all_moved_pictures_has_not_read_them() -> None:
    """Else its constants would seem to change: three of four references had another turn."""
    said = one_hot(np.broadcast_to(np.arange(4)[:, None], (4, 2000)), 4)
    assert changed(one_hot(TURN, 4), said) is None


def test_nothing_is_said_of_few_readings_or_of_what_does_not_vary() -> None:
    few = one_hot(TURN, 4)
    few[20:] = np.nan
    assert changed(few, one_hot(turned(TURN), 4)) is None
    assert changed(np.ones((2000, 1)), np.ones((4, 2000, 1))) is None


def test_a_picture_that_an_element_makes_unreadable_says_what_the_others_show() -> None:
    after = one_hot(turned(TURN), 4)
    after[2, :1500] = np.nan
    found = changed(one_hot(TURN, 4), after)
    assert found.count == 2000
    assert found.ratio == pytest.approx((1500 * 8 / 9 + 500) / 2000, abs=0.02)  # two of three others, 2/3 over 3/4


def test_references_without_a_reading_count_for_nothing() -> None:
    some = one_hot(TURN, 4)
    some[::2] = np.nan
    found = changed(some, one_hot(turned(TURN), 4))
    assert found.count == 1000
    assert found.ratio == pytest.approx(1.0, abs=0.02)
