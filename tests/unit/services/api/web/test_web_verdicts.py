"""Counts of verdicts agree with the report, and are read once."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.ports import BlobMissing
from schemas.results import AuditResult, Verdict
from services.api.web.verdicts import VerdictCounts, count_verdicts
from services.reports.view import report_view
from tests.builders import results

FEATURES = st.dictionaries(st.sampled_from(["hue", "slant", "area", "border", "ruler"]), st.sampled_from(Verdict))


def as_stored(result: AuditResult) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(result.model_dump_json())
    return loaded


@given(FEATURES, st.sampled_from([results.TAPS, ("conv", "dense/output")]))
def test_it_counts_what_the_report_groups(features: dict[str, Verdict], taps: tuple[str, ...]) -> None:
    result = results.result(features, taps=taps)
    told = Counter(view.verdict for view in report_view(result, None).features if view.verdict)
    assert count_verdicts(as_stored(result)) == dict(told)


def test_a_finding_about_the_logits_comes_before_one_about_the_last_tap() -> None:
    result = results.result({"hue": Verdict.IGNORED}, taps=("conv", "dense/output"))
    both = [*result.findings, results.finding("hue", "logits", Verdict.USED)]
    assert count_verdicts(as_stored(result.model_copy(update={"findings": both}))) == {Verdict.USED: 1}


class Store:
    """Results by digest, and how often each was read."""

    def __init__(self, **stored: bytes) -> None:
        self.stored = stored
        self.read: list[str] = []

    def get(self, digest: str) -> bytes:
        self.read.append(digest)
        if digest not in self.stored:
            raise BlobMissing(digest)
        return self.stored[digest]


def test_each_is_read_once_and_what_cannot_be_read_again_and_left_out() -> None:
    good = results.result({"hue": Verdict.USED}).model_dump_json().encode()
    store: Any = Store(good=good, broken=b"{", other=b"[]")
    counts = VerdictCounts()
    for _ in range(2):
        assert counts.of(store, ["good", "missing", "broken", "other"]) == {"good": {Verdict.USED: 1}}
    assert Counter(store.read) == {"good": 1, "missing": 2, "broken": 2, "other": 2}


def test_the_least_recently_shown_is_forgotten() -> None:
    good = results.result({"hue": Verdict.USED}).model_dump_json().encode()
    store: Any = Store(a=good, b=good, c=good)
    counts = VerdictCounts(most=2)
    for digest in "abaca":
        counts.of(store, [digest])
    assert store.read == ["a", "b", "c"]
