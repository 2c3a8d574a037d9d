"""References that tie features together (P7): what a tap holds of one beyond the other."""

import numpy as np
import pytest

from workers.evidence.features import FeatureColumn
from workers.evidence.readability import Readability, read_features
from workers.evidence.strata import Stratum, find_strata

N = 2000


def confounded(share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[FeatureColumn]]:
    """A class, a hue that follows it on ``share`` of the images, and a size that follows nothing."""
    label = rng.integers(0, 6, N)
    hue = np.where(rng.random(N) < share, label / 6, rng.random(N))
    columns = [
        FeatureColumn("label", "categorical", label.astype(float), n_categories=6),
        FeatureColumn("hue", "circular", hue, period=1.0),
        FeatureColumn("size", "numeric", rng.normal(size=N)),
    ]
    return label, hue, columns


def read(z: np.ndarray, columns: list[FeatureColumn], rng: np.random.Generator) -> tuple[Readability, Stratum]:
    strata = find_strata(columns, rng)
    return read_features(z, columns, rng, strata)["hue"], strata["hue"]


def turned(hue: np.ndarray) -> np.ndarray:
    return np.column_stack([np.cos(2 * np.pi * hue), np.sin(2 * np.pi * hue)])


@pytest.mark.parametrize("share", [0.8, 0.95])
def test_a_tap_that_holds_the_class_alone_holds_nothing_of_the_hue(share: float) -> None:
    rng = np.random.default_rng(0)
    label, hue, columns = confounded(share, rng)
    blind = np.eye(6)[label] @ rng.normal(size=(6, 10)) + 0.3 * rng.normal(size=(N, 10))
    found, stratum = read(blind, columns, rng)
    assert found.shares.retained > 0.5  # naively it would seem to hold it
    assert stratum.separable()
    assert [tie.name for tie in stratum.ties] == ["label"]
    assert found.stratified is not None
    assert abs(found.stratified.retained) < 0.02
    seeing, _ = read(np.column_stack([blind, turned(hue) + 0.1 * rng.normal(size=(N, 2))]), columns, rng)
    assert seeing.stratified is not None
    assert seeing.stratified.retained > 0.8


def test_a_hue_that_the_class_hides_is_found_within_strata() -> None:
    """``z = hue + h(class)``: only with the class known is the hue readable."""
    rng = np.random.default_rng(1)
    label, hue, columns = confounded(0.8, rng)
    mixed = turned(hue) + 2 * np.eye(6)[label] @ rng.normal(size=(6, 2))
    found, _ = read(mixed, columns, rng)
    assert found.stratified is not None
    assert found.stratified.retained > 0.9


def test_a_perfect_tie_is_not_separable() -> None:
    rng = np.random.default_rng(2)
    strata = find_strata(confounded(1.0, rng)[2], rng)
    assert set(strata) == {"label", "hue"}
    assert not strata["hue"].separable()
    assert not strata["label"].separable()


def test_independent_features_are_not_tied() -> None:
    rng = np.random.default_rng(3)
    assert find_strata(confounded(0.0, rng)[2], rng) == {}


def test_ties_that_no_line_shows_are_found() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=N)
    columns = [
        FeatureColumn("x", "numeric", x),
        FeatureColumn("square", "numeric", x**2 + 0.3 * rng.normal(size=N)),
        FeatureColumn("angle", "circular", np.where(rng.random(N) < 0.3, np.nan, (x / 8) % 0.5), period=0.5),
    ]
    strata = find_strata(columns, rng)
    assert {tie.name for tie in strata["square"].ties} == {"x", "angle"}
    assert strata["square"].left < 0.2
    assert np.isnan(strata["angle"].residual[np.isnan(columns[2].values)]).all()
    only = {"x": ["square"], "square": ["x"], "angle": ["x"]}
    assert "angle" not in {tie.name for tie in find_strata(columns, rng, only)["square"].ties}


def test_what_is_left_is_out_of_fold() -> None:
    """As many classes as a pair of images: in sample each would explain itself."""
    rng = np.random.default_rng(5)
    ids = np.repeat(np.arange(150.0), 2)
    columns = [
        FeatureColumn("id", "categorical", ids, n_categories=150), FeatureColumn("y", "numeric", rng.normal(size=300)),
    ]  # fmt: skip
    assert find_strata(columns, rng) == {}
