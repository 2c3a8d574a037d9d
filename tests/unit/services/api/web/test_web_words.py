"""Ages, times and states in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.audits import AuditState, StageState
from schemas.policies import Outcome
from schemas.schedules import OccurrenceState
from services.api.web import words

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1\u202fmin ago"),
        (timedelta(hours=1), "1\u202fh ago"),
        (timedelta(hours=47, minutes=59), "47\u202fh ago"),
        (timedelta(hours=48), "2 days ago"),
        (timedelta(days=14), "2026-11-08"),
        (-timedelta(seconds=5), "in a moment"),
        (-timedelta(minutes=90), "in 1\u202fh"),
        (-timedelta(days=3), "in 3 days"),
    ],
)
def test_age(ago: timedelta, text: str) -> None:
    assert words.age(NOW - ago, NOW) == text


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.timezones()))
def test_a_moment_says_exactly_when_in_utc(then: datetime) -> None:
    told = words.moment(then)
    exact = told.partition('datetime="')[2].partition('"')[0]
    assert datetime.fromisoformat(exact) == then.astimezone(UTC).replace(microsecond=0)
    assert exact.endswith("+00:00")


@pytest.mark.parametrize(
    ("table", "states"),
    [
        (words.STATES, AuditState),
        (words.GATES, Outcome),
        (words.RULES, Outcome),
        (words.STAGE_STATES, StageState),
        (words.OCCURRENCES, OccurrenceState),
    ],
)
def test_every_state_has_a_word_and_a_shape_of_its_own(table: dict[str, words.Word], states: type) -> None:
    assert set(table) == set(states)
    assert len({word.text for word in table.values()}) == len(table)
    failed = {word.shape for word in table.values() if word.tone == "wrong"}
    fine = {word.shape for word in table.values() if word.tone == "good"}
    assert not failed & fine
