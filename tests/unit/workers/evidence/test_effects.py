import numpy as np
import pytest

from workers.evidence.bootstrap import resampling_weights
from workers.evidence.effects import Changes, changes, effect
from workers.evidence.movement import movement


def one_hot(answers: np.ndarray, classes: int = 3) -> np.ndarray:
    return np.eye(classes)[answers]


def test_flips_and_total_variation_in_closed_form() -> None:
    before = np.array([[0.9, 0.1], [0.6, 0.4]])
    after = np.array([[[0.2, 0.8], [0.9, 0.1]], [[0.55, 0.45], [0.6, 0.4]]])
    found = changes(before, after)
    np.testing.assert_allclose(found.flips, [0.5, 0])
    np.testing.assert_allclose(found.variation, [0.35, 0.025])


def test_unconfirmed_edits_do_not_count_as_no_effect() -> None:
    before, after = one_hot(np.array([0, 0])), one_hot(np.array([[1, 0], [0, 0]]))
    found = changes(before, after, np.array([[True, False], [False, False]]))
    assert found.flips[0] == 1
    assert np.isnan(found.flips[1])


def test_a_single_score_is_the_probability_of_the_second_class() -> None:
    found = changes(np.array([[0.2]]), np.array([[[0.9], [0.4]]]))
    np.testing.assert_allclose(found.flips, [0.5])
    np.testing.assert_allclose(found.variation, [(0.7 + 0.2) / 2])


@pytest.mark.parametrize("bad", [np.array([[np.nan, 1.0]]), np.array([[3.0, -2.0]]), np.array([[0.2, 0.2]])])
def test_answers_that_are_no_probabilities_are_refused(bad) -> None:
    with pytest.raises(ValueError, match="probabilities"):
        changes(bad, bad[:, None])


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        changes(one_hot(np.zeros(3, int)), one_hot(np.zeros((2, 4), int)))
    with pytest.raises(ValueError, match="confirmed"):
        changes(one_hot(np.zeros(2, int)), one_hot(np.zeros((2, 4), int)), np.ones((2, 3), dtype=bool))


def test_a_constant_classifier_has_no_effect_and_no_certainty(rng) -> None:
    answer = np.full((400, 10), 0.1)
    same = changes(answer, np.repeat(answer[:, None], 5, axis=1))
    found = effect(same, same, resampling_weights(400, 200, rng))
    assert found.flip_rate.value == found.total_variation.value == 0
    assert 0 < found.flip_rate.high < 0.02
    assert 0 < found.total_variation.high < 0.04
    assert found.floor is not None
    assert 0 < found.floor.high < 0.02


def test_the_excess_is_paired_and_unbiased() -> None:
    """Edit flips 20 %, floor flips 5 %: the excess is 15 % and its interval covers that."""
    rng = np.random.default_rng(0)
    hits, values = 0, []
    for _ in range(100):
        before = one_hot(np.zeros(300, int))
        edit = changes(before, one_hot((rng.uniform(size=(300, 4)) < 0.2).astype(int)))
        floor = changes(before, one_hot((rng.uniform(size=(300, 4)) < 0.05).astype(int)))
        found = effect(edit, floor, resampling_weights(300, 300, rng))
        hits += found.flip_rate.low <= 0.15 <= found.flip_rate.high
        values.append(found.flip_rate.value)
    assert np.mean(values) == pytest.approx(0.15, abs=0.005)
    assert hits / 100 >= 0.88


def test_images_without_a_valid_edit_are_left_out(rng) -> None:
    before, after = one_hot(np.zeros(100, int)), one_hot(np.ones((100, 2), int))
    confirmed = np.repeat(np.arange(100)[:, None] < 60, 2, axis=1)
    weights = resampling_weights(100, 200, rng)
    found = effect(changes(before, after, confirmed), None, weights)
    assert (found.flip_rate.value, found.flip_rate.n, found.floor) == (1, 60, None)
    with pytest.raises(ValueError, match="no image"):
        effect(changes(before, after, np.zeros((100, 2), dtype=bool)), None, weights)


