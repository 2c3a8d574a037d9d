"""Whole pictures acted on: who is moved as predicted, and what a classifier that knows no turn has to say to it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from schemas.results import FeatureSource
from workers.classifier.session import Outputs
from workers.evidence.family import Family
from workers.evidence.features import FeatureColumn, fit_encoding
from workers.evidence.thresholds import DEFAULT
from workers.intake.attributes import is_usable_name
from workers.stages.action_witness import ACTIONS, ActionEdit, action_edits, action_key, split
from workers.stages.effect_estimates import edit_keys, measure_edit
from workers.stages.effects import answered, resample
from workers.stages.features import AuditedFeature, Reader
from workers.stages.intervals import Resampler, Statistician

N, SIDE = 900, 8
EDITED = np.arange(300, N)


def pictures(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A bright edge ``turn`` quarter turns from the upper one, on noise: ``(n, 8, 8, 3)`` uint8 and ``(n,)``."""
    turns = rng.integers(0, 4, N)
    images = rng.integers(0, 60, (N, SIDE, SIDE, 3)).astype(np.uint8)
    images[:, :1] = 255
    return np.stack([np.rot90(image, k) for image, k in zip(images, turns, strict=True)]), turns


def edge(images: np.ndarray) -> np.ndarray:
    """Which edge is brightest, in quarter turns from the upper one, ``(n,)``."""
    edges = (images[:, 0], images[:, :, 0], images[:, -1], images[:, :, -1])
    return np.argmax([one.mean(axis=(1, 2)) for one in edges], axis=0)


class Eye:
    """An oracle of the edge that guesses at a share of pictures, and of a column that is nowhere in the picture."""

    def __init__(self, guesses: float) -> None:
        self.guesses = guesses

    def read(self, images: np.ndarray) -> dict[str, np.ndarray]:
        rng, seen = np.random.default_rng(len(images)), edge(images)
        seen = np.where(rng.random(len(images)) < self.guesses, rng.integers(0, 4, len(images)), seen)
        shade = (images.mean(axis=(1, 2, 3)) > 40).astype(int)
        return {"turn": np.eye(4)[seen], "side": np.eye(2)[seen // 2], "shade": np.eye(2)[shade]}


def studio(names: tuple[str, ...] = ("turn",), guesses: float = 0.0) -> Any:
    images, turns = pictures(np.random.default_rng(0))
    shade = (images.mean(axis=(1, 2, 3)) > 40).astype(float)
    values = {"turn": turns.astype(float), "side": (turns // 2).astype(float), "shade": shade}
    columns = [
        FeatureColumn(name, "categorical", values[name], n_categories=4 if name == "turn" else 2) for name in names
    ]
    features = [AuditedFeature(one.name, FeatureSource.ATTRIBUTE, one, fit_encoding(one)) for one in columns]
    reader = Reader(features, Eye(guesses))  # type: ignore[arg-type]
    return SimpleNamespace(references=SimpleNamespace(images=images), features=features, reader=reader)


class Asks:
    """A classifier whose two answers hang on one bit of each picture."""

    independent = False

    def __init__(self, bit: Any) -> None:
        self.bit = bit

    def run(self, images: np.ndarray) -> Outputs:
        said = self.bit(images).astype(np.float32) * 6 - 3
        return Outputs(np.stack([-said, said], axis=1), {})

    def probabilities_of(self, logits: np.ndarray) -> np.ndarray:
        shown = np.exp(logits)
        return np.asarray(shown / shown.sum(axis=1, keepdims=True))


def knows_no_turn(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=(1, 2, 3)) > 45


def reads_the_turn(images: np.ndarray) -> np.ndarray:
    return edge(images) < 2


def edits(one: Any) -> list[ActionEdit]:
    return list(action_edits(one, EDITED, np.random.default_rng(1)))


def measured(bit: Any) -> Any:
    (edit,) = edits(studio())
    found = answered(Asks(bit), edit, resample(edit, 2, np.random.default_rng(2)), 1.0)  # type: ignore[arg-type]
    by = Statistician(Resampler(np.random.default_rng(3), 200), Family(0.95, 60))
    return measure_edit({f"{name}:{edit.key}": values for name, values in found.items()}, edit.key, "action", by)


def test_quarter_turns_carry_every_turn_to_every_other() -> None:
    (edit,) = edits(studio())
    assert (edit.carrier.group, edit.key) == ("c4", action_key("turn", "c4"))
    assert sorted(map(tuple, edit.carrier.places)) == [(1, 2, 3, 0), (2, 3, 0, 1), (3, 0, 1, 2)]
    resampled = resample(edit, 2, np.random.default_rng(0))
    assert resampled.hit.all()
    for images, targets in zip(resampled.images, resampled.targets, strict=True):
        assert np.array_equal(edge(images), targets)
        assert np.array_equal(np.sort(images.reshape(len(images), -1)), np.sort(edit.before.reshape(len(images), -1)))


def test_a_classifier_that_knows_no_turn_answers_the_same() -> None:
    found = measured(knows_no_turn)
    assert (found.estimate.flip_rate.value, found.estimate.total_variation.value) == (0, 0)
    assert found.estimate.flip_rate.joint_high < DEFAULT.flip_rate
    assert found.estimate.floor.value == 0
    assert (found.confirmed, found.group, found.alone) == (1.0, "c4", False)


def test_a_classifier_that_reads_the_turn_flips_as_often_as_targets_are_drawn() -> None:
    """Of the three other turns two are answered otherwise."""
    found = measured(reads_the_turn).estimate.flip_rate
    assert found.low < 2 / 3 < found.high


@pytest.mark.parametrize("guesses", [0.5, 1.0])
def test_an_oracle_that_guesses_sees_nothing_carried(guesses: float) -> None:
    assert edits(studio(guesses=guesses)) == []


def test_a_column_that_nothing_moves_has_no_witness() -> None:
    assert edits(studio(("shade",))) == []


def test_a_half_is_carried_by_half_turns_alone_whatever_group_they_are_of() -> None:
    """Quarter turns scatter it: the upper edge stays in its half, the left one leaves it."""
    found = edits(studio(("side",)))
    assert {one.carrier.group for one in found} == {"c4", "flips"}
    assert all(len(one.carrier.elements) == 1 for one in found)
    assert found[1].carrier.elements[0].name == "turned 180°"


def test_values_that_are_not_reached_leave_no_witness() -> None:
    """Mirrors exchange opposite edges only: an effect of the others could not be contradicted."""
    assert [one.carrier.group for one in edits(studio())] == ["c4"]


def test_what_is_learned_is_not_what_is_edited() -> None:
    for available, rows in ((900, EDITED), (900, np.arange(900)), (40, np.arange(40))):
        learnt, held_out = split(available, rows)
        assert not np.intersect1d(learnt, held_out).size
        assert len(held_out) >= len(rows) / 2
    assert np.array_equal(split(5000, np.arange(1000))[1], np.arange(1000))


def test_an_action_is_counted_beside_an_edit_only() -> None:
    (turn,) = studio().features
    quiet, acted = {"flips:turn": np.zeros(9)}, {f"flips:{action_key('turn', 'c4')}": np.zeros(9)}
    assert edit_keys(turn, quiet | acted) == [("turn", "generated"), ("turn\tc4", "action")]
    assert edit_keys(turn, acted) == []
    assert not any(is_usable_name(action_key("turn", group)) for group in ACTIONS)
