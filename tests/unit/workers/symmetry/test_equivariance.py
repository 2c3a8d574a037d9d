"""Networks whose symmetry is a theorem, and the screen's answer on each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from workers.evidence.bootstrap import Interval, resampling_weights
from workers.symmetry.equivariance import Bounds, Reading, capped, choose, judge, read, still_elements
from workers.symmetry.groups import Element, fitting, group_for
from workers.symmetry.motions import Turn
from workers.symmetry.thresholds import DEFAULT
from workers.symmetry.trials import CHUNK, Trial, trials

SIDE, N = 20, 80
Net = Callable[[Tensor], Tensor]


def seeded(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


KERNEL, MIX = seeded(6, 3, 3, 3), seeded(8, 3, 1, 1, seed=1)
DENSE = seeded(3 * SIDE * SIDE, 12, seed=2) / SIDE


def conv(x: Tensor) -> Tensor:
    return F.relu(F.conv2d(x, KERNEL, padding=1))


def lifting(x: Tensor, way: int = 1) -> Tensor:
    """``(n, 6, 4, h, w)``: a C4 lifting convolution, filters turned counter-clockwise (``way`` 1)."""
    turned = [F.conv2d(x, torch.rot90(KERNEL, way * r, (2, 3)), padding=1) for r in range(4)]
    return F.relu(torch.stack(turned, dim=2))


TAPS: dict[str, Net] = {
    "conv": conv,
    "unpadded": lambda x: F.conv2d(x, KERNEL),
    "strided": lambda x: F.max_pool2d(conv(x), 2),
    "channels last": lambda x: conv(x).permute(0, 2, 3, 1),
    "regular": lambda x: lifting(x).flatten(1, 2),
    "strided fields": lambda x: lifting(x).transpose(1, 2).flatten(1, 2),
    "reversed": lambda x: lifting(x, way=-1).flatten(1, 2),
    "regular vector": lambda x: lifting(x).mean(dim=(3, 4)).flatten(1),
    "group pool": lambda x: lifting(x).amax(dim=2).mean(dim=(2, 3)),
    "gap": lambda x: F.relu(F.conv2d(x, MIX)).mean(dim=(2, 3)),
    "grey": lambda x: F.conv2d(x.sum(dim=1, keepdim=True), KERNEL[:, :1], padding=1),
    "dense": lambda x: x.flatten(1) @ DENSE,
    "constant": lambda x: torch.full((len(x), 8), 3.0),
}


def pictures(n: int = N, seed: int = 0) -> np.ndarray:
    """Lopsided coloured shapes far from the border."""
    source = np.random.default_rng(seed)
    images = np.full((n, SIDE, SIDE, 3), 20, np.uint8)
    for image in images:
        top, left = source.integers(6, 9, 2)
        image[top : top + 6, left : left + 2] = source.integers(60, 255, 3)
        image[top : top + 2, left : left + 5] = source.integers(60, 255, 3)
    return images


def network(images: np.ndarray) -> Mapping[str, np.ndarray]:
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    return {name: net(x).numpy() for name, net in TAPS.items()}


@cache
def weights(n: int) -> np.ndarray:
    return resampling_weights(n, 200, np.random.default_rng(0))


@cache
def screened() -> dict[tuple[str, str], Reading]:
    groups = [group_for(name, (SIDE, SIDE, 3), np.random.default_rng(0)) for name in fitting((SIDE, SIDE, 3))]
    return {key: read(found, weights) for key, found in trials(network, pictures(), groups).items()}


@pytest.mark.parametrize(
    ("tap", "group", "action"),
    [
        ("conv", "translations", "spatial"),
        ("unpadded", "translations", "spatial"),
        ("strided", "translations", "spatial"),
        ("channels last", "translations", "spatial"),
        ("regular", "translations", "spatial"),
        ("gap", "translations", "identity"),
        ("gap", "flips", "identity"),
        ("gap", "c4", "identity"),
        ("gap", "c8", "identity"),
        ("gap", "so2", "identity"),
        ("regular", "c4", "regular"),
        ("strided fields", "c4", "regular_interleaved"),
        ("reversed", "c4", "regular_reversed"),
        ("regular vector", "c4", "regular"),
        ("group pool", "c4", "identity"),
        ("grey", "colours", "identity"),
    ],
)
def test_symmetries_that_are_theorems_are_found_exactly(tap: str, group: str, action: str) -> None:
    reading = screened()[tap, group]
    assert (reading.action, reading.state) == (action, "exact")
    if reading.floor is None:
        assert reading.error.high < 1e-5


@pytest.mark.parametrize(
    ("tap", "group"),
    [
        ("conv", "c4"), ("conv", "flips"), ("dense", "c4"), ("dense", "flips"), ("dense", "translations"),
        ("regular", "flips"), ("regular", "c8"), ("gap", "colours"), ("gap", "scale"),
    ],
)  # fmt: skip
def test_symmetries_that_are_not_there_are_broken(tap: str, group: str) -> None:
    reading = screened()[tap, group]
    assert reading.state == "broken"
    assert reading.error.low > DEFAULT.large


def test_an_equivariant_tap_is_far_from_invariant() -> None:
    reading = screened()["regular", "c4"]
    assert reading.error.value < 1e-5
    assert reading.invariance.low > 0.5


def test_fields_turn_with_the_map_not_instead_of_it() -> None:
    """Of a lifting convolution neither turning the map alone nor shifting the fields alone is its action."""
    c4 = group_for("c4", (SIDE, SIDE, 3), np.random.default_rng(0))
    found = {t.action: t for t in trials(network, pictures(), [c4])["regular", "c4"]}
    errors = {action: trial.moved.sum() / trial.apart.sum() for action, trial in found.items()}
    assert errors["regular"] < 1e-5
    assert all(errors[action] > 0.3 for action in set(errors) - {"regular"})


def test_what_resampling_does_is_reported_and_not_held_against_the_network() -> None:
    reading = screened()["gap", "so2"]
    assert reading.floor is not None
    assert 0 < reading.floor.low < reading.floor.high < DEFAULT.small
    assert screened()["gap", "c4"].floor is None
    assert screened()["conv", "translations"].floor is None


def test_a_constant_tap_is_no_symmetry() -> None:
    for (tap, _), reading in screened().items():
        assert reading.constant == (tap == "constant")
        if reading.constant:
            assert reading.state == "unclear"
            assert (reading.error.low, reading.error.high, reading.error.n) == (0.0, 1.0, 0)


def test_a_quiet_tap_is_no_constant_one() -> None:
    """The scale of a tap plays no part."""
    flips = [group_for("flips", (SIDE, SIDE, 3), np.random.default_rng(0))]
    quiet = trials(lambda x: {"a": network(x)["dense"] * 1e-9}, pictures(), flips)["a", "flips"]
    found, loud = read(quiet, weights), screened()["dense", "flips"]
    assert found.state == "broken"
    assert found.error.value == pytest.approx(loud.error.value, rel=1e-4)


def test_a_choice_among_actions_is_measured_on_other_images() -> None:
    assert screened()["regular", "c4"].error.n == N // 2
    assert screened()["dense", "flips"].error.n == N


def test_errors_are_those_of_the_formula() -> None:
    """``E|Phi(gx) - Phi(x)| / E|Phi(x) - Phi(x')|`` where both are known: a tap that is the left half's brightness."""
    images = np.zeros((4, 8, 8, 1), np.uint8)
    images[:, 2:6, 2:4, 0] = [[[10]], [[20]], [[30]], [[40]]]
    flips = group_for("flips", (8, 8, 1), np.random.default_rng(0))
    left = trials(lambda x: {"left": x[:, :, :4, 0].astype(np.float32).mean(axis=(1, 2))[:, None]}, images, [flips])
    (trial,) = left["left", "flips"]
    level = np.array([10, 20, 30, 40]) * 8 / 32
    names = [element.name for element in trial.elements]
    unit = trial.size[0] / level[0]  # of its own deviation
    np.testing.assert_allclose(trial.moved[:, names.index("mirrored left to right")] / unit, level)
    np.testing.assert_allclose(trial.moved[:, names.index("mirrored top to bottom")], 0)
    others = [np.abs(np.delete(level, i) - level[i]).mean() for i in range(4)]
    np.testing.assert_allclose(trial.apart[:, 0] / unit, others)
    reading = read([trial], weights)
    assert reading.error.value == pytest.approx(2 / 3 * level.mean() / np.mean(others))
    assert reading.worst[0] == "mirrored left to right"


def test_chunks_do_not_change_what_is_measured() -> None:
    flips = [group_for("flips", (SIDE, SIDE, 3), np.random.default_rng(0))]
    images = pictures(CHUNK + 6)
    (whole,) = trials(lambda x: {"d": network(x)["dense"]}, images, flips)["d", "flips"]
    (part,) = trials(lambda x: {"d": network(x)["dense"]}, images[:35], flips)["d", "flips"]
    assert whole.moved.shape == (CHUNK + 6, 3)
    np.testing.assert_allclose(whole.moved[:35], part.moved, rtol=1e-5)


def test_each_motion_is_shown_once() -> None:
    seen = []
    groups = [group_for(name, (SIDE, SIDE, 3), np.random.default_rng(0)) for name in ("c4", "c8", "so2")]
    trials(lambda x: seen.append(1) or {"d": x.reshape(len(x), -1).astype(np.float32)}, pictures(4), groups)
    scaled = {e.motion for g in groups for e in g.elements}
    turns, sampled = (
        {e.motion for g in groups for e in g.others},
        {e.motion for g in groups for e in g.others if not e.exact},
    )
    assert len(seen) == len(scaled) + 1 + len(turns) + len(sampled)


def test_one_input_is_not_enough() -> None:
    with pytest.raises(ValueError, match="two"):
        trials(network, pictures(1), [])


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 0.95, 100, "made up")


ZERO = interval(0.0, 1e-7)


@pytest.mark.parametrize(
    ("bounds", "state"),
    [
        (Bounds(ZERO, ZERO, None, None), "exact"),
        (Bounds(interval(0.1, 0.2), interval(0.1, 0.2), None, None), "approximate"),
        (Bounds(interval(0.6, 0.8), interval(0.6, 0.8), None, None), "broken"),
        (Bounds(interval(0.2, 0.6), interval(0.2, 0.6), None, None), "unclear"),
        (Bounds(interval(0.02, 0.03), ZERO, interval(0.04, 0.05), interval(-0.03, -0.01)), "exact"),
        (
            Bounds(interval(0.02, 0.03), interval(0.01, 0.02), interval(0.04, 0.05), interval(-0.03, -0.01)),
            "approximate",
        ),
        (Bounds(interval(0.08, 0.09), ZERO, interval(0.14, 0.16), interval(-0.07, -0.05)), "approximate"),
        (Bounds(interval(0.02, 0.03), ZERO, None, None), "approximate"),
        (Bounds(interval(0.02, 0.03), None, interval(0.04, 0.05), interval(-0.03, -0.01)), "approximate"),
        (Bounds(interval(0.36, 0.4), ZERO, interval(0.4, 0.45), interval(-0.1, 0.0)), "unclear"),
        (Bounds(interval(0.3, 0.34), interval(0.1, 0.2), interval(0.29, 0.32), interval(-0.1, 0.0)), "approximate"),
        (Bounds(interval(0.3, 0.4), interval(0.5, 0.6), interval(0.2, 0.3), interval(-0.1, 0.0)), "unclear"),
        (Bounds(interval(0.7, 0.8), ZERO, interval(0.8, 0.9), interval(-0.2, -0.1)), "unclear"),
        (Bounds(interval(0.7, 0.8), ZERO, interval(0.1, 0.2), interval(0.5, 0.6)), "broken"),
    ],
)
def test_states(bounds: Bounds, state: str) -> None:
    assert judge(bounds) == state


@given(low=st.floats(0, 2), width=st.floats(0, 1), more=st.floats(0, 1))
def test_a_wider_interval_never_says_more(low: float, width: float, more: float) -> None:
    sure = {"exact", "approximate", "broken"}
    narrow = judge(Bounds(interval(low, low + width), None, None, None))
    wide = judge(Bounds(interval(max(0.0, low - more), low + width + more), None, None, None))
    assert wide == narrow or wide == "unclear" or (narrow, wide) == ("exact", "approximate")
    assert narrow in sure | {"unclear"}


def trial(action: str, errors: float, elements: int = 2, n: int = 10) -> Trial:
    found = tuple(Element(str(i), Turn(90.0 + 90 * i)) for i in range(elements))
    ones = np.ones((n, elements))
    return Trial(action, found, errors * ones, ones, 0 * ones, np.ones(n), ones, np.ones(n), True)


@pytest.mark.parametrize(
    ("errors", "chosen"),
    [
        ((1.0, 0.95, 0.94), 0),  # nothing clearly better than the simplest
        ((1.0, 0.5, 0.48), 1),
        ((0.3, 1e-7, 0.0), 1),  # both exact: the simpler
        ((0.9, 0.8, 0.1), 2),
    ],
)
def test_the_simpler_action_wins_unless_clearly_beaten(errors: tuple[float, ...], chosen: int) -> None:
    actions = ("identity", "spatial", "regular")
    assert choose([trial(action, error) for action, error in zip(actions, errors, strict=True)]) == chosen


def test_actions_are_compared_on_the_elements_that_all_cover() -> None:
    """Small shifts move little: the identity must not win by elements that the other cannot do."""
    plain = trial("identity", 1.0)
    plain = replace(plain, moved=np.column_stack([np.full(10, 0.01), np.ones(10)]))
    assert choose([plain, replace(trial("spatial", 0.6, elements=1), elements=plain.elements[1:])]) == 1


def test_the_identity_must_be_among_the_trials() -> None:
    with pytest.raises(ValueError, match="identity"):
        read([trial("spatial", 0.1)], weights)


@pytest.mark.parametrize(
    ("state", "changed", "beyond", "told"),
    [
        ("exact", (0.0, 0.02), False, "exact"),
        ("exact", (0.001, 0.02), True, "approximate"),
        ("exact", (0.05, 0.2), True, "unclear"),
        ("approximate", (0.01, 0.05), True, "approximate"),
        ("approximate", (0.08, 0.2), True, "unclear"),
        ("exact", (0.9, 1.0), True, "broken"),
        ("broken", (0.0, 0.02), False, "broken"),
        ("unclear", (0.0, 0.02), False, "unclear"),
    ],
)
def test_no_state_says_more_than_the_answers_bear(
    state: str, changed: tuple[float, float], beyond: bool, told: str
) -> None:
    assert capped(state, interval(*changed), beyond) == told


def test_an_answer_that_an_exact_turn_changes_is_not_excused_by_resampling() -> None:
    """An eighth turn blurs seven answers, there and back; a quarter turn changes one of a network called exact."""
    exact = trial("identity", 0.0, n=400)
    turns = (Element("90", Turn(90.0)), Element("45", Turn(45.0), exact=False))
    blurred = np.zeros((400, 2))
    blurred[:7, 1] = 1
    answers = replace(trial("identity", 0.0, n=400), elements=turns, moved=blurred, back=blurred)
    assert read([exact], weights, answers=answers).state == "exact"
    flipped = blurred.copy()
    flipped[9, 0], flipped[0, 1] = 1, 0
    assert read([exact], weights, answers=replace(answers, moved=flipped)).state == "approximate"


def small(channels: int = 1, n: int = 80) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 12, 12, channels), dtype=np.uint8)


def read_one(network: Callable[[np.ndarray], np.ndarray], images: np.ndarray, group: str) -> Reading:
    known = group_for(group, images.shape[1:], np.random.default_rng(0))
    return read(trials(lambda x: {"a": network(x)}, images, [known])["a", group], weights)


def left(x: np.ndarray) -> np.ndarray:
    return x[:, :, :6].astype(np.float32).mean(axis=(1, 2)) / 255


def test_grey_pictures_do_not_test_colours() -> None:
    reading = read_one(
        lambda x: x[..., 0].astype(np.float32) - x[..., 2] / 10, np.repeat(small(), 3, axis=3), "colours"
    )
    assert (reading.state, len(reading.still), reading.constant) == ("unclear", 5, False)
    assert (reading.error.low, reading.error.high, reading.error.n) == (0.0, 1.0, 0)


def test_pictures_that_are_their_own_mirror_image_test_the_other_mirrors_alone() -> None:
    """Otherwise left to right counts for nothing and hides behind top to bottom."""
    images = np.concatenate([small()[:, :, :6], small()[:, :, 5::-1]], axis=2)
    reading = read_one(left, images, "flips")
    assert (reading.state, reading.still) == ("unclear", ("mirrored left to right",))
    assert read_one(lambda x: x[:, :6].mean(axis=(1, 2)), images, "flips").state == "broken"
    assert read_one(left, small(), "flips").still == ()


def test_small_steps_of_a_sampled_group_are_no_objection() -> None:
    one = replace(trial("identity", 0.0), stirred=np.column_stack([np.full(10, 0.01), np.full(10, 0.5)]))
    assert still_elements(one) == ("0",)
    assert still_elements(replace(one, complete=False)) == ()
    assert still_elements(replace(one, stirred=one.stirred / 10, complete=False)) == ("0", "1")


@pytest.mark.parametrize("louder", [1, 10, 30_000])
def test_a_loud_unit_does_not_drown_a_quiet_one(louder: float) -> None:
    def both(x: np.ndarray) -> np.ndarray:
        bright = x.astype(np.float32).mean(axis=(1, 2)) / 255
        return np.concatenate([louder * bright, left(x) - left(x[:, :, ::-1])], axis=1)

    reading = read_one(both, small(), "flips")  # one of three mirrors leaves both units as they are
    assert reading.state not in ("exact", "approximate")
    assert reading.worst[1] > 0.7


def test_a_loud_map_does_not_drown_a_quiet_one() -> None:
    def maps(x: np.ndarray) -> np.ndarray:
        grey = x[..., 0].astype(np.float32) / 255
        return np.stack([80 * grey, np.roll(grey, 1, axis=2) - grey], axis=1)

    reading = read_one(maps, small(), "c4")
    assert (reading.action, reading.state) == ("spatial", "unclear")
    assert reading.error.value > 0.4


def test_rounding_of_a_unit_that_does_not_vary_breaks_nothing() -> None:
    def rounding(x: np.ndarray) -> np.ndarray:
        bright = x.astype(np.float32).mean(axis=(1, 2))
        return np.concatenate([bright, 3 + left(x) * 1e-7, left(x) * 1e-6], axis=1)

    assert read_one(rounding, small(), "flips").state == "exact"


def test_a_unit_that_wakes_up_late_counts() -> None:
    """The scales come from the first inputs, in which it sleeps."""
    images = small()
    images[:40] //= 4

    def sleeper(x: np.ndarray) -> np.ndarray:
        awake = np.maximum(left(x) - left(x[:, :, ::-1]), 0) * (x.mean(axis=(1, 2)) > 100)
        return np.concatenate([x.astype(np.float32).mean(axis=(1, 2)) / 255, awake * 50], axis=1)

    assert read_one(sleeper, images, "flips").state == "broken"


@pytest.mark.parametrize("tap", ["regular", "reversed", "strided fields", "regular vector"])
def test_scales_are_shared_along_the_orbit(tap: str) -> None:
    """A quiet field beside a loud one stays an exact symmetry."""
    louder = np.repeat([1, 1000], 12).astype(np.float32)
    if tap == "strided fields":
        louder = louder.reshape(2, 3, 4).transpose(2, 0, 1).ravel()

    def network_of_two(x: np.ndarray) -> Mapping[str, np.ndarray]:
        values = network(x)[tap]
        return {"a": values * louder.reshape(-1, *(1,) * (values.ndim - 2))}

    c4 = group_for("c4", (SIDE, SIDE, 3), np.random.default_rng(0))
    reading = read(trials(network_of_two, pictures(), [c4])["a", "c4"], weights)
    assert (reading.action, reading.state) == (screened()[tap, "c4"].action, "exact")
