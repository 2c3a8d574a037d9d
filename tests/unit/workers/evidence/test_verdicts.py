import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from schemas.results import Verdict as ContractVerdict
from workers.evidence import gates as checks
from workers.evidence.bootstrap import Interval
from workers.evidence.effect_states import EffectEvidence, EffectState, one_state
from workers.evidence.gates import GateResult
from workers.evidence.retention_states import InvariantEvidence, Tied
from workers.evidence.thresholds import DEFAULT
from workers.evidence.verdicts import Evidence, Verdict, decide

NAN = float("nan")


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 0.95, 1000, "test")


LOW, VISIBLE, HALF = interval(0.0, 0.05), interval(0.6, 0.7), interval(0.02, 0.3)
NONE, SOME, MUCH = interval(-0.005, 0.005), interval(0.005, 0.1), interval(0.3, 0.4)


def edit(
    flips: Interval, variation: Interval | None = None, method="exact", floor=NONE, confirmation: float | None = 1.0,
    clean: Interval | None = None,
):  # fmt: skip
    return EffectEvidence(method, flips, variation or flips, floor, confirmation, clean, clean)


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
    broken = edit(interval(NAN, NAN))
    assert verdict(broken, edit(NONE, method="generated"), predictive=LOW) is Verdict.UNDETERMINED


def test_a_generated_effect_must_show_where_nothing_else_moved() -> None:
    tangled = edit(MUCH, method="generated", clean=NONE)
    assert one_state(tangled) is EffectState.TANGLED
    decision = decide(Evidence(LOW, LOW, (tangled,)))
    assert decision.verdict is Verdict.UNDETERMINED
    assert any("what moved along may have caused it" in reason for reason in decision.reasons)
    assert verdict(edit(MUCH, method="generated", clean=interval(NAN, NAN)), predictive=LOW) is Verdict.UNDETERMINED
    assert verdict(edit(MUCH, method="generated", clean=MUCH), predictive=LOW) is Verdict.USED
    assert verdict(edit(MUCH, clean=NONE), predictive=LOW) is Verdict.USED  # what follows an exact edit is physics


def test_absence_is_asked_of_all_edits_and_not_of_the_clean_ones() -> None:
    assert verdict(edit(SOME, method="generated", clean=NONE), predictive=LOW) is Verdict.UNDETERMINED
    assert verdict(edit(NONE, method="generated", clean=interval(NAN, NAN)), predictive=LOW) is Verdict.IGNORED


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (edit(NONE, method="factor"), "ignored"),
        (edit(MUCH, method="factor"), "undetermined"),  # a second opinion that sees an effect
        (edit(MUCH, method="factor", clean=NONE), "undetermined"),
        (edit(interval(-0.01, 0.03), method="factor"), "ignored"),  # too few edits to say anything
        (edit(interval(0.01, 0.08), method="factor"), "undetermined"),  # not shown, but hinted at
        (edit(interval(-0.01, 0.03), method="factor", confirmation=0.3), "ignored"),
        (edit(MUCH, method="factor", confirmation=0.3), "untrusted"),
        (edit(interval(NAN, NAN), method="factor"), "undetermined"),
    ],
)
def test_two_generated_edits_are_peers(second, expected) -> None:
    first = edit(NONE, method="generated")
    assert verdict(first, second, predictive=LOW) == expected
    assert verdict(second, first, predictive=LOW) == expected


def test_no_failed_generator_objects_to_an_exact_edit() -> None:
    weak = edit(MUCH, method="factor", confirmation=0.2)
    assert verdict(edit(NONE), weak, predictive=LOW) is Verdict.IGNORED
    assert verdict(edit(NONE), edit(MUCH, method="factor"), predictive=LOW) is Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("separable", "stratified", "expected"),
    [
        (True, LOW, "ignored"),
        (True, VISIBLE, "encoded_unused"),
        (True, HALF, "undetermined"),
        (True, None, "undetermined"),
        (True, interval(NAN, NAN), "undetermined"),
        (False, None, "undetermined"),
        (False, LOW, "undetermined"),  # noise within strata that hold nothing
    ],
)
def test_tied_features_are_judged_within_strata(separable, stratified, expected) -> None:
    tied = Tied(("label",), separable, stratified)
    decision = decide(Evidence(VISIBLE, VISIBLE, (edit(NONE),), tied))
    assert decision.verdict == expected
    assert any("label" in reason for reason in decision.reasons)
    assert any("not separable in these references" in reason for reason in decision.reasons) is not separable
    assert decide(Evidence(VISIBLE, VISIBLE, (edit(MUCH),), tied)).verdict is Verdict.USED  # effects decide
    assert decide(Evidence(LOW, LOW, (edit(NONE),), tied)).verdict is Verdict.IGNORED  # nor does the tie show


