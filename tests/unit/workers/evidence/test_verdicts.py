import itertools

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from schemas.results import Verdict as ContractVerdict
from workers.evidence import gates as checks
from workers.evidence.bootstrap import Interval
from workers.evidence.gates import GateResult
from workers.evidence.thresholds import DEFAULT
from workers.evidence.verdicts import EffectEvidence, Evidence, MovementEvidence, Verdict, decide

NAN = float("nan")


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 0.95, 1000, "test")


LOW, VISIBLE, HALF = interval(0.0, 0.05), interval(0.6, 0.7), interval(0.02, 0.3)
NONE, SOME, MUCH = interval(-0.005, 0.005), interval(0.005, 0.1), interval(0.3, 0.4)


def edit(
    flips: Interval, variation: Interval | None = None, method="exact", floor=NONE, confirmation: float | None = 1.0
):
    return EffectEvidence(method, flips, variation or flips, floor, confirmation)


def failed(*names: str) -> list[GateResult]:
    return [GateResult(f"{name}:logits", False, 0.0, 1.0, "made to fail") for name in names]


def verdict(*effects: EffectEvidence, gates=(), **retention) -> Verdict:
    return decide(Evidence(effects=effects, **retention), gates).verdict


def test_the_words_are_those_of_the_contract() -> None:
    assert [one.value for one in Verdict] == [one.value for one in ContractVerdict]


@pytest.mark.parametrize(
    ("effect", "retention", "expected"),
    [
        (NONE, LOW, "ignored"),
        (NONE, VISIBLE, "encoded_unused"),
        (NONE, HALF, "undetermined"),
        (NONE, None, "undetermined"),
        (MUCH, LOW, "used"),
        (MUCH, VISIBLE, "used"),
        (MUCH, HALF, "used"),
        (MUCH, None, "used"),
        (SOME, LOW, "undetermined"),
        (SOME, VISIBLE, "undetermined"),
        (None, LOW, "undetermined"),
        (None, VISIBLE, "undetermined"),
        (None, None, "undetermined"),
    ],
)
@pytest.mark.parametrize("measure", ["generative", "predictive", "both"])
def test_the_table(effect, retention, expected, measure) -> None:
    names = ("generative", "predictive") if measure == "both" else (measure,)
    effects = () if effect is None else (edit(effect),)
    decision = decide(Evidence(effects=effects, **dict.fromkeys(names, retention)))
    assert decision.verdict == expected
    assert decision.reasons
    assert all(reason.endswith(".") for reason in decision.reasons)


def test_xor_is_used_and_says_so() -> None:
    decision = decide(Evidence(LOW, LOW, (edit(MUCH),)))
    assert decision.verdict is Verdict.USED
    assert any("together with something else" in reason for reason in decision.reasons)


def test_both_retentions_must_agree() -> None:
    assert verdict(edit(NONE), generative=LOW, predictive=HALF) is Verdict.UNDETERMINED
    assert (
        verdict(edit(NONE), generative=LOW, predictive=VISIBLE) is Verdict.ENCODED_UNUSED
    )  # a probe that reads, reads
    disputed = decide(Evidence(VISIBLE, LOW, (edit(NONE),)))
    assert disputed.verdict is Verdict.UNDETERMINED
    assert any("contradict" in reason for reason in disputed.reasons)


def test_probabilities_that_move_without_flips_are_not_absent_and_not_present() -> None:
    assert verdict(edit(NONE, MUCH), predictive=LOW) is Verdict.UNDETERMINED
    assert verdict(edit(SOME, MUCH), predictive=LOW) is Verdict.USED
    assert verdict(edit(MUCH, SOME), predictive=LOW) is Verdict.USED


def test_a_machinery_that_flips_much_can_hide_an_effect() -> None:
    assert verdict(edit(NONE, floor=MUCH), predictive=LOW) is Verdict.UNDETERMINED
    assert verdict(edit(MUCH, floor=MUCH), predictive=LOW) is Verdict.USED


@pytest.mark.parametrize("confirmation", [None, 0.3])
@pytest.mark.parametrize("method", ["exact", "generated"])
def test_an_unconfirmed_edit_is_not_believed(confirmation, method) -> None:
    for effect, retention in itertools.product((NONE, MUCH), (LOW, VISIBLE)):
        found = verdict(edit(effect, method=method, confirmation=confirmation), predictive=retention)
        assert found is Verdict.UNTRUSTED