def test_clean_edits_have_their_own_effect(rng) -> None:
    """All flips come from edits that moved something else: none is left on the clean ones."""
    weights, none = resampling_weights(200, 200, rng), np.zeros(200)
    flips = (np.arange(200) < 60).astype(float)
    quiet = Changes(np.where(flips > 0, np.nan, 0.0), np.where(flips > 0, np.nan, 0.0))
    found = effect(Changes(flips, flips), Changes(none, none), weights, clean=quiet, joint=0.999)
    assert found.flip_rate.value == pytest.approx(0.3)
    assert found.clean_flip_rate is not None
    assert (found.clean_flip_rate.value, found.clean_flip_rate.n) == (0.0, 140)
    assert found.clean_flip_rate.joint_high > found.clean_flip_rate.high > 0
    empty = Changes(np.full(200, np.nan), np.full(200, np.nan))
    nobody = effect(Changes(flips, flips), None, weights, clean=empty)
    assert nobody.clean_flip_rate is not None
    assert np.isnan(nobody.clean_flip_rate.value)
    assert effect(Changes(flips, flips), None, weights).clean_flip_rate is None


def test_free_and_tied_movement(rng) -> None:
    weights = resampling_weights(500, 300, rng)
    reference = rng.normal(size=(500, 1))
    agrees = np.ones((500, 6), dtype=bool)
    free = movement(rng.normal(size=(500, 6, 1)), agrees, reference, weights)
    assert free.spread.low < 1 < free.spread.high
    assert free.agreement.value == 1
    tied = movement(np.repeat(reference[:, None], 6, axis=1), agrees, reference, weights)
    assert tied.spread.value == pytest.approx(0, abs=1e-9)


def test_movement_counts_only_samples_whose_answer_stayed(rng) -> None:
    weights = resampling_weights(500, 300, rng)
    reference = rng.normal(size=(500, 1))
    readings = np.repeat(reference[:, None], 6, axis=1)
    readings[:, 3:] += 100  # moves far, but flips the answer
    agrees = np.repeat(np.arange(6)[None] < 3, 500, axis=0)
    found = movement(readings, agrees, reference, weights)
    assert found.spread.value == pytest.approx(0, abs=1e-9)
    assert found.agreement.value == pytest.approx(0.5)


def test_movement_is_unbiased_with_few_and_uneven_samples() -> None:
    rng = np.random.default_rng(5)
    values = []
    for _ in range(60):
        agrees = rng.uniform(size=(200, 3)) < 0.8
        found = movement(
            rng.normal(0, 0.5, size=(200, 3, 1)), agrees, rng.normal(size=(200, 1)), resampling_weights(200, 20, rng)
        )
        values.append(found.spread.value)
    assert np.mean(values) == pytest.approx(0.25, abs=0.01)


def test_movement_without_agreement_is_nan(rng) -> None:
    found = movement(
        np.zeros((20, 3, 1)), np.zeros((20, 3), dtype=bool), np.zeros((20, 1)), resampling_weights(20, 50, rng)
    )
    assert np.isnan(found.spread.value)
    assert found.agreement.value == 0


def test_labels_that_do_not_exclude_each_other_are_decisions_of_their_own() -> None:
    """One of 40 labels goes from 0.05 to 0.95: as shares of their sum that would be a few hundredths, and no flip."""
    before = np.full((2, 40), 0.6)
    before[:, 0], before[:, 5] = 0.99, 0.05
    after = np.repeat(before[:, None], 2, axis=1)
    after[0, 1, 5] = 0.95  # beside a stronger label: the arg max stays
    after[1, 0, 1] = 0.995  # decided as before, but now the strongest
    found = changes(before, after, independent=True)
    np.testing.assert_allclose(found.flips, [0.5, 0.5])
    np.testing.assert_allclose(found.variation, [0.45, 0.395 / 2])
    masked = changes(before, after, np.array([[True, False], [True, True]]), independent=True)
    assert masked.flips[0] == 0
    for bad in (before + 1, np.full_like(before, np.nan)):
        with pytest.raises(ValueError):
            changes(bad, after, independent=True)


def test_what_the_machinery_moves_is_measured_in_probabilities_too(rng) -> None:
    edit, floor = (Changes(np.zeros(1000), rng.uniform(0.1, 0.2, 1000)) for _ in range(2))
    found = effect(edit, floor, resampling_weights(1000, 200, rng), joint=0.999)
    assert found.floor_variation is not None
    assert found.floor_variation.value == pytest.approx(floor.variation.mean())
    assert found.floor_variation.jointly.low < found.floor_variation.low
    assert effect(edit, None, resampling_weights(1000, 200, rng)).floor_variation is None
