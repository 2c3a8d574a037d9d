"""Classifiers whose logits hold a known dose of one feature: retention is ``a^2 / (a^2 + s^2)`` (papers.md 5.4, P4)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest
import torch

from tests.builders import toy_studios
from workers.stages.oracles import NOTHING
from workers.stages.views.beside import Compared, same_classes, unique_names
from workers.stages.views.retained import retained_by

ROWS, DRAWS = 600, 6
DOSES = (0.0, 0.5, 1.0, 2.0)


@pytest.fixture(scope="module")
def studio() -> Any:
    return toy_studios.studio(ROWS)


def dosed(studio: Any, key: int, dose: float) -> Compared:
    """Logit ``dose * balance + noise``, and samples from the exact posterior of the code given it."""
    g = torch.Generator().manual_seed(key)
    codes = studio.means
    logit = dose * codes[:, 0] + torch.randn(ROWS, generator=g)
    kept = dose**2 / (dose**2 + 1)
    centre = logit * dose / (dose**2 + 1)
    drawn = centre[:, None] + (1 - kept) ** 0.5 * torch.randn(ROWS, DRAWS, generator=g)
    readings = studio.features[0].encoding.encode(drawn.double().numpy())
    samples = {"rows": np.arange(ROWS), "reading:balance": readings, "agrees": np.ones((ROWS, DRAWS), np.uint8)}
    wide = logit[:, None].numpy().astype(np.float16)
    probabilities = np.full((ROWS, 2), 0.5, np.float32)
    return Compared(key, f"dose {dose}", None, cast(Any, None), np.arange(2), probabilities, wide, samples, {})


@pytest.fixture(scope="module")
def retained(studio: Any) -> list[Any]:
    context = toy_studios.context("companions", {"oracles": NOTHING})
    return [retained_by(context, studio, dosed(studio, key, dose)) for key, dose in enumerate(DOSES)]


@pytest.mark.parametrize("kind", ["predictive", "generative"])
def test_retention_follows_the_dose(retained: list[Any], kind: str) -> None:
    found = [getattr(one, kind)["balance"] for one in retained]
    truth = [dose**2 / (dose**2 + 1) for dose in DOSES]
    assert [one.value for one in found] == pytest.approx(truth, abs=0.06)
    assert all(before.high < after.low for before, after in pairwise(found))


def test_measures_name_feature_and_classifier(retained: list[Any]) -> None:
    measures = retained[2].measures(2, "third")
    assert [measure.name for measure in measures] == ["predictive:balance@2", "generative:balance@2"]
    assert all("third" in measure.label for measure in measures)


def test_classes_are_matched_by_name_where_both_have_names() -> None:
    found = same_classes(["cat", "dog"], ["dog", "cat"], 2, 2)
    assert found is not None
    assert found.tolist() == [1, 0]
    assert same_classes(["cat", "dog"], ["dog", "bird"], 2, 2) is None


def test_classes_without_names_are_matched_by_number_or_not_at_all() -> None:
    found = same_classes(None, ["dog", "cat", "bird"], 3, 3)
    assert found is not None
    assert found.tolist() == [0, 1, 2]
    assert same_classes(None, None, 3, 4) is None


def test_names_stay_apart_on_a_chart() -> None:
    assert unique_names(["net", "other", "net"]) == ["net", "other", "net (3)"]
