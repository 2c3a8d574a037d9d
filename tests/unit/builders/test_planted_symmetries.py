"""What the grid claims of symmetric plants is a property of their graph: here with weights that nobody trained."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from schemas.audits import SymmetryGroup
from tests.builders.planted_classifiers import background_reader
from tests.builders.planted_nets import as_input
from tests.builders.planted_plots import SYMMETRIC, TURNED, Claim
from tests.builders.planted_scenes import render
from tests.builders.planted_symmetries import augmented_reader, group_reader, placed_reader, voting_reader
from tests.builders.planted_turns import FIELDS, ORDER, Lifting, Turning, group_net, ordinary_net
from workers.classifier.runtime import with_outputs
from workers.evidence.bootstrap import resampling_weights
from workers.evidence.statistics import statistic
from workers.symmetry.equivariance import read
from workers.symmetry.groups import group_for
from workers.symmetry.tap_actions import IDENTITY
from workers.symmetry.trials import trials

PICTURES = 96
UNTRAINED: dict[str, Callable[[], bytes]] = {
    "c4": lambda: group_reader(group_net()),
    "votes": lambda: voting_reader(ordinary_net()),
    "pointwise": background_reader,
    "placed": lambda: placed_reader(group_net(place=True)),
    "augmented": lambda: augmented_reader(ordinary_net()),
}
CLAIMS = [
    pytest.param(name, claim, id=f"{name}-{claim.tap}-{claim.group.value}")
    for name, plot in SYMMETRIC.items()
    for claim in plot.claims
    if claim.truth != "approximate"
]


@cache
def pictures() -> NDArray[np.uint8]:
    return render(TURNED.draw(PICTURES))


class Opened:
    """An untrained plant with its taps as outputs; the logits are called so."""

    def __init__(self, name: str) -> None:
        torch.manual_seed(3)
        model = UNTRAINED[name]()
        self.taps = (*(SYMMETRIC[name].taps or ()), "scores")
        self.session = onnxruntime.InferenceSession(with_outputs(model, self.taps))

    def __call__(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        found = self.session.run(list(self.taps), {"image": as_input(images)})
        return dict(zip(("logits" if tap == "scores" else tap for tap in self.taps), found, strict=True))


opened = cache(Opened)
weights = cache(partial(resampling_weights, resamples=200, generator=np.random.default_rng(0)))


@cache
def readings(name: str, group: str) -> dict[str, object]:
    known = group_for(group, (20, 20, 3), np.random.default_rng(0))
    found = trials(opened(name), pictures(), [known])
    return {
        tap: read([one for one in tried if tap != "logits" or one.action == IDENTITY], weights)
        for (tap, _), tried in found.items()
    }


@pytest.mark.parametrize(("name", "claim"), CLAIMS)
def test_the_screen_names_what_the_graph_makes_of_a_group(name: str, claim: Claim) -> None:
    reading = readings(name, claim.group.value)[claim.tap]
    assert reading.state == claim.truth, reading
    assert claim.action in (None, reading.action.removesuffix("_reversed"))


@pytest.mark.parametrize("name", ["c4", "votes", "pointwise"])
def test_no_turn_reaches_the_answer(name: str) -> None:
    before = opened(name)(pictures())["logits"]
    for quarters in range(1, 4):
        after = opened(name)(np.rot90(pictures(), quarters, axes=(1, 2)))["logits"]
        assert np.abs(after - before).max() < 1e-5 * max(1, np.abs(before).max())


@pytest.mark.parametrize("name", ["placed", "augmented"])
def test_a_turn_reaches_the_answer_of_the_others(name: str) -> None:
    before, after = (opened(name)(np.rot90(pictures(), k, axes=(1, 2)))["logits"] for k in (0, 1))
    assert np.abs(after - before).max() > 1e-3


@pytest.mark.parametrize(("name", "tap"), [("c4", "group_relu"), ("placed", "group_relu"), ("c4", "fields")])
def test_fields_count_the_turns_side_by_side(name: str, tap: str) -> None:
    before, after = (opened(name)(np.rot90(pictures(), k, axes=(1, 2)))[tap] for k in (0, 1))
    turned = np.rot90(before, axes=(2, 3)) if before.ndim == 4 else before
    fields = turned.reshape(PICTURES, FIELDS, ORDER, *before.shape[2:])
    moved = np.roll(fields, 1, axis=2).reshape(before.shape)
    assert np.abs(after - moved).max() < 1e-5 * max(1, np.abs(before).max())
    assert np.abs(after - turned).max() > 0.1  # the channels do take part


def test_a_vote_is_the_answer_to_a_turned_picture() -> None:
    before, after = (opened("votes")(np.rot90(pictures(), k, axes=(1, 2)))["votes"] for k in (0, 1))
    assert np.abs(after - np.roll(before.reshape(PICTURES, ORDER, -1), -1, axis=1).reshape(before.shape)).max() < 1e-5


@pytest.mark.parametrize("name", list(UNTRAINED))
def test_every_tap_of_the_grid_is_a_tensor_of_the_graph(name: str) -> None:
    produced = {tensor for node in onnx.load_from_string(UNTRAINED[name]()).graph.node for tensor in node.output}
    plot = SYMMETRIC[name]
    assert {*(plot.taps or ()), *plot.poses, *(claim.tap for claim in plot.claims)} - {"logits"} <= produced


def test_the_graph_is_the_net() -> None:
    """Expanded filters in ONNX answer as the torch layers do."""
    torch.manual_seed(3)
    net, images = group_net(), as_input(pictures())
    with torch.no_grad():
        expected = net(torch.from_numpy(images.max(axis=1, keepdims=True))).numpy()
    assert np.abs(opened("c4")(pictures())["logits"] - expected).max() < 1e-4


def test_group_convolutions_have_no_more_weights_than_their_filters() -> None:
    lift, turn = Lifting(FIELDS, 5), Turning(FIELDS, 3)
    assert lift.weight.numel() == FIELDS * 25
    assert turn.weight.numel() == FIELDS * FIELDS * ORDER * 9
    assert turn.expanded()[0].shape == (ORDER * FIELDS, ORDER * FIELDS, 3, 3)


def test_another_turn_is_the_same_picture_turned() -> None:
    scenes = TURNED.draw(64)
    other = scenes.resample("turn", np.random.default_rng(0))
    quarters = (other.turn - scenes.turn) % 4
    assert (quarters > 0).all()
    for before, after, turn in zip(render(scenes), render(other), quarters, strict=True):
        assert np.array_equal(np.rot90(before, turn), after)


def test_place_is_that_of_the_picture_as_it_is_shown() -> None:
    """Moving ``x`` moves the picture's columns alone, however it is turned."""
    scenes = TURNED.draw(64)
    columns = [
        render(one).astype(float).sum(axis=(1, 3)) for one in (scenes, scenes.resample("y", np.random.default_rng(0)))
    ]
    assert np.corrcoef(columns[0].argmax(axis=1), columns[1].argmax(axis=1))[0, 1] > 0.8


def test_place_tells_nothing_of_the_turn() -> None:
    """Shapes are placed by their centre of light: by their middle, a shaded side would give the turn away."""
    scenes = TURNED.draw(2_000)
    measured = statistic("position_x").measure(render(scenes))
    by_turn = np.array([measured[scenes.turn == turn].mean() for turn in range(4)])
    assert by_turn.var() < 0.02 * measured.var()


def test_no_picture_prefers_a_turn() -> None:
    turns = np.bincount(TURNED.draw(4_000).turn, minlength=4) / 4_000
    assert np.abs(turns - 0.25).max() < 0.03


@pytest.mark.parametrize("group", [SymmetryGroup.C4, SymmetryGroup.COLOURS])
def test_every_symmetric_plant_is_claimed_at_its_logits_or_before(group: SymmetryGroup) -> None:
    for plot in SYMMETRIC.values():
        assert any(claim.group is group for claim in plot.claims)
