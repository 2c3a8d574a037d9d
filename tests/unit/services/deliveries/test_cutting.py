"""Facts of an event, cut to what an event may hold."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.deliveries.cutting import MAX_PAYLOAD, fitted

FACTS = st.dictionaries(
    st.text(max_size=40),
    st.recursive(
        st.none() | st.integers() | st.text().map(lambda text: text * 500),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=40), inner),
    ),
)


@given(FACTS)
def test_whatever_happened_fits_into_an_event(facts: dict[str, Any]) -> None:
    told = fitted(facts)
    assert len(json.dumps(told)) <= MAX_PAYLOAD
    if len(json.dumps(facts)) <= MAX_PAYLOAD:
        assert told == facts


def test_ids_and_digests_stay_whole_and_the_longest_texts_are_cut_only() -> None:
    facts = {"audit": "aud_" + "1" * 24, "classifier": {"digest": "f" * 64}, "problem": {"detail": "d" * 100_000}}
    told = fitted(facts)
    assert told | {"problem": None} == facts | {"problem": None}
    assert told["problem"] == {"detail": "d" * 999 + "…"}


def test_what_has_no_texts_to_cut_loses_its_longest_fact() -> None:
    assert fitted({"audit": "aud_1", "counts": list(range(10_000))}) == {"audit": "aud_1"}
