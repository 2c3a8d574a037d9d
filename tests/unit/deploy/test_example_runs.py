"""Both examples from the first digit to the figure, barely trained: what they print and leave is there and sane."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from deploy.examples import augmented_digits, rotated_digits
from deploy.examples.ordinary import ConvNet
from deploy.examples.poses import split


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=160, file=StringIO())


def loaded(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def a_picture(path: Path) -> None:
    with Image.open(path) as picture:
        assert min(picture.size) > 300
        assert len(picture.getcolors(256) or []) > 8
    assert path.stat().st_size < 200_000


def test_rotated_digits(tmp_path: Path, console: Console) -> None:
    effort = rotated_digits.Effort(steps=12, held_out=120, trained=300, draws=1)
    rows = {row.view: row for row in rotated_digits.run(effort, tmp_path, 1, console)}
    printed = console.export_text()
    for view in ("raw", "distance of orbits", "group average", "max filters (B), 64", "moduli", "bispectrum"):
        assert view in printed
    assert rows["raw"].information["pose"].low > 0.2  # whatever it has learnt, its codes turn
    for view in ("group average", "max filters (B), 256 = 2 d", "moduli", "canonical pose"):
        assert rows[view].information["pose"].value < 0.1
        assert rows[view].recognised.low > rows["raw"].recognised.high
    content = loaded(tmp_path / "rotated_digits.json")
    assert {row["view"] for row in content["rows"]} == set(rows)
    assert content["rows"][0]["neighbours"]["low"] <= content["rows"][0]["neighbours"]["high"]
    a_picture(tmp_path / "rotated_digits.png")
    a_picture(tmp_path / "rotated_digits_maps.png")


def test_rotated_digits_views_are_invariant() -> None:
    """Every view is a function of the orbit: shifting all orientations changes nothing."""
    rng = np.random.default_rng(4)
    codes = rng.standard_normal((40, rotated_digits.FIELDS, rotated_digits.ORDER)).astype(np.float32)
    for view in rotated_digits.views(codes):
        projection = view.draw(0)
        np.testing.assert_allclose(projection(np.roll(codes, 3, axis=2)), projection(codes), rtol=1e-3, atol=1e-3)


def test_between_orbits_nothing_is_further_than_between_codes() -> None:
    rng = np.random.default_rng(5)
    codes = rng.standard_normal((6, rotated_digits.FIELDS, rotated_digits.ORDER)).astype(np.float32)
    found = rotated_digits.between_orbits(rotated_digits.turns(), codes, np.roll(codes, 5, axis=2))
    np.testing.assert_allclose(np.diag(found), 0, atol=1e-2)
    plain = np.linalg.norm((codes[:, None] - np.roll(codes, 5, axis=2)[None]).reshape(6, 6, -1), axis=2)
    assert (found <= plain + 1e-6).all()


def test_augmented_digits(tmp_path: Path, console: Console) -> None:
    effort = augmented_digits.Effort(steps=12, held_out=120, trained=300, screened=24)
    nets = augmented_digits.run(effort, tmp_path, 1, console)
    assert set(nets) == {"upright", "augmented"}
    printed = console.export_text()
    assert "upright digits: right on" in printed
    assert "hidden, averaged" in printed
    content = loaded(tmp_path / "augmented_digits.json")
    screened = [row for row in content["rows"] if "reading" in row]
    assert {row["group"] for row in screened} == {"c4", "c8", "so2"}
    assert {row["layer"] for row in screened} == {"conv 1", "conv 2", "conv 3", "hidden", "logits"}
    assert all(row["reading"]["state"] != "exact" for row in screened)
    a_picture(tmp_path / "augmented_digits.png")


def test_an_average_over_turns_does_not_see_a_quarter_turn() -> None:
    torch.manual_seed(0)
    net = ConvNet().eval()
    pictures = np.random.default_rng(6).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    pictures[:, :4] = pictures[:, -4:] = pictures[:, :, :4] = pictures[:, :, -4:] = 0
    plain, posed = (augmented_digits.averaged(net, p) for p in (pictures, np.rot90(pictures, 1, (1, 2)).copy()))
    for layer, values in plain.items():
        np.testing.assert_allclose(posed[layer], values, atol=2e-2 * np.abs(values).max())
        raw = augmented_digits.layers_of(net, pictures)[layer]
        turned = augmented_digits.layers_of(net, np.rot90(pictures, 1, (1, 2)).copy())[layer]
        assert np.abs(raw - turned).max() > 5 * np.abs(posed[layer] - values).max()


def test_what_the_audit_is_given(tmp_path: Path) -> None:
    augmented_digits.write_posed(tmp_path / "posed.npz", 1)
    trained, held = split()
    with np.load(tmp_path / "posed.npz") as data:
        assert data["images"].shape == (5000, 28, 28, 1)
        assert data["images"].dtype == np.uint8
        np.testing.assert_array_equal(data["labels"], np.concatenate([held.labels, trained.labels]))
        assert (data["angle"] >= 0).all()
        assert (data["angle"] < 360).all()
        assert abs(data["images"][0].astype(float).sum() / 255 / held.grey[0].sum() - 1) < 0.1
