"""An edit that changes nothing must never count as evidence that nothing depends on the feature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.results import FeatureSource
from workers.evidence.features import FeatureColumn, distance, fit_encoding
from workers.stages.edits import FAR, Checked, other_values
from workers.stages.effects import resample
from workers.stages.features import AuditedFeature


def feature(values: np.ndarray, kind: str = "numeric", period: float | None = None) -> AuditedFeature:
    categories = int(values.max()) + 1 if kind == "categorical" else None
    column = FeatureColumn("a", kind, values.astype(np.float64), period, categories)  # type: ignore[arg-type]
    return AuditedFeature("a", FeatureSource.ATTRIBUTE, column, fit_encoding(column))


@given(share=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_other_classes_are_always_other(share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.concatenate([[0, 1], rng.random(200) < share]).astype(np.float64)
    drawn = other_values(feature(values, "categorical"), values, rng)
    assert np.array_equal(drawn, 1 - values)


@given(seed=st.integers(0, 99))
def test_other_numbers_are_far_and_from_the_references(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(3, 2, 400)
    drawn = other_values(feature(values), values, rng)
    known = np.isfinite(drawn)
    assert known.mean() > 0.95
    assert set(drawn[known]) <= set(values)
    assert np.abs(drawn - values)[known].min() >= FAR * values.std() * (1 - 1e-9)


@given(k=st.integers(1, 5), seed=st.integers(0, 49))
def test_other_vectors_are_far_and_whole_ones_from_the_references(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(1, 2, (300, k))
    drawn = other_values(feature(values, "vector"), values, rng)
    known = np.isfinite(drawn).all(axis=1)
    assert drawn.shape == values.shape
    assert known.mean() > 0.95
    assert {row.tobytes() for row in drawn[known]} <= {row.tobytes() for row in values}
    gap = distance(drawn[known], values[known], "vector", None)
    assert gap.min() >= FAR * np.sqrt(values.var(axis=0).sum()) * (1 - 1e-9)


def test_other_angles_are_far_on_the_circle() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(500)
    drawn = other_values(feature(values, "circular", 1.0), values, rng)
    assert np.nanmin(distance(drawn, values, "circular", 1.0)) > 0.1


def test_a_single_value_has_no_other() -> None:
    assert np.isnan(other_values(feature(np.zeros(5), "categorical"), np.zeros(5), np.random.default_rng(0))).all()


class StuckEdit:
    """An editor that never moves anything, judged by a reader that sees that."""

    method, key, attempts, watched, blind = "stuck", "a", 1, False, False

    def __init__(self, audited: AuditedFeature) -> None:
        self.feature = audited
        self.rows = np.arange(len(audited.column.values))
        self.before = np.zeros((len(self.rows), 4, 4, 3), np.uint8)
        self.floor = self.before

    def to(self, chosen: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return self.before[chosen]

    def check(self, chosen: np.ndarray, edited: np.ndarray, targets: np.ndarray) -> Checked:
        hit = self.feature.column.values[self.rows[chosen]] == targets
        return Checked(hit, np.zeros_like(hit), np.full(len(hit), np.nan))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_an_editor_that_never_moves_is_never_confirmed(share: float) -> None:
    """A rare attribute is drawn as it is nine times of ten: counting that as an edit made it look ignored."""
    rng = np.random.default_rng(0)
    values = np.concatenate([[0, 1], rng.random(300) < share]).astype(np.float64)
    resampled = resample(StuckEdit(feature(values, "categorical")), 2, rng)
    assert not resampled.hit.any()
    assert np.isnan(resampled.collateral)
