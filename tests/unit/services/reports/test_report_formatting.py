"""Numbers and names as a person reads them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.results import Estimate
from services.reports import formatting as f


def plain(text: str) -> str:
    return text.replace(f.SPACE, " ").replace(f.NO_BREAK, " ")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.003, "0.3 %"),
        (0.0003, "< 0.1 %"),
        (-0.0003, "0 %"),
        (-0.002, "−0.2 %"),
        (0.0996, "10 %"),
        (0.5, "50 %"),
        (0.998, "99.8 %"),
        (0.99999, "100 %"),
        (1.0, "100 %"),
        (None, "not measured"),
        (float("nan"), "not measured"),
    ],
)
def test_percent(share: float | None, text: str) -> None:
    assert plain(f.percent(share)) == text


def test_a_share_that_is_not_everything_is_never_shown_as_everything() -> None:
    assert plain(f.percent(0.9994)) == "99.9 %"


@given(st.floats(0, 1))
def test_percent_is_close_to_the_share(share: float) -> None:
    digits = plain(f.percent(share)).removesuffix(" %")
    if not digits.startswith("<"):
        assert abs(float(digits) / 100 - share) <= 0.00501


def interval(low: float, high: float) -> Estimate:
    return Estimate(value=(low + high) / 2, low=low, high=high, n=10, method="m")


def test_intervals_use_an_en_dash_and_words_beside_a_minus() -> None:
    assert plain(f.percent_interval(interval(0.001, 0.007))) == "0.1–0.7 %"
    assert plain(f.percent_interval(interval(-0.001, 0.007))) == "−0.1 to 0.7 %"
    assert plain(f.confidence(interval(0.12, 0.16))) == "95 % CI 12–16 %"


def test_joint_bounds_where_there_are_any() -> None:
    wide = interval(0.01, 0.05).model_copy(update={"joint_low": -0.01, "joint_high": 0.08})
    assert plain(f.joint_interval(wide) or "") == "−1.0 to 8.0 %"
    assert f.joint_interval(interval(0.01, 0.05)) is None


def test_an_interval_without_ends_says_so() -> None:
    assert f.percent_interval(interval(float("nan"), 0.1)) == "interval not measured"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("inf"), "–"),
        (0.0, "0"),
        (-0.112, "−0.112"),
        (1234.0, "1,234"),
        (-1140.3, "−1,140"),
        (999.4, "999"),
        (999.6, "1,000"),
        (0.00002, "2 × 10⁻⁵"),
        (-3.14e12, "−3.14 × 10¹²"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert plain(f.number(value)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (151, "2 min 31 s"), (7800, "2 h 10 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert plain(f.duration(seconds)) == text


def test_sizes_and_counts() -> None:
    assert plain(f.size(412_345)) == "412 kB"
    assert plain(f.size(3)) == "3 bytes"
    assert f.plural(1, "gate") == "1 gate"
    assert f.plural(5000, "image") == "5,000 images"


def test_dates_are_in_utc() -> None:
    east = datetime(2026, 11, 22, 1, 44, tzinfo=timezone(timedelta(hours=3)))
    assert f.date(east) == "21 November 2026, 22:44 UTC"
    assert f.date(datetime(2026, 11, 2, 1, 4)) == "2 November 2026, 01:04 UTC"


def test_names_that_turn_the_text_around_show_a_box() -> None:
    assert f.clean("abc\u202egnp.exe\u2066\x00\x1b[31m") == "abc\ufffdgnp.exe\ufffd\ufffd\ufffd[31m"
    assert f.clean("שלום ñ 数字 👩‍🔬") == "שלום ñ 数字 👩‍🔬"


@given(st.text(), st.integers(4, 60))
def test_shortened_names_fit_and_keep_their_ends(text: str, limit: int) -> None:
    short = f.shorten(text, limit)
    assert len(short) <= limit
    assert short == f.clean(text) or ("…" in short and f.clean(text)[0] == short[0] and f.clean(text)[-1] == short[-1])


@pytest.mark.parametrize(("value", "shown"), [(0.1249, "0.12"), (-0.0021, "0.00"), (-0.29, "-0.29"), (None, "–")])
def test_scores_have_two_decimals_and_no_sign_on_nothing(value: float | None, shown: str) -> None:
    assert f.hundredths(value) == shown.replace("-", f.MINUS)


@pytest.mark.parametrize(
    ("value", "low", "high", "text", "interval"),
    [
        (0.61, 0.57, 0.65, "+61", "57–65"),
        (-0.31, -0.34, -0.28, "−31", "−34 to −28"),
        (0.0004, -0.006, 0.006, "< 0.1", "−0.6 to 0.6"),
        (0.0, -0.01, 0.01, "0", "−1.0 to 1.0"),
        (float("nan"), 0.0, 0.1, "not measured", "0–10"),
    ],
)
def test_differences_have_a_sign_and_no_unit(value: float, low: float, high: float, text: str, interval: str) -> None:
    found = Estimate(value=value, low=low, high=high, n=9, method="m", joint_low=2 * low, joint_high=2 * high)
    assert plain(f.points(found)) == text
    assert plain(f.points_interval(found)) == interval
    assert "%" not in (f.joint_points(found) or "%")


def test_bounds_that_nobody_made_are_not_shown() -> None:
    assert f.joint_points(Estimate(value=0.1, low=0.0, high=0.2, n=9, method="m")) is None
    assert f.points(None) == f.MISSING
