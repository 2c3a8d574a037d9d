"""What speaks against a change, and what a comparison rests on that its audits would not have trusted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.results import Effect, Estimate, Finding, Verdict
from tests.builders import results
from tests.builders.compared_sides import NETWORKS, N, by, side
from workers.evidence import gates
from workers.evidence.bootstrap import Interval
from workers.evidence.effect_states import EffectEvidence
from workers.evidence.verdicts import Evidence, decide
from workers.stages.action_witness import ACTIONS
from workers.stages.comparing.answers import compare_answers
from workers.stages.comparing.effects import failed_kinds
from workers.stages.comparing.objections import contradicted, objections_to
from workers.stages.comparing.representations import doubts, sample_deviation_of, total_invariance_of
from workers.stages.comparing.sides import Sides
from workers.stages.comparing.words import limits_of
from workers.stages.findings import METHODS
from workers.stages.gates import LEAKAGE

NOTHING, NEAR, SHOWN = (0.0, 0.005), (0.01, 0.035), (0.045, 0.09)
Bounds = tuple[float, float]


def effect(bounds: Bounds, method: str = METHODS["generated"], alone: bool = True) -> Effect:
    low, high = bounds
    found = Estimate(
        value=(low + high) / 2, low=low, high=high, n=500, method="planted", joint_low=low, joint_high=high
    )
    return Effect(flip_rate=found, total_variation=found, method=method, confirmed=1.0, alone=alone)


def turned_whole(bounds: Bounds) -> Effect:
    return effect(bounds, "acted on", alone=False)


def finding(*effects: Effect, verdict: Verdict = Verdict.USED) -> Finding:
    made = results.finding("age", verdict=verdict)
    return made.model_copy(update={"effect": effects[0], "other_effects": list(effects[1:])})


@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        ([effect(SHOWN), turned_whole(NOTHING)], True),
        ([effect(NEAR), turned_whole(NOTHING)], True),
        ([effect(NOTHING), effect(SHOWN, METHODS["factor"]), turned_whole(NOTHING)], True),
        ([effect(NOTHING), turned_whole(NOTHING)], False),
        ([effect(SHOWN), turned_whole(SHOWN)], False),
        ([effect(SHOWN), turned_whole(NEAR)], False),
        ([effect(SHOWN)], False),
        ([effect(SHOWN, METHODS["exact"]), turned_whole(NOTHING)], False),
        ([effect(NOTHING, METHODS["exact"]), effect(SHOWN), turned_whole(NOTHING)], True),
    ],
)
def test_a_witness_contradicts_what_edits_of_the_code_show(effects: list[Effect], expected: bool) -> None:
    assert contradicted(finding(*effects)) is expected


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_change_that_a_witness_contradicts_in_either_audit_is_not_claimed(where: str) -> None:
    sound, denied = finding(effect(SHOWN)), finding(effect(SHOWN), turned_whole(NOTHING))
    sides = Sides(*(side(name, findings=[denied if name == where else sound]) for name in ("before", "after")))
    (words,) = objections_to(sides, "age", "logits")
    assert words.startswith(f"In the audit {where} moving the whole input changes age and, as is shown, no answers.")
    alike = Sides(*(side(name, findings=[sound]) for name in ("before", "after")))
    assert objections_to(alike, "age", "logits") == []


BOUNDS = st.tuples(st.floats(0, 0.1), st.floats(0, 0.05)).map(lambda pair: (pair[0], pair[0] + pair[1]))
CODED: tuple[Literal["generated", "factor"], ...] = ("generated", "factor")


@given(st.lists(st.tuples(BOUNDS, st.sampled_from(CODED)), min_size=1, max_size=3), BOUNDS)
def test_whatever_an_audit_does_not_call_used_for_a_witness_is_contradicted(
    edits: list[tuple[Bounds, Literal["generated", "factor"]]], acted: Bounds
) -> None:
    def interval(bounds: Bounds) -> Interval:
        return Interval(sum(bounds) / 2, *bounds, 0.95, 500, "planted", *bounds)

    coded = [EffectEvidence(method, interval(bounds), interval(bounds), None, 1.0) for bounds, method in edits]
    witness = EffectEvidence("action", interval(acted), interval(acted), None, 1.0, group=ACTIONS[0])
    verdicts = [decide(Evidence(effects=effects)).verdict for effects in (tuple(coded), (*coded, witness))]
    told = finding(*(effect(bounds, METHODS[method]) for bounds, method in edits), turned_whole(acted))
    if verdicts[0] != verdicts[1]:
        assert contradicted(told)


def test_a_verdict_that_came_out_otherwise_or_not_at_all_objects() -> None:
    said, again = finding(effect(SHOWN)), finding(effect(SHOWN), verdict=Verdict.UNDETERMINED)
    plain = side("before", findings=[said])
    (words,) = objections_to(Sides(plain, side("after", findings=[again], said=[said])), "age", "logits")
    assert words == "The audit after said used; measured again by this release it is undetermined."
    (missing,) = objections_to(Sides(plain, side("after", said=[said])), "age", "logits")
    assert missing == "The audit after said used; this release does not look at it there."


def test_numbers_that_are_not_those_of_the_report_are_told() -> None:
    known, again = side("before"), side("after", networks={**NETWORKS, "evidence": "b" * 64})
    assert (known.refitted, again.refitted) == (False, True)
    sides = Sides(known, again)
    told = [words for words in limits_of(sides, compare_answers(sides)) if "again for this comparison" in words]
    assert len(told) == 1
    assert "audit after" in told[0]


CHECKS = (
    gates.COMPLETENESS, f"{gates.ROUND_TRIP}:hidden", f"{gates.PERMUTED}:logits", f"{gates.READABILITY}:age", LEAKAGE,
)  # fmt: skip


def test_checks_that_failed_are_told_and_put_samples_in_doubt() -> None:
    """Those that bear on a feature object there; the VAE is a second opinion and shows nothing here."""
    failed = side("before", failed=CHECKS)
    sides = Sides(failed, side("after"))
    (told,) = (words for words in limits_of(sides, compare_answers(sides)) if words.startswith("Checks that failed"))
    assert f"in the audit before: {', '.join(CHECKS[:3])}." in told
    assert doubts(failed, "hidden") == [*CHECKS[:2]]
    assert doubts(failed, "logits") == [gates.COMPLETENESS]
    assert doubts(sides.after, "logits") == []
    assert failed_kinds(failed, "age") == {gates.COMPLETENESS, gates.READABILITY}


def test_a_limit_names_only_so_many_checks() -> None:
    sides = Sides(side("before", failed=tuple(f"{kind}:hidden" for kind in map(str, range(15)))), side("after"))
    (told,) = (words for words in limits_of(sides, compare_answers(sides)) if words.startswith("Checks that failed"))
    assert "11:hidden and 3 more." in told


def drawn(seed: int, spread: float) -> dict[str, Any]:
    """Codes of two dimensions: the answer fixes the first and leaves the second free, ``spread`` as far."""
    rng = np.random.default_rng(seed)
    codes = np.random.default_rng(0).normal(size=(N, 2)) * (1, spread)
    draws = np.repeat(codes[:, None], 16, axis=1)
    draws[:, :, 1] = spread * rng.normal(size=(N, 16))
    return {"rows": np.arange(N), "draws": draws, "codes": codes}


@pytest.mark.parametrize("network", ["a", "z"])
def test_codes_of_other_autoencoders_say_nothing_of_invariance(network: str) -> None:
    """One classifier and two autoencoders: each spreads what is free as it likes."""
    samples = {"rows": np.arange(N), "deviation": np.ones((N, 4)), "random": np.ones(1)}
    made = []
    for name, own, spread in (("before", "a", 1.0), ("after", network, 1.0 if network == "a" else 1.7)):
        one = side(name, networks={**NETWORKS, "autoencoder": own * 64})
        kept = {"diagnostics:logits": drawn(1, spread), "samples:logits": samples}
        one.context.arrays = kept.__getitem__  # type: ignore[method-assign]
        made.append(replace(one))
    found = [of(Sides(*made), "logits", by()) for of in (total_invariance_of, sample_deviation_of)]
    if network == "z":
        assert found == [None, None]
    else:
        assert [one.difference.value for one in found if one is not None] == [0, 0]
