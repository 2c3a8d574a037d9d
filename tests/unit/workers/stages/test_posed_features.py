"""Which measured statistics are pose under which group, of pictures of one square somewhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from tests.builders.toy_studios import context
from workers.evidence.family import Family
from workers.evidence.thresholds import DEFAULT
from workers.stages import posed as module
from workers.stages.features import audited_features
from workers.stages.intervals import Resampler, Statistician
from workers.stages.oracles import NOTHING
from workers.stages.posed import Mover, in_poses
from workers.stages.references import References

SIDE = 24


def squares(n: int = 300) -> np.ndarray:
    """A square of its own size, brightness and place in each."""
    rng = np.random.default_rng(0)
    images = np.zeros((n, SIDE, SIDE, 3), np.uint8)
    for image in images:
        size, (top, left) = rng.integers(4, 9), rng.integers(0, SIDE - 9, 2)
        image[top : top + size, left : left + size] = rng.integers(100, 256, 3)
    return images


@pytest.fixture(scope="module")
def mover() -> Mover:
    images = squares()
    features = audited_features(References(images, None, ()), [], None)
    by = Statistician(Resampler(np.random.default_rng(0), 200), Family(0.95, 50))
    return Mover(context("evidence", {"oracles": NOTHING}), images, features, by)


@pytest.mark.parametrize(
    ("group", "pose", "stays"),
    [
        ("translations", {"position_x", "position_y"}, {"luminance", "size"}),
        ("c4", {"position_x", "position_y"}, {"luminance", "size"}),
        ("flips", {"position_x"}, {"luminance", "size", "hue"}),
        ("colours", {"hue"}, {"position_x", "size"}),
    ],
)
def test_a_statistic_is_pose_where_the_group_changes_it(mover, group, pose, stays) -> None:
    found = mover(group, [feature.name for feature in mover.features])
    said = {name for name, share in found.items() if share.jointly.low > DEFAULT.posed}
    assert pose <= said, found
    assert not stays & said, found
    assert all(found[name].value < 0.2 for name in stays), found


def test_nothing_of_a_graph_is_pose(mover) -> None:
    assert mover("nodes", [feature.name for feature in mover.features]) == {}


def test_what_is_asked_again_is_not_read_again(mover, monkeypatch) -> None:
    first = mover("c4", ["size"])
    monkeypatch.setattr(module, "in_poses", lambda *_: pytest.fail("read again"))
    assert mover("c4", ["size"]) == first
    assert mover("c4", []) == {}


def test_oracles_read_attributes(monkeypatch) -> None:
    """One that reads whether the upper half is the brighter: mirroring it changes that, mirrored hues nothing."""
    images = np.zeros((200, 8, 8, 3), np.uint8)
    up = np.random.default_rng(1).integers(2, size=200)
    images[up == 1, :4] = 200
    images[up == 0, 4:] = 200
    facts = SimpleNamespace(name="up", kind=SimpleNamespace(value="categorical"), categories=["no", "yes"], period=None)
    features = audited_features(References(images, None, (up.astype(float),)), [facts], None)  # type: ignore[list-item]

    def read(pictures: np.ndarray) -> dict[str, np.ndarray]:
        return {"up": np.eye(2)[(pictures[:, 0, 0, 0] > 100).astype(int)]}

    monkeypatch.setattr(module, "load", lambda _: SimpleNamespace(model=SimpleNamespace(read=read)))
    by = Statistician(Resampler(np.random.default_rng(0), 200), Family(0.95, 50))
    mover = Mover(context("evidence", {"oracles": b"stored"}), images, features, by)
    assert mover("flips", ["up"])["up"].jointly.low > DEFAULT.posed
    assert mover("colours", ["up"])["up"].value == 0.0


@pytest.mark.parametrize(("group", "poses"), [("flips", 4), ("c4", 4), ("c8", 4), ("so2", 4), ("colours", 6)])
def test_exact_elements_alone_where_there_are_any(group: str, poses: int) -> None:
    images = squares(3)
    moved = in_poses(group, images, np.random.default_rng(0))
    assert len(moved) == poses
    for each in moved:
        assert np.array_equal(np.sort(each.ravel()), np.sort(images.ravel()))
    assert np.array_equal(moved[0], images)


def test_shifts_cut_nothing() -> None:
    """All the way round, the square would be split: its size would seem to be a matter of its place."""
    images = squares(50)
    moved = in_poses("translations", images, np.random.default_rng(0))
    assert len(moved) == module.SHIFTS
    assert any(not np.array_equal(one, images) for one in moved)
    for one in moved:
        for seen, was in zip(one, images, strict=True):
            rows, columns = np.nonzero(seen.any(axis=2))
            square = seen[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            assert np.array_equal(np.unique(square), np.unique(was[was.any(axis=2)]))


def test_pictures_without_background_show_nothing_of_translations(mover) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, SIDE, SIDE, 3), dtype=np.uint8)
    assert not module.movable(noise).any()
    assert module.movable(squares(20)).all()
    assert Mover(mover.context, noise, mover.features, mover.by)("translations", ["position_x", "size"]) == {}


def test_zooms_have_no_exact_element() -> None:
    assert len(in_poses("scale", cast(np.ndarray, squares(2)), np.random.default_rng(0))) == 5
