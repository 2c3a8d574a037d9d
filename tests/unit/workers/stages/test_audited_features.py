"""Which features an audit looks at, and how each is read."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from schemas.datasets import AttributeFacts
from schemas.results import FeatureKind, FeatureSource
from workers.stages.features import Reader, audited_features
from workers.stages.references import References


def coloured(n: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Squares of random hue, brightness and place on black, and their hues."""
    rng = np.random.default_rng(seed)
    hue = rng.random(n)
    images = np.zeros((n, 16, 16, 3), np.uint8)
    for image, h in zip(images, hue, strict=True):
        top, left = rng.integers(1, 8, 2)
        rgb = colorsys.hsv_to_rgb(h, 1, rng.uniform(0.5, 1))
        image[top : top + 6, left : left + 5] = (np.array(rgb) * 255).round()
    return images, hue


def facts(name: str, kind: FeatureKind = FeatureKind.NUMERIC, period: float | None = None) -> AttributeFacts:
    return AttributeFacts(name=name, kind=kind, period=period)


def test_attribute_that_is_the_measured_statistic_is_edited_exactly() -> None:
    images, hue = coloured()
    found = audited_features(References(images, None, (hue,)), [facts("hue", FeatureKind.CIRCULAR, 1.0)], None)
    named = {feature.name: feature for feature in found}
    assert named["hue"].source is FeatureSource.ATTRIBUTE
    assert named["hue"].statistic is not None
    assert "measured hue" not in named


def test_attribute_that_only_shares_the_name_keeps_its_own_meaning() -> None:
    images, hue = coloured()
    other = np.random.default_rng(1).random(len(hue))
    found = audited_features(References(images, None, (other,)), [facts("hue", FeatureKind.CIRCULAR, 1.0)], None)
    named = {feature.name: feature for feature in found}
    assert named["hue"].statistic is None
    assert named["measured hue"].source is FeatureSource.MEASURED


def test_grey_images_have_no_hue_but_a_position() -> None:
    images, _ = coloured()
    grey = images.max(axis=3, keepdims=True)
    names = {feature.name for feature in audited_features(References(grey, None, ()), [], None)}
    assert "hue" not in names
    assert {"position_x", "position_y", "luminance"} <= names


def test_labels_are_a_feature_with_the_users_names() -> None:
    images, _ = coloured()
    labels = np.arange(len(images)) % 3
    [label, *_] = audited_features(References(images, labels, ()), [], ["cat", "dog", "<b>"])
    assert label.name == "label"
    assert [label.show(i) for i in range(3)] == ["cat", "dog", "<b>"]


def test_reader_measures_what_the_image_shows() -> None:
    images, hue = coloured()
    features = audited_features(References(images, None, (hue,)), [facts("hue", FeatureKind.CIRCULAR, 1.0)], None)
    read = Reader(features, None).encoded(images)["hue"]
    assert read == pytest.approx(np.column_stack([np.cos(2 * np.pi * hue), np.sin(2 * np.pi * hue)]), abs=0.05)