def test_a_failed_probe_takes_its_strata_along() -> None:
    tied = Tied(("label",), True, LOW)
    assert decide(Evidence(VISIBLE, None, (edit(NONE),), tied), failed(checks.PERMUTED)).verdict is Verdict.UNTRUSTED


def action(flips: Interval, variation: Interval | None = None, **more) -> EffectEvidence:
    return replace(edit(flips, variation, method="action", **more), group="c4")


@pytest.mark.parametrize("method", ["generated", "factor"])
def test_an_action_that_changes_no_answer_contradicts_a_generated_effect(method) -> None:
    shown = edit(MUCH, method=method, clean=MUCH)
    decision = decide(Evidence(LOW, LOW, (shown, action(NONE))))
    assert decision.verdict is Verdict.UNDETERMINED
    said = " ".join(decision.reasons)
    assert "Turning the whole picture by quarter turns changes it as well, and 0.0% (-0.5% to 0.5%) of answers" in said
    assert "may be its own distortion" in said
    loud, broken = action(NONE, floor=MUCH), action(interval(NAN, NAN))
    for unheard in (action(MUCH), action(SOME), action(NONE, MUCH), loud, broken):
        assert verdict(shown, unheard, predictive=LOW) is Verdict.USED
    assert verdict(shown, action(NONE, confirmation=0.5), predictive=LOW) is Verdict.USED
    assert verdict(shown, action(NONE), gates=failed(checks.COMPLETENESS)) is Verdict.UNDETERMINED


def test_an_action_shows_nothing_by_itself() -> None:
    for flips, retention in itertools.product((NONE, SOME, MUCH), (LOW, VISIBLE)):
        decision = decide(Evidence(predictive=retention, effects=(action(flips),)))
        assert decision.verdict is Verdict.UNDETERMINED
        assert "Its effect on the answer was not measured." in decision.reasons


def test_an_action_leaves_what_other_edits_show_alone() -> None:
    for flips in (NONE, MUCH):
        assert verdict(edit(MUCH), action(flips), predictive=LOW) is Verdict.USED  # an exact transform
        assert verdict(edit(NONE, method="generated"), action(flips), predictive=LOW) is Verdict.IGNORED
        assert verdict(edit(SOME, method="generated"), action(flips), predictive=LOW) is Verdict.UNDETERMINED


NUMBERS = st.one_of(st.floats(-0.1, 1.2), st.sampled_from([0.0, 0.005, 0.02, 0.03, 0.04, 0.05, 0.1, 0.5, 0.9, NAN]))
ANY = st.tuples(NUMBERS, NUMBERS).map(lambda pair: interval(*sorted(pair)))
SMALL = st.sampled_from([NONE, NONE, NONE, LOW, interval(-0.01, 0.019), SOME, MUCH]) | ANY
RETENTION = st.sampled_from([None, LOW, LOW, interval(0.0, 0.099), HALF, VISIBLE]) | ANY
EDITS = st.builds(
    EffectEvidence,
    st.sampled_from(["exact", "generated", "factor"]),
    SMALL,
    SMALL,
    st.none() | SMALL,
    st.sampled_from([1.0, 1.0, 0.9, 0.8, 0.79, 0.2, None]),
    st.none() | SMALL,
    st.none() | SMALL,
)
TIES = st.none() | st.builds(Tied, st.just(("label",)), st.booleans(), RETENTION)
VIEWS = st.builds(InvariantEvidence, st.just("c4"), st.booleans(), st.booleans(), *[RETENTION] * 6)
EVIDENCE = st.builds(Evidence, RETENTION, RETENTION, st.lists(EDITS, max_size=3).map(tuple), TIES, st.none() | VIEWS)
KINDS = [
    checks.COMPLETENESS, checks.READABILITY, checks.ROUND_TRIP, checks.LIKELIHOOD,
    checks.INDEPENDENCE, checks.MONOTONE, checks.MONOTONE_INVARIANCE, checks.PERMUTED, checks.CONSTANT,
    checks.of_view(checks.LIKELIHOOD),
]  # fmt: skip
PASSES = st.sampled_from([True, True, True, False])
GATES = st.lists(st.builds(GateResult, st.sampled_from(KINDS), PASSES, st.none(), st.none(), st.just("x")), max_size=2)