def test_a_failed_autoencoder_forbids_generated_evidence_only() -> None:
    gates = failed(checks.COMPLETENESS)
    assert verdict(edit(NONE), gates=gates, generative=LOW, predictive=LOW) is Verdict.IGNORED
    assert verdict(edit(NONE), gates=gates, generative=LOW) is Verdict.UNTRUSTED
    assert verdict(edit(MUCH, method="generated"), gates=gates, predictive=LOW) is Verdict.UNTRUSTED
    assert verdict(edit(MUCH), gates=gates) is Verdict.USED


@pytest.mark.parametrize("gate", [checks.ROUND_TRIP, checks.LIKELIHOOD, checks.INDEPENDENCE, checks.MONOTONE])
def test_a_failed_inn_forbids_samples_but_not_edits(gate) -> None:
    assert verdict(edit(NONE), gates=failed(gate), generative=LOW) is Verdict.UNTRUSTED
    assert verdict(edit(NONE), gates=failed(gate), generative=LOW, predictive=LOW) is Verdict.IGNORED
    assert verdict(edit(MUCH, method="generated"), gates=failed(gate)) is Verdict.USED


@pytest.mark.parametrize("gate", [checks.COMPLETENESS, checks.LIKELIHOOD, checks.MONOTONE])
def test_a_failed_gate_never_makes_room_for_a_denial(gate) -> None:
    """The measure that objects is laid aside with the gate; the objection is not."""
    assert verdict(edit(NONE), generative=HALF, predictive=LOW) is Verdict.UNDETERMINED
    assert verdict(edit(NONE), gates=failed(gate), generative=HALF, predictive=LOW) is Verdict.UNTRUSTED
    assert verdict(edit(NONE), gates=failed(checks.PERMUTED), generative=LOW, predictive=VISIBLE) is Verdict.UNTRUSTED


def test_failed_controls_forbid_what_rests_on_them() -> None:
    assert verdict(edit(NONE), gates=failed(checks.PERMUTED), predictive=LOW) is Verdict.UNTRUSTED
    assert verdict(edit(MUCH), gates=failed(checks.CONSTANT), predictive=LOW) is Verdict.UNTRUSTED


def test_methods_that_contradict_each_other() -> None:
    shown = edit(MUCH, method="generated")
    assert verdict(edit(NONE), shown, predictive=LOW) is Verdict.UNDETERMINED
    assert verdict(edit(MUCH), edit(NONE, method="generated"), predictive=LOW) is Verdict.USED
    assert verdict(edit(SOME), edit(NONE, method="generated"), predictive=LOW) is Verdict.UNDETERMINED


def test_laying_an_exact_edit_aside_makes_no_room_for_a_weaker_claim_of_absence() -> None:
    aside = edit(MUCH, confirmation=0.1)
    assert verdict(aside, edit(NONE, method="generated"), predictive=LOW) is Verdict.UNTRUSTED
    free = MovementEvidence(interval(0.9, 1.0), interval(0.95, 1.0), 0.0)
    assert decide(Evidence(LOW, LOW, (aside,), free)).verdict is Verdict.UNTRUSTED
    broken = edit(interval(NAN, NAN))
    assert decide(Evidence(LOW, LOW, (broken,), free)).verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("spread", "agreement", "interaction", "expected"),
    [
        (interval(0.8, 1.1), interval(0.95, 0.99), 0.0, "ignored"),
        (interval(0.8, 1.1), interval(0.95, 0.99), None, "undetermined"),  # nobody looked for XOR
        (interval(0.8, 1.1), interval(0.95, 0.99), 0.4, "undetermined"),
        (interval(0.1, 0.2), interval(0.95, 0.99), 0.0, "undetermined"),
        (interval(0.8, 1.1), interval(0.5, 0.6), 0.0, "undetermined"),
        (interval(NAN, NAN), interval(0.95, 0.99), 0.0, "undetermined"),
    ],
)
def test_movement(spread, agreement, interaction, expected) -> None:
    evidence = Evidence(LOW, LOW, (), MovementEvidence(spread, agreement, interaction))
    assert decide(evidence).verdict == expected
    if expected == "ignored":
        assert decide(evidence, failed(checks.INDEPENDENCE)).verdict is Verdict.UNTRUSTED


