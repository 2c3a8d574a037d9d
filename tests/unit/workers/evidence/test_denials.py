"""What codes do not hold: it can hide an effect, and makes none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from workers.evidence import gates as checks
from workers.evidence.bootstrap import Interval
from workers.evidence.effect_states import EffectEvidence
from workers.evidence.gates import GateResult
from workers.evidence.retention_states import InvariantEvidence, Tied
from workers.evidence.verdicts import NEGATIVE, Evidence, Verdict, decide


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 0.95, 1000, "test")


LOW, HALF, VISIBLE = interval(0.0, 0.05), interval(0.02, 0.3), interval(0.6, 0.7)
NONE, SOME, MUCH = interval(-0.005, 0.005), interval(0.005, 0.1), interval(0.3, 0.4)
LOST = {kind: GateResult(kind, False, 0.1, 0.9, f"made to fail: {kind}") for kind in sorted(checks.DENIALS)}


def edit(size: Interval, method: str = "generated", confirmation: float | None = 1.0) -> EffectEvidence:
    return EffectEvidence(method, size, size, NONE, confirmation)  # type: ignore[arg-type]


@pytest.mark.parametrize("gate", LOST.values(), ids=LOST)
@pytest.mark.parametrize(
    ("effects", "retention", "before", "after"),
    [
        ((edit(NONE),), {"predictive": LOW}, "ignored", "untrusted"),
        ((edit(NONE),), {"predictive": VISIBLE}, "encoded_unused", "untrusted"),
        ((edit(NONE), edit(NONE, "factor")), {"predictive": LOW}, "ignored", "untrusted"),
        ((edit(MUCH),), {"predictive": LOW}, "used", "used"),
        ((edit(MUCH), edit(SOME, "factor")), {"predictive": LOW}, "used", "used"),
        ((edit(MUCH), edit(NONE, "factor")), {"predictive": LOW}, "undetermined", "undetermined"),
        ((edit(NONE, "exact"),), {"predictive": LOW}, "ignored", "ignored"),
        ((edit(NONE, "exact"), edit(NONE)), {"predictive": LOW, "generative": LOW}, "ignored", "ignored"),
        ((edit(NONE, "exact"), edit(MUCH)), {"predictive": LOW}, "undetermined", "undetermined"),
        ((edit(NONE, "exact"),), {"generative": LOW}, "ignored", "untrusted"),
        ((edit(NONE, "exact"),), {"generative": VISIBLE}, "encoded_unused", "encoded_unused"),
        ((edit(NONE, "exact"),), {"generative": HALF, "predictive": LOW}, "undetermined", "undetermined"),
        ((), {"predictive": LOW}, "undetermined", "undetermined"),
    ],
)
def test_codes_that_lost_an_answer_show_effects_and_no_absence(gate, effects, retention, before, after) -> None:
    evidence = Evidence(effects=effects, **retention)
    assert decide(evidence).verdict == before
    assert decide(evidence, [replace(gate, passed=True)]).verdict == before
    found = decide(evidence, [gate])
    assert found.verdict == after
    assert any(gate.name in reason and gate.detail in reason for reason in found.reasons)
    assert not any("reached its target on only 100%" in reason for reason in found.reasons)


def test_an_undetermined_verdict_does_not_deny_in_its_reasons() -> None:
    evidence = Evidence(predictive=HALF, effects=(edit(NONE),))
    denial = "The answer does not depend on it"
    assert any(denial in reason for reason in decide(evidence).reasons)
    assert not any(denial in reason for reason in decide(evidence, [LOST[checks.ANSWERS]]).reasons)
    used = Evidence(generative=LOW, effects=(edit(MUCH),))
    assert any("The tap does not hold it" in reason for reason in decide(used).reasons)
    assert not any("The tap does not hold it" in reason for reason in decide(used, [LOST[checks.ANSWERS]]).reasons)


RETENTION = st.sampled_from([None, LOW, LOW, interval(0.0, 0.099), HALF, VISIBLE, interval(0.4, 0.9)])
SIZE = st.sampled_from([NONE, NONE, NONE, SOME, MUCH, interval(-0.1, 0.15), interval(float("nan"), float("nan"))])
EDITS = st.builds(
    EffectEvidence, st.sampled_from(["exact", "generated", "factor", "action"]), SIZE, SIZE, st.none() | SIZE,
    st.sampled_from([1.0, 1.0, 0.2, None]), st.none() | SIZE, st.none() | SIZE, group=st.just("c4"),
)  # fmt: skip
TIES = st.none() | st.builds(Tied, st.just(("label",)), st.booleans(), RETENTION)
VIEWS = st.none() | st.builds(InvariantEvidence, st.just("c4"), st.booleans(), st.booleans(), *[RETENTION] * 5)
EVIDENCE = st.builds(Evidence, RETENTION, RETENTION, st.lists(EDITS, max_size=3).map(tuple), TIES, VIEWS)
KINDS = [checks.COMPLETENESS, checks.LIKELIHOOD, checks.PERMUTED, checks.CONSTANT, checks.of_view(checks.LIKELIHOOD)]
OTHERS = st.lists(st.builds(GateResult, st.sampled_from(KINDS), st.booleans(), st.none(), st.none(), st.just("x")),
                  max_size=2)  # fmt: skip


@settings(max_examples=800, deadline=None)
@given(EVIDENCE, OTHERS, st.sampled_from(list(LOST.values())))
def test_a_lost_answer_never_makes_a_denial_and_never_touches_use(evidence, others, gate) -> None:
    before, after = decide(evidence, others), decide(evidence, [*others, gate])
    assert (after.verdict is Verdict.USED) is (before.verdict is Verdict.USED)
    if after.verdict in NEGATIVE:
        assert after.verdict is before.verdict
        assert any(one.method == "exact" for one in evidence.effects)
        assert before.pose_only or not after.pose_only


@pytest.mark.parametrize("verdict", [Verdict.IGNORED, Verdict.ENCODED_UNUSED, Verdict.USED])
def test_the_search_reaches_what_the_property_speaks_of(verdict) -> None:
    search = settings(max_examples=5000, database=None, derandomize=True, phases=[Phase.generate])
    gates = [LOST[checks.ANSWERS]]
    find(EVIDENCE, lambda evidence: decide(evidence, gates).verdict is verdict, settings=search)