ACTS = st.builds(
    EffectEvidence, st.just("action"), SMALL, SMALL, st.none() | SMALL, st.sampled_from([1.0, 1.0, 0.8, 0.2, None]),
    group=st.just("c4"),
)  # fmt: skip
WEAKER = {Verdict.USED: {Verdict.USED, Verdict.UNDETERMINED, Verdict.UNTRUSTED},
          Verdict.UNTRUSTED: {Verdict.UNTRUSTED, Verdict.UNDETERMINED}}  # fmt: skip


@settings(max_examples=800, deadline=None)
@given(EVIDENCE, GATES, st.lists(ACTS, min_size=1, max_size=2))
def test_an_action_never_leads_to_a_denial(evidence: Evidence, gates: list[GateResult], acts) -> None:
    """It can take ``used`` away where no exact edit shows it, and changes nothing else."""
    before = decide(evidence, gates).verdict
    after = decide(replace(evidence, effects=(*evidence.effects, *acts)), gates).verdict
    assert after in WEAKER.get(before, {before})
    shown = [one for one in evidence.effects if one.method == "exact" and one_state(one) is EffectState.PRESENT]
    if before is Verdict.USED and any((one.confirmation or 0) >= DEFAULT.confirmation for one in shown):
        assert after is Verdict.USED


def test_the_search_finds_effects_that_actions_contradict() -> None:
    search = settings(max_examples=5000, database=None, derandomize=True, phases=[Phase.generate])

    def contradicted(case) -> bool:
        evidence, act = case
        after = replace(evidence, effects=(*evidence.effects, act))
        return decide(evidence).verdict is Verdict.USED and decide(after).verdict is Verdict.UNDETERMINED

    find(st.tuples(EVIDENCE, ACTS), contradicted, settings=search)


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
        generated_ok = not broken - {checks.PERMUTED, checks.CONSTANT, checks.of_view(checks.LIKELIHOOD)}
        usable = [
            evidence.generative if generated_ok else None,
            None if checks.PERMUTED in broken else evidence.predictive,
        ]
        known = [one for one in usable if one is not None and np.isfinite([one.value, one.low, one.high]).all()]
        assert known
        assert all(one.high < DEFAULT.retention_low for one in known) or low_within_strata(evidence, broken)
    if decision.verdict is Verdict.USED:
        assert any(one.confirmation and one.confirmation >= DEFAULT.confirmation for one in evidence.effects)


def low_within_strata(evidence: Evidence, broken: set[str]) -> bool:
    tied = evidence.tied
    shown = tied is not None and tied.separable and tied.stratified is not None and checks.PERMUTED not in broken
    return bool(shown and tied.stratified.high < DEFAULT.retention_low)


def assert_absent(evidence: Evidence, broken: set[str]) -> None:
    """Written again, without the module's own functions."""
    assert checks.CONSTANT not in broken
    exact = [one for one in evidence.effects if one.method == "exact"]
    believed = [one for one in (exact or evidence.effects) if one.confirmation is not None and one.confirmation >= 0.8]
    absent = [
        one for one in believed
        if one.flip_rate.high < DEFAULT.flip_rate and one.total_variation.high < DEFAULT.total_variation
        and (one.floor is None or one.floor.high < DEFAULT.floor_flip_rate)
    ]  # fmt: skip
    assert absent
    for one in believed:  # the others hint at nothing
        assert one in absent or (one.flip_rate.value < 0.02 and one.total_variation.value < 0.04)
    if not exact:
        assert not broken & {checks.COMPLETENESS, checks.READABILITY}


def test_an_edit_that_nearly_shows_an_effect_is_heard_beside_one_that_shows_none() -> None:
    """59 of 3,000 answers flip (joint 1.2 % to 3.1 %): that is not too little to say anything."""
    nearly, nothing = Interval(0.0197, 0.012, 0.031, 0.95, 3000, "test"), Interval(0.002, 0, 0.006, 0.95, 3000, "test")
    said, quiet = edit(nearly, method="generated"), edit(nothing, method="factor")
    assert verdict(said, quiet, predictive=LOW) is Verdict.UNDETERMINED
    few = Interval(0.0, -0.07, 0.07, 0.95, 60, "test")
    assert verdict(edit(few, method="generated"), quiet, predictive=LOW) is Verdict.IGNORED


def test_a_machinery_that_moves_probabilities_as_much_as_an_effect_would_can_hide_one() -> None:
    loud = replace(edit(NONE), floor_variation=interval(0.14, 0.16))
    assert verdict(loud, predictive=LOW) is Verdict.UNDETERMINED
    assert verdict(replace(loud, floor_variation=interval(0.0, 0.01)), predictive=LOW) is Verdict.IGNORED
    assert verdict(replace(loud, flip_rate=MUCH), predictive=LOW) is Verdict.USED