NUMBERS = st.one_of(st.floats(-0.1, 1.2), st.sampled_from([0.0, 0.005, 0.02, 0.03, 0.04, 0.05, 0.1, 0.5, 0.9, NAN]))
ANY = st.tuples(NUMBERS, NUMBERS).map(lambda pair: interval(*sorted(pair)))
SMALL = st.sampled_from([NONE, NONE, NONE, LOW, interval(-0.01, 0.019), SOME, MUCH]) | ANY
RETENTION = st.sampled_from([None, LOW, LOW, interval(0.0, 0.099), HALF, VISIBLE]) | ANY
EDITS = st.builds(
    EffectEvidence,
    st.sampled_from(["exact", "generated"]),
    SMALL,
    SMALL,
    st.none() | SMALL,
    st.sampled_from([1.0, 1.0, 0.9, 0.8, 0.79, 0.2, None]),
)
FREE = st.sampled_from([interval(0.8, 1.1), interval(0.92, 1.0)])
MOVES = st.builds(MovementEvidence, FREE | ANY, FREE | ANY, st.sampled_from([None, 0.0, 0.02, 0.03, 0.5]))
EVIDENCE = st.builds(Evidence, RETENTION, RETENTION, st.lists(EDITS, max_size=2).map(tuple), st.none() | MOVES)
KINDS = [
    checks.COMPLETENESS, checks.READABILITY, checks.ROUND_TRIP, checks.LIKELIHOOD,
    checks.INDEPENDENCE, checks.MONOTONE, checks.PERMUTED, checks.CONSTANT,
]  # fmt: skip
PASSES = st.sampled_from([True, True, True, False])
GATES = st.lists(st.builds(GateResult, st.sampled_from(KINDS), PASSES, st.none(), st.none(), st.just("x")), max_size=2)


@pytest.mark.parametrize("wanted", list(Verdict))
def test_the_search_reaches_every_verdict(wanted) -> None:
    """Else the property below would hold because nothing was tried."""
    search = settings(max_examples=5000, database=None, derandomize=True, phases=[Phase.generate])
    find(st.tuples(EVIDENCE, GATES), lambda case: decide(*case).verdict is wanted, settings=search)


@settings(max_examples=800, deadline=None)
@given(EVIDENCE, GATES)
def test_no_path_to_ignored_without_both_shown(evidence: Evidence, gates: list[GateResult]) -> None:
    decision = decide(evidence, gates)
    assert decision.reasons
    broken = {gate.kind for gate in gates if not gate.passed}
    if decision.verdict is Verdict.IGNORED:
        assert_absent(evidence, broken)
        generated_ok = not broken - {checks.PERMUTED, checks.CONSTANT}
        usable = [
            evidence.generative if generated_ok else None,
            None if checks.PERMUTED in broken else evidence.predictive,
        ]
        known = [one for one in usable if one is not None and np.isfinite([one.value, one.low, one.high]).all()]
        assert known
        assert all(one.high < DEFAULT.retention_low for one in known)
    if decision.verdict is Verdict.USED:
        assert any(one.confirmation and one.confirmation >= DEFAULT.confirmation for one in evidence.effects)


def assert_absent(evidence: Evidence, broken: set[str]) -> None:
    """Written again, without the module's own functions."""
    assert checks.CONSTANT not in broken
    if not evidence.effects:
        assert evidence.movement is not None
        assert evidence.movement.spread.low > DEFAULT.movement
        assert evidence.movement.interaction is not None
        return
    exact = [one for one in evidence.effects if one.method == "exact"]
    believed = [one for one in (exact or evidence.effects) if one.confirmation is not None and one.confirmation >= 0.8]
    assert believed
    for one in believed:
        assert one.flip_rate.high < DEFAULT.flip_rate
        assert one.total_variation.high < DEFAULT.total_variation
        assert one.floor is None or one.floor.high < DEFAULT.floor_flip_rate
    if not exact:
        assert not broken & {checks.COMPLETENESS, checks.READABILITY}
