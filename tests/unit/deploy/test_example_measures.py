"""What the examples' tables say of views whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.examples.measures import Bench, Posed
from deploy.examples.neighbours import agreement, distances, recognition
from deploy.examples.poses import Digits, split, to_uint8, turned

N = 120


@pytest.fixture
def digits() -> Digits:
    rng = np.random.default_rng(0)
    return Digits(np.zeros((N, 28, 28), np.float32), rng.integers(0, 10, N), rng.normal(size=N), rng.normal(size=N))


def test_distances_are_euclidean() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(5, 2, 3)).astype(np.float32), rng.normal(size=(4, 2, 3)).astype(np.float32)
    expected = [[np.linalg.norm(x - y) for y in b] for x in a]
    np.testing.assert_allclose(distances(a, b), expected, atol=1e-6)


def test_nobody_votes_for_itself() -> None:
    """Two classes that alternate on a line: every nearest neighbour is of the other one."""
    labels = np.arange(20) % 2
    line = np.arange(20, dtype=np.float32)[:, None]
    assert agreement(distances(line, line), labels, k=1).sum() == 0


def test_of_as_many_votes_the_nearer_win() -> None:
    among = np.array([[0, 1, 2, 3, 4.0]] * 5)
    labels = np.array([7, 7, 3, 3, 7])
    assert agreement(among, labels, k=4)[0] == 1  # 7 at ranks 1 and 4, 3 at ranks 2 and 3


def test_three_far_votes_beat_two_near_ones() -> None:
    among = np.array([[0, 1, 2, 3, 4, 5.0]] * 6)
    labels = np.array([1, 0, 0, 1, 1, 1])
    assert agreement(among, labels, k=5)[0] == 1


def test_recognition_asks_for_the_picture_itself() -> None:
    across = np.array([[0.0, 1.0], [0.5, 2.0]])
    np.testing.assert_array_equal(recognition(across), [1, 0])


def test_a_view_that_is_the_label_and_one_that_is_nothing(digits: Digits) -> None:
    angles = np.random.default_rng(2).uniform(0, 2 * np.pi, N)
    bench = Bench(digits, angles)
    told = np.eye(10, dtype=np.float32)[digits.labels] + np.linspace(0, 1e-3, N, dtype=np.float32)[:, None]
    full = bench.of_codes("label", [Posed(told, told, told)])
    assert full.neighbours.value > 0.99
    assert full.recognised.value == 1
    assert full.information["label"].low > 0.95
    assert abs(full.information["thickness"].value) < 0.15
    noise = [np.random.default_rng(seed).normal(size=(N, 4)).astype(np.float32) for seed in range(3)]
    none = bench.of_codes("noise", [Posed(*noise)])
    assert none.upright.high < 0.3
    assert none.information["label"].high < 0.15


def test_draws_are_averaged(digits: Digits) -> None:
    bench = Bench(digits, np.zeros(N) + np.linspace(0, 6, N))
    good = np.eye(10, dtype=np.float32)[digits.labels]
    bad = np.random.default_rng(3).normal(size=(N, 4)).astype(np.float32)
    one, other = (bench.of_codes("x", [Posed(z, z, z)]).neighbours.value for z in (good, bad))
    both = bench.of_codes("x", [Posed(z, z, z) for z in (good, bad)])
    assert both.draws == 2
    assert both.neighbours.value == pytest.approx((one + other) / 2)


def test_quarter_turns_of_pictures_are_exact_and_anticlockwise() -> None:
    _, held = split(held_out=4, trained=1)
    for quarters in range(4):
        found = turned(held.grey, np.full(4, quarters * np.pi / 2))
        np.testing.assert_allclose(found, np.rot90(held.grey, quarters, (1, 2)), atol=1e-5)


def test_held_out_digits_are_not_trained_on() -> None:
    trained, held = split()
    assert len(trained) + len(held) == 5000
    assert not {picture.tobytes() for picture in trained.grey} & {picture.tobytes() for picture in held.grey}


def test_uint8_keeps_the_range() -> None:
    picture = np.array([[[0.0, 1.0], [0.5, 0.25]]], dtype=np.float32)
    np.testing.assert_array_equal(to_uint8(picture)[0, ..., 0], [[0, 255], [128, 64]])
