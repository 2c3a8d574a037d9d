"""Edits of codes on a toy whose every pixel is one number of the code: what they reach, hold, and move besides."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from schemas.results import FeatureSource
from workers.classifier.session import Outputs
from workers.evidence.features import FeatureColumn, fit_encoding
from workers.evidence.statistics import Statistic
from workers.evidence.transforms import scale_luminance, stay
from workers.stages import holding
from workers.stages.code_edits import ConditionalEdit, FactorEdit
from workers.stages.edits import FAR, other_values
from workers.stages.effects import answered, resample
from workers.stages.factors import Named
from workers.stages.features import AuditedFeature, Reader, with_factors
from workers.stages.unedited import COLLATERAL, Unedited

N, GAIN = 300, 20.0


def draw(codes: Tensor) -> np.ndarray:
    """One pixel per number, ``(n, 1, d, 1)``; 20 grey levels are one unit."""
    return (128 + GAIN * codes).round().clamp(0, 255).byte().numpy()[:, None, :, None]


def look(images: np.ndarray) -> np.ndarray:
    """Inverse of :func:`draw`."""
    return (images[:, 0, :, 0].astype(np.float64) - 128) / GAIN


class Eye:
    """An oracle that sees column ``i`` in pixel ``i``, but guesses at those it is ``blind`` for."""

    def __init__(self, names: list[str], blind: tuple[str, ...] = ()) -> None:
        self.names, self.blind = names, blind

    def read(self, images: np.ndarray) -> dict[str, np.ndarray]:
        guess = np.random.default_rng(0).normal(size=len(images))
        return {name: guess if name in self.blind else look(images)[:, i] for i, name in enumerate(self.names)}


class Block:
    """Numbers ``0..size`` of the code; where ``spills``, the number after them moves along with every second image."""

    def __init__(self, size: int = 1, spills: float = 0.0) -> None:
        self.size, self.spills = size, spills

    def read(self, codes: Tensor) -> np.ndarray:
        return codes[:, : self.size].double().numpy()

    def place(self, codes: Tensor, values: np.ndarray) -> Tensor:
        placed = codes.clone()
        placed[:, : self.size] = torch.from_numpy(values).float()
        moved = (placed[:, : self.size] != codes[:, : self.size]).any(dim=1)
        placed[1::2, self.size] += self.spills * moved[1::2]
        return placed


def studio(blind: tuple[str, ...] = (), exact: bool = False, tied: bool = False) -> Any:
    """Three numeric columns that are the first three of four numbers; the second is a statistic where ``exact``.

    Where ``tied``, the third goes with the first.
    """
    rng = np.random.default_rng(0)
    codes = torch.from_numpy(rng.normal(size=(N, 4)).round(2)).float()
    codes[:, 2] += 2 * tied * codes[:, 0]
    names = ["a", "b", "c"]
    features = []
    for i, name in enumerate(names):
        column = FeatureColumn(name, "numeric", codes[:, i].double().numpy())
        features.append(AuditedFeature(name, FeatureSource.ATTRIBUTE, column, fit_encoding(column)))
    if exact:
        pixel = Statistic(
            "b", "numeric", None, lambda images: look(images)[:, 1], scale_luminance, stay(scale_luminance)
        )
        features[1] = AuditedFeature(**{**vars(features[1]), "statistic": pixel})
    reader = Reader(features, Eye(names, blind), lambda images: torch.from_numpy(look(images)).float())  # type: ignore[arg-type]
    return SimpleNamespace(means=codes, decode=draw, features=features, reader=reader)


class Second:
    """A classifier that looks at the sign of the second number alone."""

    independent = False

    def run(self, images: np.ndarray) -> Outputs:
        return Outputs((look(images)[:, 1:2] * np.array([[-4.0, 4.0]])).astype(np.float32), {})

    def probabilities_of(self, logits: np.ndarray) -> np.ndarray:
        odds = np.exp(logits)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def factor_edit(made: Any, block: Block) -> FactorEdit:
    return FactorEdit(made.features[0], block, None, Unedited(made, np.arange(N)), np.random.default_rng(1))


def test_an_attribute_gets_the_factor_of_a_reference_that_shows_the_target() -> None:
    edit = factor_edit(studio(), Block())
    targets = other_values(edit.feature, edit.feature.column.values, np.random.default_rng(2))
    known = np.flatnonzero(np.isfinite(targets))
    edited = edit.to(known, targets[known])
    assert look(edited)[:, 0] == pytest.approx(targets[known], abs=0.5 / GAIN)
    assert look(edited)[:, 1:] == pytest.approx(look(edit.before)[known, 1:])
    checked = edit.check(known, edited, targets[known])
    assert checked.hit.all()
    assert not checked.moved.any()


def test_what_flips_only_through_something_else_is_not_shown_by_clean_edits() -> None:
    """The classifier does not look at ``a``; but the edit drags ``b`` along in every second image, and ``b`` flips."""
    edit = factor_edit(studio(), Block(spills=3.0))
    found = answered(Second(), edit, resample(edit, 2, np.random.default_rng(3)), 1.0)
    assert found["confirmed"][0] > 0.95
    assert found["collateral"][0] == pytest.approx(0.5, abs=0.05)
    assert np.nanmean(found["flips"]) > 0.15
    assert np.nanmean(found["clean_flips"]) == 0
    assert np.isnan(found["clean_flips"][1::2]).all()
    assert np.nanmean(found["logits"]) > np.nanmean(found["floor_logits"]) == 0


def test_a_small_spill_is_no_collateral() -> None:
    edit = factor_edit(studio(), Block(spills=0.8 * COLLATERAL))
    assert resample(edit, 1, np.random.default_rng(3)).collateral == 0


def test_an_oracle_that_guesses_is_no_witness() -> None:
    edit = factor_edit(studio(blind=("c",)), Block(spills=3.0))
    assert set(edit.unedited.limits) == {"a", "b"}
    assert resample(edit, 1, np.random.default_rng(3)).collateral == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("blind", "watched"), [((), True), (("c",), True), (("b", "c"), False)])
@pytest.mark.parametrize("tied", [False, True])
def test_an_edit_is_clean_only_where_all_that_the_references_tie_is_watched(
    blind: tuple[str, ...], watched: bool, tied: bool
) -> None:
    """Nobody reads ``c``, which goes with ``a``: it may be what flips the answer, and no edit is known to be clean."""
    edit = factor_edit(studio(blind, tied=tied), Block())
    found = answered(Second(), edit, resample(edit, 2, np.random.default_rng(3)), 1.0)
    assert np.isfinite(found["flips"]).any()
    assert np.isfinite(found["collateral"][0]) == watched
    assert ("clean_flips" in found) == (watched or tied)
    if "clean_flips" in found:
        assert np.isnan(found["clean_flips"]).all() == (tied and bool(blind))


def test_what_the_autoencoder_shows_before_the_edit_is_no_hit() -> None:
    """The picture of a lost value shows another one at once: to edit it there and to hit is no deed of the edit."""
    made = studio()
    values = made.features[0].column.values.copy()
    values[:50] = 5.0  # lost: the pictures show what the codes say
    column = FeatureColumn("a", "numeric", values)
    made.features[0] = AuditedFeature("a", FeatureSource.ATTRIBUTE, column, fit_encoding(column))
    made.reader.features = made.features
    edit = factor_edit(made, Block())
    everyone = np.arange(N)
    here = edit.check(everyone, edit.before, look(edit.before)[:, 0])
    assert not here.hit.any()
    resampled = resample(edit, 1, np.random.default_rng(3))
    hit, targets = resampled.hit[0], resampled.targets[0]
    assert hit[50:][targets[50:] < 5].mean() > 0.95
    assert hit[:50].mean() < 0.2  # most targets lie nearer to what the picture showed at once
    found = answered(Second(), edit, resample(edit, 2, np.random.default_rng(3)), 1.0)
    assert found["confirmed"][0] < found["hits"][0]


class Halfway(Block):
    """Goes three quarters of the way."""

    def place(self, codes: Tensor, values: np.ndarray) -> Tensor:
        return super().place(codes, 0.25 * self.read(codes) + 0.75 * values)


@pytest.mark.parametrize(("block", "reached"), [(Block(), 1.0), (Halfway(), 0.75)])
def test_how_far_edits_went_is_told(block: Block, reached: float) -> None:
    edit = factor_edit(studio(), block)
    found = answered(Second(), edit, resample(edit, 2, np.random.default_rng(3)), 1.0)
    assert found["hits"][0] > 0.95
    assert found["reached"][0] == pytest.approx(reached, abs=0.02)


class Leaky:
    """An editor whose second number follows the first column a little, whatever it is told of the second."""

    def v_for(self, codes: Tensor, told: Tensor) -> Tensor:
        return codes - self.inverse(torch.zeros_like(codes), told)[0]

    def inverse(self, residual: Tensor, told: Tensor) -> tuple[Tensor, None]:
        a, b, c = told.unbind(dim=1)
        said = torch.stack([a, 1.2 * b + 0.3 * a, c, torch.zeros_like(a)], dim=1)
        return residual + said, None


@pytest.mark.parametrize(
    ("exact", "rounds", "least", "most"), [(True, 0, 0.2, 1), (True, 2, 0, 0.05), (False, 2, 0.2, 1)]
)
def test_the_editor_turns_back_what_can_be_measured(
    monkeypatch: pytest.MonkeyPatch, exact: bool, rounds: int, least: float, most: float
) -> None:
    """A column that is a statistic stays; one that only an oracle reads is left as the editor left it."""
    monkeypatch.setattr(holding, "HOLDS", rounds)
    made = studio(exact=exact)
    edit = ConditionalEdit(made.features[0], Leaky(), Unedited(made, np.arange(N)))  # type: ignore[arg-type]
    assert look(edit.floor) == pytest.approx(look(edit.before), abs=1.1 / GAIN)
    targets = other_values(edit.feature, edit.feature.column.values, np.random.default_rng(2))
    known = np.flatnonzero(np.isfinite(targets))
    edited = edit.to(known, targets[known])
    drift = np.abs(look(edited)[:, 1] - look(edit.before)[known, 1]).mean()
    assert least <= drift < most
    assert edit.check(known, edited, targets[known]).hit.all()


def test_the_factor_of_an_attribute_holds_the_other_columns_too() -> None:
    made = studio(exact=True)
    unedited = Unedited(made, np.arange(N))
    edit = FactorEdit(made.features[0], Block(spills=0.3), Leaky(), unedited, np.random.default_rng(1))  # type: ignore[arg-type]
    assert look(edit.floor) == pytest.approx(look(edit.before), abs=1.1 / GAIN)
    targets = other_values(edit.feature, edit.feature.column.values, np.random.default_rng(2))
    known = np.flatnonzero(np.isfinite(targets))
    edited = edit.to(known, targets[known])
    assert np.abs(look(edited)[:, 1] - look(edit.before)[known, 1]).mean() < 0.05
    assert look(edited)[:, 0] == pytest.approx(targets[known], abs=1.1 / GAIN)


def test_a_concept_is_a_feature_that_is_read_by_encoding_again() -> None:
    made = studio()
    pair = Named("pair", FeatureSource.CONCEPT, Block(size=2))
    own = Named("a", FeatureSource.ATTRIBUTE, Block())
    features = with_factors(made.features, [own, pair], made.means)
    named = {feature.name: feature for feature in features}
    assert isinstance(named["a"].factor, Block)
    assert (named["b"].factor, named["pair"].column.kind) == (None, "vector")
    made.features, made.reader.features = features, features
    edit = FactorEdit(named["pair"], pair.factor, None, Unedited(made, np.arange(N)), np.random.default_rng(1))
    resampled = resample(edit, 1, np.random.default_rng(3))
    assert resampled.hit.mean() > 0.99
    assert np.array_equal(edit.floor, edit.before)
    moved = np.linalg.norm(look(resampled.images[0])[:, :2] - look(edit.before)[:, :2], axis=1)
    assert moved.min() >= FAR * np.sqrt(2) * 0.9
    assert resampled.collateral > 0.9  # it *is* two columns


def test_a_factor_with_the_name_of_a_column_gets_another() -> None:
    made = studio()
    twins = [Named("b", FeatureSource.CONCEPT, Block()), Named("b", FeatureSource.DISCOVERED, Block())]
    names = [feature.name for feature in with_factors(made.features, twins, made.means)]
    assert names == ["a", "b", "c", "concept b", "discovered b"]
