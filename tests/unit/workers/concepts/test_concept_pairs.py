"""Pairs share what they should, randomise the rest, and every chance sharing is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.concepts.pairs import WINDOW, Attribute, Examples, draw_pairs, random_pairs, sharing, varies

ROWS = np.arange(2000, dtype=np.int64)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def independent() -> list[Attribute]:
    draw = rng(1)
    return [
        Attribute("size", "numeric", draw.lognormal(size=2000)),
        Attribute("hue", "circular", draw.random(2000), 1.0),
        Attribute("class", "categorical", draw.integers(0, 4, 2000).astype(float)),
    ]


def correlation(values: np.ndarray, pairs: np.ndarray) -> float:
    return float(np.corrcoef(values[pairs[:, 0]], values[pairs[:, 1]])[0, 1])


@pytest.mark.parametrize("index", [0, 1, 2])
def test_pairs_share_their_attribute_and_nothing_else(index: int) -> None:
    concepts = independent()
    pairs = draw_pairs(concepts, index, ROWS, 3000, rng())
    shared = sharing(concepts, pairs).mean(axis=0)
    by_chance = sharing(concepts, random_pairs(ROWS, 20_000, rng(2))).mean(axis=0)
    assert len(pairs) > 2500
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert shared[index] == 1
    for other in {0, 1, 2} - {index}:
        assert shared[other] == pytest.approx(by_chance[other], abs=0.05)


def test_chance_sharing_is_what_the_definition_says() -> None:
    by_chance = sharing(independent(), random_pairs(ROWS, 40_000, rng(2))).mean(axis=0)
    assert by_chance == pytest.approx([2 * WINDOW, 2 * WINDOW, 0.25], abs=0.01)


def test_tied_attributes_are_randomised_where_the_rows_allow() -> None:
    """Size tells the class in 80 % of the rows; partners of one class still have random sizes."""
    draw = rng(3)
    label = draw.integers(0, 2, 2000).astype(float)
    size = np.where(draw.random(2000) < 0.8, label, draw.integers(0, 2, 2000)) + 0.1 * draw.random(2000)
    concepts = [Attribute("class", "categorical", label), Attribute("size", "numeric", size)]
    pairs = draw_pairs(concepts, 0, ROWS, 2000, rng())
    assert abs(correlation(size, pairs)) < 0.1
    alone = draw_pairs(concepts[:1], 0, ROWS, 2000, rng())
    assert correlation(size, alone) > 0.5


def test_a_circle_has_no_ends() -> None:
    hue = Attribute("hue", "circular", np.linspace(0, 360, 1000, endpoint=False), 360.0)
    first, last, middle = np.array([0]), np.array([999]), np.array([500])
    assert hue.shared(first, last).all()
    assert not hue.shared(first, middle).any()
    assert hue.gap(first, middle) == pytest.approx(1.0, abs=0.01)
    partners = hue.partners(np.array([0]), np.arange(1000), 200, rng())
    assert (partners > 900).any()
    assert (partners < 100).any()


def test_equal_values_share_however_many_there_are() -> None:
    counts = Attribute("count", "numeric", np.repeat([1.0, 2.0, 3.0], 100))
    first, second = np.meshgrid(np.arange(300), np.arange(300))
    equal = counts.values[first.ravel()] == counts.values[second.ravel()]
    assert (counts.shared(first.ravel(), second.ravel()) == equal).all()


def test_rows_without_a_value_share_nothing() -> None:
    values = np.array([0.0, 0.0, np.nan, np.nan, 1.0, 1.0])
    concept = Attribute("flag", "categorical", values)
    pairs = draw_pairs([concept], 0, np.arange(6), 50, rng())
    assert set(pairs.ravel()) == {0, 1, 4, 5}
    assert not concept.shared(np.array([2, 2]), np.array([3, 0])).any()


def test_a_value_that_only_one_row_has_finds_no_partner() -> None:
    concept = Attribute("id", "categorical", np.array([0.0, 1.0, 1.0]))
    pairs = draw_pairs([concept], 0, np.arange(3), 50, rng())
    assert len(pairs)
    assert set(pairs.ravel()) == {1, 2}


def test_explicit_pairs_stay_inside_the_part() -> None:
    given_ = Examples("style", np.array([[0, 1], [2, 3], [4, 900]]))
    concepts = [independent()[2], given_]
    found = draw_pairs(concepts, 1, np.arange(10), 50, rng())
    assert sorted(map(tuple, found.tolist())) == [(0, 1), (2, 3)]
    mask = sharing(concepts, found, 1)
    assert mask[:, 1].all()
    assert (mask[:, 0] == concepts[0].shared(found[:, 0], found[:, 1])).all()
    assert not sharing(concepts, random_pairs(ROWS, 50, rng()), 0)[:, 1].any()


@pytest.mark.parametrize(
    ("concept", "expected"),
    [
        (Attribute("one class", "categorical", np.zeros(5)), False),
        (Attribute("ids", "categorical", np.arange(5.0)), False),
        (Attribute("two", "categorical", np.array([0.0, 0.0, 1.0])), True),
        (Attribute("constant", "numeric", np.full(5, 3.0)), False),
        (Attribute("numbers", "numeric", np.arange(5.0)), True),
        (Examples("none", np.empty((0, 2), np.int64)), False),
        (Examples("one", np.array([[0, 1]])), True),
    ],
)
def test_what_there_is_to_share(concept: Attribute | Examples, expected: bool) -> None:
    assert varies(concept) is expected


@settings(max_examples=30, deadline=None)
@given(
    values=st.lists(st.one_of(st.integers(-3, 3).map(float), st.just(float("nan"))), min_size=2, max_size=30),
    kind=st.sampled_from(["numeric", "categorical", "circular"]),
)
def test_every_pair_shares_whatever_the_column(values: list[float], kind: str) -> None:
    concept = Attribute("column", kind, np.array(values), 2.5 if kind == "circular" else None)  # type: ignore[arg-type]
    pairs = draw_pairs([concept], 0, np.arange(len(values)), 40, rng())
    assert concept.shared(pairs[:, 0], pairs[:, 1]).all()
    assert (pairs[:, 0] != pairs[:, 1]).all()
