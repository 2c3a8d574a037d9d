"""Edits that miss one value of a feature and hit all others must not be called confirmed."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.results import FeatureSource
from workers.evidence.features import FeatureColumn, fit_encoding
from workers.stages.confirmation import BINS, least_confirmed, value_groups
from workers.stages.features import AuditedFeature

N = 2000


def feature(values: np.ndarray, kind: str, period: float | None = None) -> AuditedFeature:
    categories = int(values.max()) + 1 if kind == "categorical" else None
    column = FeatureColumn("a", kind, values.astype(np.float64), period, categories)  # type: ignore[arg-type]
    return AuditedFeature("a", FeatureSource.ATTRIBUTE, column, fit_encoding(column))


@pytest.mark.parametrize("as_target", [True, False])
def test_a_rare_class_that_every_edit_misses_is_told(as_target: bool) -> None:
    """2.5 % of the images: the share of hits over all edits stays above 0.9."""
    rng = np.random.default_rng(0)
    values, targets = (rng.choice(3, N, p=[0.4875, 0.4875, 0.025]).astype(np.float64) for _ in range(2))
    hit = (targets if as_target else values) != 2
    assert hit.mean() > 0.9
    assert least_confirmed(feature(values, "categorical"), values, targets[None], hit[None]) == 0


def test_rare_classes_are_judged_together_where_each_is_too_rare() -> None:
    """Ten classes of half a percent each: one alone cannot hide an effect, all ten can."""
    rng = np.random.default_rng(0)
    shares = np.array([0.95, *np.full(10, 0.005)])
    values, targets = (rng.choice(11, N, p=shares).astype(np.float64) for _ in range(2))
    found = feature(values, "categorical")
    assert least_confirmed(found, values, targets[None], (targets == 0)[None]) == 0
    assert least_confirmed(found, values, targets[None], (targets != 3)[None]) > 0.85


@pytest.mark.parametrize("kind", ["numeric", "circular", "vector"])
def test_an_end_of_the_range_that_every_edit_misses_is_told(kind: str) -> None:
    rng = np.random.default_rng(1)
    main = rng.random(N)
    values = np.stack([0.1 * rng.random(N), main], axis=1) if kind == "vector" else main
    found = feature(values, kind, 1.0 if kind == "circular" else None)
    targets = rng.permutation(values, axis=0)
    reach = targets[:, 1] if kind == "vector" else targets
    assert least_confirmed(found, values, targets[None], (reach < 0.92)[None]) < 0.35
    assert len(np.unique(value_groups(found, values))) == BINS


def test_without_a_blind_spot_it_is_about_the_share_of_hits() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=N)
    targets = np.stack([rng.permutation(values), np.full(N, np.nan)])
    hit = np.stack([rng.random(N) < 0.95, np.zeros(N, dtype=bool)])
    assert 0.38 < least_confirmed(feature(values, "numeric"), values, targets, hit) <= hit.mean()  # no target: no hit


def test_a_frequent_number_among_many_is_a_group_of_its_own() -> None:
    """Sixty counts, one of them held by 3 %: bins of ten percent would hide that all its edits miss."""
    values = np.concatenate([np.repeat(np.arange(60.0), 32), np.full(60, 17.0)])
    targets = np.random.default_rng(0).permutation(values)
    assert least_confirmed(feature(values, "numeric"), values, targets[None], (targets != 17)[None]) == 0


def test_values_that_are_few_are_groups_of_their_own() -> None:
    values = np.repeat([0.0, 1.0, 5.0], [900, 60, 40])
    found = feature(values, "numeric")
    assert [len(np.unique(value_groups(found, part))) for part in (values[:900], values[900:])] == [1, 2]
    assert value_groups(found, np.array([np.nan, 5.0])).tolist() == [-1, 3]
