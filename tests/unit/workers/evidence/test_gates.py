import numpy as np
import pytest

from workers.evidence import gates
from workers.evidence.bootstrap import Interval
from workers.evidence.controls import constant_classifier, permuted_z, untrained_twin
from workers.evidence.estimators import Shares
from workers.evidence.readability import Readability


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 0.95, 100, "test")


def test_names_carry_their_tap_and_kinds_do_not() -> None:
    gate = gates.round_trip("/fc/Gemm:0", 1e-6)
    assert gate.passed
    assert gate.kind == gates.ROUND_TRIP


@pytest.mark.parametrize(
    ("gate", "passed"),
    [
        (gates.completeness(interval(0.95, 0.97)), True),
        (gates.completeness(interval(0.6, 0.7)), False),
        (gates.readable_from_codes("hue", 0.9, 1.0), True),
        (gates.readable_from_codes("hue", 0.3, 1.0), False),
        (gates.readable_from_codes("hue", 0.05, 0.05), False),  # nobody can read it
        (gates.round_trip("logits", 0.1), False),
        (gates.beats_linear_gaussian("logits", interval(0.1, 2.0)), True),
        (gates.beats_linear_gaussian("logits", interval(-0.1, 2.0)), False),
        (gates.v_independent_of_z("logits", 0.03, 0.001), True),
        (gates.v_independent_of_z("logits", 0.2, 0.001), False),
        (gates.v_independent_of_z("logits", 0.04, -3.0), True),  # a negative null does not make the gate stricter
    ],
)
def test_gates(gate, passed) -> None:
    assert gate.passed is passed
    assert gate.detail


def test_a_number_that_is_missing_never_passes() -> None:
    nan = interval(float("nan"), float("nan"))
    for gate in (
        gates.completeness(nan),
        gates.round_trip("t", float("nan")),
        gates.beats_linear_gaussian("t", nan),
        gates.v_independent_of_z("t", float("nan"), 0.0),
        gates.readable_from_codes("x", float("nan"), 1.0),
        gates.monotone_information([interval(1, 2), nan]),
    ):
        assert not gate.passed
        assert gate.value is None


def test_information_may_fall_or_stay_but_not_rise() -> None:
    falling = [interval(9, 10), interval(5, 6), interval(5.5, 6.5), interval(1, 2)]
    assert gates.monotone_information(falling).passed
    assert not gates.monotone_information([*falling, interval(3, 4)]).passed
    assert not gates.monotone_information([interval(5, 6), interval(1, 2), interval(8, 9)]).passed
    assert gates.monotone_information([interval(1, 2)]).passed
    assert gates.monotone_invariance(list(reversed(falling))).passed
    assert not gates.monotone_invariance(falling).passed
    assert gates.monotone_invariance(falling).kind == gates.MONOTONE_INVARIANCE


def test_permuted_and_constant_controls() -> None:
    silent = Readability("a", Shares(np.zeros(9), np.ones(9)), Shares(np.ones(9), np.ones(9)))
    loud = Readability("b", silent.shares, Shares(np.full(9, 0.5), np.ones(9)))
    assert permuted_z([silent]).passed
    found = permuted_z([silent, loud])
    assert not found.passed
    assert found.value == pytest.approx(0.5)
    assert found.as_gate().kind == gates.PERMUTED
    still = np.array([0.0, np.nan, 0.0])
    constant = constant_classifier(still, still)
    assert constant.passed
    assert not constant_classifier(still, np.array([0.0, 0.2, np.nan])).passed
    assert constant.as_gate().kind == gates.CONSTANT


def test_an_untrained_twin_is_told_and_never_fails() -> None:
    half = Shares(np.full(9, 0.5), np.ones(9))
    found = untrained_twin(
        {"hue": Readability("hue", half, half), "flat": Readability("flat", *[Shares(half.part, 0 * half.total)] * 2)}
    )
    assert found.passed
    assert found.value == pytest.approx(0.5)
    assert "hue 0.50" in found.detail
    assert untrained_twin({}).value is None


def test_a_rare_category_is_complete_by_itself_or_fails_the_feature() -> None:
    whole = Interval(0.97, 0.96, 0.98, 0.95, 1000, "test")
    lost = Interval(0.1, 0.03, 0.25, 0.95, 40, "test")
    gate = gates.completeness_within("kind", {"A": whole, "C": lost})
    assert (gate.name, gate.kind, gate.passed) == ("autoencoder_completeness:kind", gates.COMPLETENESS, False)
    assert "kind is C" in gate.detail
    few = Interval(0.87, 0.7, 0.95, 0.95, 30, "test")  # not shown to be lost
    assert gates.completeness_within("kind", {"A": whole, "B": few}).passed


def test_a_concept_must_be_carried_and_its_sketches_alike() -> None:
    assert gates.concept_carried("mark", 0.9).passed
    assert not gates.concept_carried("mark", -0.25, None, "Few pairs.").passed
    assert gates.concept_carried("mark", -0.25, None, "Few pairs.").detail.endswith("Few pairs")
    assert not gates.concept_carried("mark", None).passed
    assert gates.concept_carried("mark", 0.9, 0.99, "Two images define it.").passed
    weak = gates.concept_carried("mark", 0.9, 0.8, "Two images define it.")
    assert not weak.passed
    assert "Two images define it" in weak.detail
