"""The stage ``invariant``: the same structure as ``latents``, blind to the pose, and the same for new images."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load
from scipy.ndimage import gaussian_filter, rotate

from tests.builders.posed_stages import TAP, run_posed, shapes
from workers.stages import invariant
from workers.stages.classifying import load_taps, open_classifier
from workers.stages.posefree import open_posefree, tap_orbit, views_of
from workers.stages.references import load_references
from workers.stages.stage import Produced, StageContext, pack
from workers.symmetry.choice import choose
from workers.symmetry.projections import fit


def test_it_leaves_what_the_stage_latents_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariant, "SHARD", 40)  # three shards, one fit
    produced = run_posed(invariant.run, "invariant")
    latents, wide = load(produced.outputs["latents"]), load(produced.outputs["wide"])
    assert set(latents) == {f"z:{TAP}", "logits", "probabilities"}
    assert latents[f"z:{TAP}"].shape == (90, 40)  # the first shard has no more directions
    assert wide[TAP].dtype == np.float16
    assert len(wide[TAP]) == 90
    assert produced.summary["images"] == 90


@pytest.mark.parametrize("group", ["c4", "flips", "translations"])
def test_other_stages_see_new_images_the_same_way(group: str) -> None:
    """Turned references have the very view that the stage left of them upright, and lie at distance 0."""
    produced = run_posed(invariant.run, "invariant", group=group)
    wide = load(produced.outputs["wide"])[TAP].astype(np.float64)

    def again(context: StageContext) -> Produced:
        images = load_references(context).images
        free = open_posefree(context, TAP, images.shape[1:])
        session = open_classifier(context, [tap for tap in load_taps(context) if tap.name == TAP])
        upright = session.run(images).taps[TAP]
        posed = images if group == "translations" else np.flip(images, 2).copy() if group == "flips" else np.rot90(
            images, axes=(1, 2)).copy()  # fmt: skip
        moved = session.run(posed).taps[TAP]
        if group == "translations":  # the map is moved by itself: at its borders pictures do not wrap around
            moved = np.roll(upright, (1, 2), axis=(2, 3))
        seen, scale = free.project(moved), np.abs(free.project(upright)).max()
        np.testing.assert_allclose(seen, free.project(upright), atol=1e-5 * scale)
        apart = free.distance(upright, moved)
        assert apart.max() < 1e-4 * np.linalg.norm(upright[0] - upright[1])
        np.testing.assert_allclose(free.aligned(moved, to=upright), upright, atol=1e-4 * np.abs(upright).max())
        return Produced({"seen": pack({"seen": seen})})

    seen = load(run_posed(again, "other", group=group, inputs={"projection": produced.outputs["projection"]})
                .outputs["seen"])["seen"].astype(np.float64)  # fmt: skip
    deviation = seen.std(axis=0)
    varying = deviation > 1e-4 * deviation.max()
    standardised = ((seen - seen.mean(axis=0)) / np.where(varying, deviation, 1))[:, varying]
    np.testing.assert_allclose(standardised, wide[:, varying], atol=2e-2)


@pytest.mark.parametrize(
    ("group", "action", "shape", "poses", "closed"),
    [
        ("c4", "spatial", (8, 7, 7), 4, True),
        ("flips", "spatial", (7, 7, 8), 4, True),
        ("translations", "spatial", (8, 7, 7), 0, True),
        ("c8", "regular", (16,), 8, True),
        ("c8", "regular_reversed", (16, 7, 7), 8, False),
        ("so2", "spatial", (8, 7, 7), 16, False),
        ("scale", "spatial", (8, 7, 7), 5, False),
    ],
)
def test_theorems_hold_where_the_poses_of_a_tap_are_a_whole_group(
    group: str, action: str, shape: tuple[int, ...], poses: int, closed: bool
) -> None:
    orbit = tap_orbit(group, action, shape, (28, 28, 1))
    assert (len(orbit.moves), orbit.closed) == (poses, closed)
    assert not closed or choose(orbit, orbit.size).lossless == (group != "translations")


@pytest.mark.parametrize("group", ["c8", "so2"])
def test_resampled_turns_leave_less_of_the_pose_than_the_values_hold(group: str) -> None:
    """Smooth maps, turned by an angle that is between those of the poses."""
    rng = np.random.default_rng(0)
    smooth = gaussian_filter(rng.standard_normal((120, 3, 14, 14)), (0, 0, 1.5, 1.5))
    y, x = np.mgrid[-6.5:7, -6.5:7]
    smooth = (smooth * np.exp(-(x**2 + y**2) / 18)).astype(np.float32)
    turned = rotate(smooth, 22.5 if group == "c8" else 11.25, axes=(3, 2), reshape=False, order=1)
    orbit = tap_orbit(group, "spatial", (3, 14, 14), (28, 28, 1))
    projection = fit(choose(orbit, 48).projection, orbit, smooth, 48, rng)
    raw = np.linalg.norm((turned - smooth).reshape(120, -1), axis=1).mean()
    raw /= np.linalg.norm((smooth - smooth[::-1]).reshape(120, -1), axis=1).mean()
    seen, moved = projection(smooth), projection(turned)
    left = np.linalg.norm(moved - seen, axis=1).mean() / np.linalg.norm(seen - seen[::-1], axis=1).mean()
    assert left < 0.7 * raw


def test_without_the_projection_only_orbits_are_known() -> None:
    def stage(context: StageContext) -> Produced:
        free = open_posefree(context, TAP, (16, 16, 1))
        with pytest.raises(ValueError, match="no input 'projection'"):
            free.project(np.zeros((1, *free.orbit.shape), np.float32))
        assert set(views_of(context)) == {TAP}
        return Produced({})

    run_posed(stage, "samples:pooled")


def test_the_shapes_of_the_builder_are_of_three_kinds() -> None:
    images, labels = shapes()
    assert len(np.unique(labels)) == 3
    assert images.max(axis=(1, 2, 3)).min() > 100