def test_what_was_judged_within_strata_is_said_of_that_part_alone() -> None:
    tied = Tied(("luminance",), True, LOW)
    beyond = decide(Evidence(None, interval(0.93, 0.95), (edit(NONE),), tied)).reasons[1]
    assert beyond.startswith("The tap does not hold it beyond luminance: ")
    assert decide(Evidence(None, LOW, (edit(NONE),), tied)).reasons[1].startswith("The tap does not hold it: ")


def test_a_concept_that_the_code_does_not_hold_gets_no_denial() -> None:
    gate = [GateResult(f"{checks.CARRIED}:mark", False, -0.25, 0.5, "made to fail")]
    for retention in (LOW, VISIBLE):
        for measures in ({"predictive": retention}, {"predictive": retention, "generative": retention}):
            assert verdict(edit(NONE, method="factor"), gates=gate, **measures) is Verdict.UNTRUSTED


WHOLLY = interval(0.95, 1.05)
"""How far the group changes the feature itself: as far as two references differ."""


def view(
    predictive: Interval | None = None, generative: Interval | None = None, *, lossless: bool = True,
    follows: bool = True, stratified: Interval | None = None, turned: Interval | None = None,
    posed: Interval | None = WHOLLY,
) -> InvariantEvidence:  # fmt: skip
    return InvariantEvidence("c4", lossless, follows, predictive, generative, stratified, turned, posed=posed)


@pytest.mark.parametrize(
    ("raw", "without_pose", "expected", "alone"),
    [
        (LOW, LOW, "ignored", False),
        (LOW, VISIBLE, "encoded_unused", False),  # misaligned codes: the pair of a kept feature looks lost
        (LOW, HALF, "undetermined", False),
        (LOW, None, "ignored", False),
        (VISIBLE, LOW, "encoded_unused", True),
        (VISIBLE, VISIBLE, "encoded_unused", False),
        (VISIBLE, HALF, "encoded_unused", False),
        (HALF, LOW, "undetermined", False),
        (HALF, VISIBLE, "encoded_unused", False),
        (None, LOW, "undetermined", False),  # a view alone never shows that the tap lost something
        (None, VISIBLE, "encoded_unused", False),
    ],
)
def test_raw_values_and_invariant_view_are_read_together(raw, without_pose, expected, alone) -> None:
    decision = decide(Evidence(None, raw, (edit(NONE),), view=view(without_pose)))
    assert (decision.verdict, decision.pose_only) == (expected, alone)
    used = decide(Evidence(None, raw, (edit(MUCH),), view=view(without_pose)))
    assert (used.verdict, used.pose_only) == (Verdict.USED, False)
    assert decide(Evidence(None, raw, view=view(without_pose))).verdict is Verdict.UNDETERMINED


def test_either_measure_of_the_view_can_show_a_feature() -> None:
    assert verdict(edit(NONE), predictive=LOW, generative=LOW, view=view(LOW, HALF)) is Verdict.UNDETERMINED
    assert verdict(edit(NONE), predictive=LOW, view=view(None, VISIBLE)) is Verdict.ENCODED_UNUSED


@pytest.mark.parametrize(
    ("lossless", "follows", "turned", "alone"),
    [
        (True, True, None, True),
        (True, True, VISIBLE, True),  # the theorem needs no second look
        (False, True, LOW, True),
        (False, True, HALF, False),
        (False, True, VISIBLE, False),
        (False, True, None, False),
        (True, False, LOW, False),  # what is divided out is not the pose of the picture
        (False, False, LOW, False),
    ],
)
def test_pose_only_is_said_where_nothing_but_the_pose_can_have_gone(lossless, follows, turned, alone) -> None:
    seen = view(LOW, lossless=lossless, follows=follows, turned=turned)
    decision = decide(Evidence(None, VISIBLE, (edit(NONE),), view=seen))
    assert (decision.verdict, decision.pose_only) == (Verdict.ENCODED_UNUSED, alone)
    assert any("as pose only:" in reason for reason in decision.reasons) is alone
    assert not any("does not find it there" in reason for reason in decision.reasons)
    assert any("whether it is held as pose only is open" in reason for reason in decision.reasons) is not alone


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("posed", [None, interval(0.0, 0.01), interval(0.5, 0.95)])
def test_what_the_group_does_not_change_is_no_pose_however_little_the_view_shows(lossless, posed) -> None:
    """That a probe finds nothing in the view is a matter of the probe: of one ring of six, or two of three, say."""
    seen = view(LOW, lossless=lossless, turned=LOW, posed=posed)
    decision = decide(Evidence(None, VISIBLE, (edit(NONE),), view=seen))
    assert (decision.verdict, decision.pose_only) == (Verdict.ENCODED_UNUSED, False)
    assert not any("pose only" in reason for reason in decision.reasons)
    assert "The view without quarter turns does not show it, or the probe does not find it there." in decision.reasons
    changes = [reason for reason in decision.reasons if "the feature itself changes" in reason.lower()]
    assert [f"by {posed.value:.2f} (" in reason for reason in changes] == [True] if posed else len(changes) == 1


