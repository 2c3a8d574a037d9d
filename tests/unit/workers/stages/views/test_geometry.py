"""The stage ``geometry`` on a classifier that commutes with quarter turns: what maps, neighbours and walks show."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from schemas.results import Gallery, Measure
from tests.builders.posed_stages import SIZE, TAP, run_posed
from workers.stages import invariant
from workers.stages.views import geometry
from workers.stages.views.pose_maps import finds_itself, flat, pose_distance, same_kind
from workers.stages.views.pose_walks import detours, third_answers
from workers.stages.views.poses import alike
from workers.stages.views.scatter import colours_of, scatter
from workers.symmetry.neighbours import nearest, squared_distances


def galleries(group: str, tap: str = TAP, *, labelled: bool = True) -> list[Gallery]:
    projection = run_posed(invariant.run, "invariant", group=group, tap=tap).outputs["projection"]
    given = {"projection": projection}
    found = run_posed(geometry.run, "geometry", group=group, labelled=labelled, tap=tap, inputs=given)
    return [Gallery.model_validate(one) for one in json.loads(found.outputs["galleries"])]


def values(gallery: Gallery) -> dict[str, Measure]:
    return {measure.name: measure for measure in gallery.measures}


@pytest.fixture(scope="module")
def turned() -> list[Gallery]:
    return galleries("c4")


def test_three_galleries_per_tap(turned: list[Gallery]) -> None:
    assert [gallery.subject for gallery in turned] == [TAP] * 3
    assert all(measure.estimate for gallery in turned for measure in gallery.measures)


def test_without_the_pose_a_turned_thing_lies_where_it_was(turned: list[Gallery]) -> None:
    found = values(turned[0])
    assert found["pose_distance_free"].estimate.high < 1e-3  # type: ignore[union-attr]
    assert found["pose_distance_raw"].estimate.low > 0.3  # type: ignore[union-attr]
    assert found["itself_free"].value == 1
    assert found["itself_raw"].estimate.high < 0.7  # type: ignore[union-attr]
    assert found["neighbours_gain"].estimate.low > 0  # type: ignore[union-attr]


def test_the_maps_are_two_large_pictures_side_by_side(turned: list[Gallery]) -> None:
    [row] = turned[0].rows
    sizes = [Image.open(io.BytesIO(base64.b64decode(one.png))).size for one in row.pictures if one]
    assert len(sizes) == len(turned[0].columns) == 2
    assert min(min(size) for size in sizes) >= 300


def test_the_nearest_without_the_pose_is_the_thing_itself(turned: list[Gallery]) -> None:
    rows = [row for row in turned[1].rows if row.heading.endswith("without the pose")]
    assert len(rows) == 3
    for row in rows:
        assert len(row.pictures) == len(turned[1].columns)
        assert row.pictures[1] is not None
        assert row.pictures[1].caption.startswith("itself")


def test_steps_along_the_orbits_stay_nearer_to_real_codes(turned: list[Gallery]) -> None:
    found = values(turned[2])
    assert found["off_gain"].estimate.low > 0  # type: ignore[union-attr]
    assert {"third_straight", "third_orbits", "detours_straight", "detours_orbits"} <= set(found)
    assert not turned[2].notes
    [chart] = turned[2].charts
    for line in chart.lines:
        assert len(line.values) == len(chart.x) == len(turned[2].columns)
    assert chart.lines[0].values[0].value == chart.lines[1].values[0].value  # type: ignore[union-attr]


def test_translations_and_answers_in_the_place_of_labels() -> None:
    shifted = galleries("translations", "relu2", labelled=False)
    found = values(shifted[0])
    assert found["pose_distance_free"].value < found["pose_distance_raw"].value  # type: ignore[operator]
    assert "same answer" in found["neighbours_raw"].label
    assert "answers" in shifted[0].explanation


def test_neighbours_by_hand() -> None:
    points = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]])
    np.testing.assert_allclose(squared_distances(points[:1], points), [[0, 1, 25]])
    np.testing.assert_array_equal(nearest(points, points, 1, but=np.arange(3)), [[1], [0], [1]])
    np.testing.assert_array_equal(nearest(points[:1], points, 1, but=np.array([[0, 1]])), [[2]])
    kinds = np.array([0, 0, 1])
    np.testing.assert_array_equal(same_kind((points, points), kinds, 1), [1, 1, 0])


def test_of_two_things_held_as_one_each_counts_as_itself() -> None:
    own = np.array([[0.0], [0.0], [4.0]], np.float32)
    np.testing.assert_array_equal(finds_itself(own, np.array([[0.0], [0.0], [1.0]], np.float32)), [1, 1, 0])


def test_distance_of_a_pose_is_relative_to_other_things() -> None:
    own = np.array([[0.0], [2.0]], np.float32)
    np.testing.assert_allclose(pose_distance(own, own + 1), [0.5, 0.5])


def test_answers_on_the_way_by_hand() -> None:
    answers = np.array([[0, 0, 1, 1], [0, 2, 2, 1], [0, 1, 0, 0], [3, 3, 3, 3]])
    np.testing.assert_allclose(third_answers(answers), [0, 1, 0.5, 0])
    np.testing.assert_allclose(detours(answers), [0, 1, 1, 0])


def test_units_that_are_constant_do_not_count() -> None:
    own = np.array([[1.0, 5.0], [3.0, 5.0]], np.float32)
    np.testing.assert_allclose(alike(np.array([[3.0, 9.0]], np.float32), own), [[1, 0]])


def test_a_tap_of_one_unit_lies_on_a_line() -> None:
    dots, rings = flat(np.array([[0.0], [1.0]], np.float32), np.array([[2.0], [3.0]], np.float32))
    np.testing.assert_allclose(np.concatenate([dots, rings])[:, 1], 0, atol=1e-9)


def test_many_kinds_get_different_colours_and_the_map_survives_one_point() -> None:
    assert len(set(colours_of(40))) == 40
    point = np.zeros((1, 2))
    png = scatter(point, point, np.array([25]), [f"a class with a long name {i}" for i in range(40)], np.array([0]))
    assert Image.open(io.BytesIO(base64.b64decode(png))).width == 320
    assert SIZE == 16
