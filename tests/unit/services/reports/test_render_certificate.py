"""The certificate as a page: every figure, no hiding of a miss, nothing active."""

from __future__ import annotations

import base64
import hashlib
import re

from schemas.certificate import Certificate
from schemas.results import Verdict
from services.reports import render_certificate
from services.reports.certificate import certificate_view
from services.reports.formatting import SPACE
from tests.builders.certificates import certificate

EVIL = '"><script>alert(1)</script><img src=x onerror=a()>\u202e'


def rendered(whole: Certificate) -> str:
    return render_certificate(whole, hashlib.sha256(whole.to_bytes()).hexdigest())


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition("</style>")[2]).replace(SPACE, " "))


def test_every_part_is_there() -> None:
    whole = certificate()
    said = text(rendered(whole))
    for words in (
        "2 classifiers", "4 verdicts", "0 times", "1 target was missed", "at least 90 %", "One pair is undetermined.",
        "Sees the HSV value alone", "blind spot", "slope 1", "40", "0.66 to 0.77", "Pictures larger than 20 pixels.",
        "make planted", hashlib.sha256(whole.to_bytes()).hexdigest(),
    ):  # fmt: skip
        assert words in said


def test_verdicts_are_counted_by_truth() -> None:
    view = certificate_view(certificate())
    assert view.truths == ["used", "invisible", "blind spot"]
    assert view.counts["invisible", Verdict.UNDETERMINED] == 1
    assert view.counts["used", Verdict.USED] == 1
    assert sum(view.counts.values()) == 4


def test_the_worst_mistake_is_on_the_first_line() -> None:
    whole = certificate()
    scores = [s.model_copy(update={"value": 3, "met": False}) if s.name == "false_ignored" else s for s in whole.scores]
    said = text(rendered(whole.model_copy(update={"scores": scores})))
    assert "It happened 3 times" in said
    assert "2 targets were missed" in said
    pairs = [pair.model_copy(update={"truth": "used"}) for pair in whole.pairs]
    assert certificate_view(whole.model_copy(update={"scores": [], "pairs": pairs})).false_ignored == 1


def test_the_screen_is_told_row_by_row_and_summed_up() -> None:
    said = text(rendered(certificate()))
    assert "exact, 2 rows: 1 right, 1 not ; approximate, 1 row." in said
    assert "quarter turns exact the map moves with the picture, and its channels take turns in blocks exact" in said
    assert "unclear 1" in said


def test_pose_alone_at_a_hidden_tap_is_marked() -> None:
    whole = certificate()
    hidden = whole.pairs[0].model_copy(update={"tap": "conv2", "pose_only": True, "truth": "pose"})
    said = text(rendered(whole.model_copy(update={"pairs": [hidden, *whole.pairs[1:]]})))
    assert "at conv2" in said
    assert "as pose only" in said
    assert "A hidden tap holds it as a turn" in said
    assert "as pose only" not in text(rendered(whole))


def test_an_empty_certificate_renders() -> None:
    bare = certificate().model_copy(
        update={
            "scores": [],
            "plants": [],
            "pairs": [],
            "doses": [],
            "coverage": [],
            "headlines": [],
            "uncovered": [],
            "screens": [],
        }
    )
    assert "No verdicts were examined." in text(rendered(bare))


def test_under_the_policy_of_a_report_and_deaf_to_names() -> None:
    whole = certificate()
    plants = [plant.model_copy(update={"name": EVIL, "code": EVIL, "construction": EVIL}) for plant in whole.plants]
    pairs = [pair.model_copy(update={"plant": EVIL, "feature": EVIL, "truth": EVIL}) for pair in whole.pairs]
    html = rendered(whole.model_copy(update={"plants": plants, "pairs": pairs, "uncovered": [EVIL]}))
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'" in html
    assert not re.findall(r"<script|<img src=x|\u202e|https?:|url\(", html)