def test_two_instruments_never_show_that_anything_was_lost() -> None:
    """Samples find it in the raw values; a probe reads as little of these as of the view."""
    decision = decide(Evidence(interval(0.15, 0.25), LOW, (edit(NONE),), view=view(LOW)))
    assert (decision.verdict, decision.pose_only) == (Verdict.ENCODED_UNUSED, False)
    assert not any("pose only" in reason for reason in decision.reasons)
    tied = Tied(("label",), True, VISIBLE)
    assert decide(Evidence(None, VISIBLE, (edit(NONE),), tied, view(VISIBLE, stratified=LOW))).pose_only
    assert not decide(Evidence(None, VISIBLE, (edit(NONE),), tied, view(LOW))).pose_only


def test_the_words_name_the_pose() -> None:
    posed = decide(Evidence(None, VISIBLE, (edit(NONE),), view=view(LOW))).reasons
    assert "The tap holds it as pose only: divide out quarter turns, and nothing of it is left." in posed
    assert any("changes with quarter turns by 1.00 (0.95 to 1.05)" in reason for reason in posed)
    hidden = decide(Evidence(None, LOW, (edit(NONE),), view=view(VISIBLE))).reasons
    assert any("misaligned" in reason for reason in hidden)
    assert any("without quarter turns predictive 0.65" in reason for reason in hidden)
    same = decide(Evidence(None, LOW, (edit(NONE),), view=view(LOW))).reasons
    assert not any("pose only" in reason or "misaligned" in reason for reason in same)


def test_within_strata_both_have_to_be_low() -> None:
    """The raw codes show nothing beyond the tie because they are misaligned; the view shows plenty."""
    tied = Tied(("label",), True, LOW)
    for within, expected in ((VISIBLE, "encoded_unused"), (LOW, "ignored"), (None, "undetermined")):
        found = decide(Evidence(None, VISIBLE, (edit(NONE),), tied, view(VISIBLE, stratified=within)))
        assert found.verdict == expected


def test_a_view_that_failed_its_checks_objects_and_does_not_silence_objections() -> None:
    gate = failed(checks.of_view(checks.LIKELIHOOD))
    assert verdict(edit(NONE), gates=gate, predictive=LOW, view=view(LOW, VISIBLE)) is Verdict.UNTRUSTED
    assert verdict(edit(NONE), gates=gate, predictive=LOW, view=view(LOW, LOW)) is Verdict.IGNORED
    assert verdict(edit(NONE), gates=failed(checks.LIKELIHOOD), predictive=LOW, view=view(LOW, LOW)) is Verdict.IGNORED
    unprobed = failed(checks.PERMUTED)
    disputed = {"generative": VISIBLE, "predictive": LOW}
    assert verdict(edit(NONE), gates=unprobed, **disputed) is Verdict.UNTRUSTED
    assert verdict(edit(NONE), gates=unprobed, **disputed, view=view(VISIBLE)) is Verdict.UNTRUSTED
    assert verdict(edit(NONE), gates=unprobed, generative=LOW, view=view(VISIBLE)) is Verdict.UNTRUSTED


@settings(max_examples=500, deadline=None)
@given(EVIDENCE, VIEWS, GATES)
def test_an_invariant_view_never_makes_a_feature_ignored_and_never_unmakes_use(
    evidence: Evidence, added: InvariantEvidence, gates: list[GateResult]
) -> None:
    without = decide(replace(evidence, view=None), gates)
    found = decide(replace(evidence, view=added), gates)
    if found.verdict is Verdict.IGNORED:
        assert without.verdict is Verdict.IGNORED
    assert (found.verdict is Verdict.USED) is (without.verdict is Verdict.USED)
    assert not without.pose_only
    if found.pose_only:
        assert found.verdict is Verdict.ENCODED_UNUSED
        assert without.verdict in {Verdict.ENCODED_UNUSED, Verdict.UNTRUSTED}
        assert added.lossless or added.turned.high < DEFAULT.retention_low or evidence.tied is not None
        assert added.follows
        assert added.posed.low > DEFAULT.posed
