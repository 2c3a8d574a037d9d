"""Pictures: checked, bounded, and small enough together."""

from __future__ import annotations

import base64
import io
import struct

import numpy as np
import pytest
from PIL import Image

from services.reports.pictures import SIGNATURE, PictureBook, every_png, evidence_pngs, picture_budget, png_size
from tests.builders.results import png, sheets
from tests.builders.views import galleries


def test_many_features_leave_less_room_for_pictures() -> None:
    budgets = [picture_budget(features) for features in (3, 40, 256, 10_000)]
    assert budgets == sorted(budgets, reverse=True)
    assert budgets[0] == budgets[1] > budgets[2] > budgets[3] > 0


def fake(width: int, height: int) -> str:
    return base64.b64encode(SIGNATURE + b"\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"rest").decode()


@pytest.mark.parametrize("bad", ["", "not base64!", '"><script>', "R0lGODlhAQABAAAAACw=", fake(0, 4), fake(60_000, 4)])
def test_what_is_no_picture_is_not_shown(bad: str) -> None:
    assert png_size(bad) is None


def test_size_is_read_from_the_header() -> None:
    assert png_size(png(28, 3, 0.2, np.random.default_rng(0))) == (28, 28)


def test_pngs_that_fit_stay_exact() -> None:
    pictures = sheets(rows=1, samples=2)
    book = PictureBook(pictures)
    assert not book.recompressed
    for source in every_png(pictures):
        shown = book.show(source)
        assert shown is not None
        assert shown.uri == f"data:image/png;base64,{source}"
        assert (shown.width, shown.height, shown.enlarged) == (84, 84, True)


def test_pictures_over_the_budget_become_webp_within_it() -> None:
    pictures = sheets(side=224, taps=("logits",), features=("hue",), rows=1, samples=2, noise=20)
    book = PictureBook(pictures, budget=300_000)
    assert book.recompressed
    assert book.left_out == 0
    shown = [book.show(source) for source in every_png(pictures)]
    assert sum(len(one.uri) for one in shown if one) <= 300_000 + 30 * len(shown)
    first = shown[0]
    assert first is not None
    assert (first.width, first.height) == (96, 96)
    with Image.open(io.BytesIO(base64.b64decode(first.uri.partition(",")[2]))) as image:
        assert image.format == "WEBP"
        assert max(image.size) <= 160


def test_what_cannot_fit_is_left_out_and_counted() -> None:
    pictures = sheets(side=96, taps=("logits",), rows=1, samples=2, noise=40)
    book = PictureBook(pictures, budget=5_000)
    sources = list(every_png(pictures))
    missing = [source for source in sources if book.show(source) is None]
    assert book.left_out == len(missing) > 0
    assert sum(len(one.uri) - 30 for source in sources if (one := book.show(source))) <= 5_000


def test_a_broken_picture_is_left_out_not_an_error() -> None:
    pictures = sheets(rows=1, samples=1, taps=("logits",), features=())
    broken = pictures.taps[0].rows[0].original.model_copy(update={"png": fake(28, 28)})
    row = pictures.taps[0].rows[0].model_copy(update={"original": broken})
    pictures = pictures.model_copy(update={"taps": [pictures.taps[0].model_copy(update={"rows": [row]})]})
    assert PictureBook(pictures, budget=2_000).show(broken.png) is None


def test_galleries_shrink_and_go_before_the_evidence() -> None:
    bare = sheets(side=64, taps=("logits",), features=(), rows=1, samples=1, noise=20)
    pictures = bare.model_copy(update={"galleries": galleries(("factors", "attack", "attribution"), 64, 40)})
    evidence, shown = list(evidence_pngs(bare)), [list(every_png(pictures, [one])) for one in pictures.galleries]
    book = PictureBook(pictures, round(sum(map(len, evidence)) / 0.6) + 1)
    exact = [book.show(source) for source in evidence]
    assert all(one and one.uri.startswith("data:image/png") for one in exact)
    kept = [sum(book.show(png) is not None for png in pngs[len(evidence) :]) for pngs in shown]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > 0
    assert book.recompressed
    assert book.left_out == 3 * 24 - sum(kept) > 0


def test_galleries_do_not_starve() -> None:
    bare = sheets(side=64, taps=("logits",), features=("hue",), rows=6, samples=8, noise=20)
    pictures = bare.model_copy(update={"galleries": galleries(("factors", "attack"), 64, 20)})
    book = PictureBook(pictures, 400_000)
    assert book.left_out == 0
    assert all(book.show(png) for png in every_png(pictures, pictures.galleries))


def test_many_galleries_leave_less_room_for_pictures() -> None:
    few, many = galleries(("attack",)), galleries(("attack",) * 40, columns=2, rows=1) * 5
    assert picture_budget(5, few) > picture_budget(5, many) > 0
