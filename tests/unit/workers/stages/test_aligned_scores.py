"""Pair scores of misaligned codes against their closed forms."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
import pytest

from schemas.results import ConceptScore
from tests.builders.posed_codes import PosedCodes, a_view, posefree, quarter_turns
from tests.builders.posed_stages import TAP, run_posed, shapes
from workers.concepts.scores import Score, pair_score
from workers.intake.reference import ReferenceData, dump_dataset
from workers.stages import aligned_scores, invariant, scores
from workers.stages.aligned_scores import aligned_score, beyond_chance, pairs_each, standardised, thinned
from workers.stages.posefree import PoseFree
from workers.stages.references import choose
from workers.stages.stage import pack
from workers.symmetry.orbits import permutations_of, shifts_of

CODES = PosedCodes.drawn(n=1200)


def same(labels: np.ndarray, m: int = 1000, seed: int = 0) -> np.ndarray:
    """Pairs of rows that share a label."""
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([rng.choice(np.flatnonzero(labels == one), (m, 2)) for one in np.unique(labels)])
    kept = drawn[drawn[:, 0] != drawn[:, 1]]
    return kept[rng.permutation(len(kept))[:m]].astype(np.int64)


def test_misaligned_codes_pull_the_score_of_a_kept_concept_down_and_alignment_lifts_it() -> None:
    """One lit cell of eight: pairs of a kind agree in a quarter of the poses, (1/4 - 1/8) / (7/8) = 1/7."""
    pairs = same(CODES.kind)
    assert pair_score(CODES.values.reshape(len(CODES.values), -1), pairs) == pytest.approx(1 / 7, abs=0.05)
    assert pair_score(CODES.projected(), pairs) == pytest.approx(1.0, abs=0.02)
    found = aligned_score(standardised(CODES.values, quarter_turns()), pairs, posefree(), np.random.default_rng(1))
    assert found is not None
    assert found.value == pytest.approx(1.0, abs=0.02)
    assert "beyond what that does to random pairs" in found.method


def test_pairs_that_share_nothing_score_nothing_although_each_is_moved_to_be_alike() -> None:
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((600, 1, 4, 4)).astype(np.float32)
    orbit = quarter_turns((1, 4, 4))
    pairs = rng.permutation(600).reshape(-1, 2)
    opened = PoseFree(a_view(), orbit, None)
    moved = opened.aligned(noise[pairs[:, 1]], to=noise[pairs[:, 0]])
    both = np.concatenate([noise[pairs[:, 0]], moved]).reshape(600, -1)
    sides = np.stack([np.arange(300), np.arange(300, 600)], axis=1)
    assert pair_score(both, sides) > 0.15  # the trap: the nearest of four poses is near by choice
    found = aligned_score(standardised(noise, orbit), pairs, opened, rng)
    assert found is not None
    assert found.low < 0 < found.high
    assert found.high - found.low < 0.35


def test_the_pose_itself_is_no_concept_once_aligned() -> None:
    values, rng = standardised(CODES.values, quarter_turns()), np.random.default_rng(3)
    found = aligned_score(values, same(CODES.pose), posefree(), rng)
    assert found is not None
    assert found.low < 0 < found.high


def test_where_all_images_are_one_orbit_there_is_nothing_to_score() -> None:
    one = CODES.kind == 0
    values = standardised(CODES.values[one], quarter_turns())
    assert aligned_score(values, same(CODES.pose[one]), posefree(), np.random.default_rng(4)) is None
    assert aligned_score(values, np.array([[0, 1], [2, 3]]), posefree(), np.random.default_rng(4)) is None


ORBITS = [
    quarter_turns((3, 4, 4)), shifts_of((3, 4, 5)), shifts_of((4, 5, 3), (0, 1)), permutations_of((6, 2), (0,)),
]  # fmt: skip


@pytest.mark.parametrize("orbit", ORBITS)
def test_scaling_units_does_not_break_the_action(orbit) -> None:
    """Scaled and then moved is moved and then scaled: a turned value stays a value of the tap."""
    rng = np.random.default_rng(5)
    values = (3 * rng.standard_normal((50, *orbit.shape)) + 2).astype(np.float32)
    move = orbit.moves[1] if orbit.moves else (lambda one: one[:, ::-1])
    if not (orbit.moves or orbit.nodes):
        move = partial(np.roll, shift=(1, 2), axis=tuple(1 + axis for axis in orbit.maps))
    scaled = standardised(np.concatenate([values, move(values)]), orbit)
    np.testing.assert_allclose(scaled[50:], move(scaled[:50]), atol=1e-4)
    assert abs(float(np.square(scaled).mean()) - 1) < 0.05


def test_chance_is_taken_off_and_its_doubt_is_kept() -> None:
    of, chance = Score(0.6, 0.5, 0.7, 0.95, 100, 0.1), Score(0.2, 0.17, 0.23, 0.95, 100, 0.1)
    found = beyond_chance(of, chance)
    assert found.value == pytest.approx(0.5)
    margin = np.hypot(0.1 / 0.8, 0.03 * 0.4 / 0.64)
    assert (found.low, found.high) == pytest.approx((0.5 - margin, 0.5 + margin))


def test_memory_is_bounded_by_pairs_not_by_the_dataset() -> None:
    assert pairs_each(8000, 3) == 1000
    assert pairs_each(100_000, 16) * 2 * 16 <= aligned_scores.MOST_IMAGES
    pairs = np.arange(2000).reshape(-1, 2)
    assert len(thinned(pairs, 100)) == 100
    assert thinned(pairs, 100)[-1].tolist() == pairs[-1].tolist()
    assert thinned(pairs, 5000) is pairs


def test_the_stage_scores_a_viewed_tap_three_times_and_others_once() -> None:
    """A real file that quarter turns commute with; what pairs share is everything but the pose."""
    upright, labels = shapes(45)
    images = np.concatenate([upright, np.rot90(upright, axes=(1, 2))])
    dataset = {"dataset": dump_dataset(ReferenceData(images, np.tile(labels, 2), (), ()))}
    seen = run_posed(invariant.run, "invariant", inputs=dataset)
    rng, place = np.random.default_rng(6), np.argsort(choose(90, 90, 0))
    turned = np.stack([place[:45], place[45:]], axis=1)
    names = np.frombuffer(json.dumps(["thing", "chance"]).encode(), np.uint8)
    wide = {TAP: rng.standard_normal((90, 5)), "logits": rng.standard_normal((90, 3))}
    inputs: dict[str, bytes] = {
        "pairs": pack({"names": names, "pairs:0": turned, "pairs:1": rng.permutation(90).reshape(-1, 2)}),
        "wide": pack(wide), "untrained": pack({"logits": wide["logits"]}), "invariant": seen.outputs["wide"],
        "codes": pack({"means": rng.standard_normal((90, 4)).astype(np.float32)}), **dataset,
    }  # fmt: skip
    found: dict[str, Any] = json.loads(run_posed(scores.run, "scores", inputs=inputs).outputs["scores"])
    codes, tap, logits = (ConceptScore.model_validate(one) for one in found["thing"])
    assert (codes.invariant, codes.aligned, logits.invariant, logits.aligned) == (None,) * 4
    assert tap.invariant is not None
    assert tap.aligned is not None
    assert min(tap.invariant.value, tap.aligned.value) > 0.98
    chance = ConceptScore.model_validate(found["chance"][1])
    assert chance.invariant is not None
    assert chance.aligned is not None
    assert max(chance.invariant.low, chance.aligned.low) < 0.05
