"""A quiet unit that alone holds a feature reaches the probe, although principal components drop it."""

from __future__ import annotations

import numpy as np
import pytest

from workers.evidence.features import FeatureColumn
from workers.evidence.readability import read_features
from workers.stages.class_names import as_outputs
from workers.stages.latents import Compressor, Standardiser


def test_quiet_unit_is_read_from_the_wide_form_only() -> None:
    rng = np.random.default_rng(0)
    secret = rng.normal(size=1200)
    values = rng.normal(size=(1200, 300)).astype(np.float32) * 10
    values[:, 7] = 0.01 * secret
    column = FeatureColumn("secret", "numeric", secret)
    short, wide = Compressor(24)(values), Standardiser()(values)
    assert read_features(short, [column], np.random.default_rng(1))["secret"].shares.retained < 0.1
    assert read_features(wide, [column], np.random.default_rng(1))["secret"].shares.retained > 0.8


def test_standardiser_keeps_constant_units_silent_and_later_shards_in_the_same_units() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(5, 3, size=(400, 6)).astype(np.float32)
    values[:, 2] = 4.0
    standardise = Standardiser()
    first, second = standardise(values[:200]), standardise(values[200:])
    assert first.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-2)
    assert not first[:, 2].any()
    assert not second[:, 2].any()
    assert second[:, 0].astype(float) == pytest.approx(
        (values[200:, 0] - values[:200, 0].mean()) / values[:200, 0].std(), abs=1e-2
    )


def test_labels_become_outputs_by_name_or_not_at_all() -> None:
    labels = np.array([0, 1, 2])
    assert as_outputs(labels, None, None) is labels
    assert as_outputs(labels, ["a", "b", "c"], ["c", "b", "a", "d"]).tolist() == [2, 1, 0]  # type: ignore[union-attr]
    assert as_outputs(labels, ["a", "b", "c"], None) is None
    assert as_outputs(labels, ["a", "b", "x"], ["c", "b", "a", "d"]) is None
