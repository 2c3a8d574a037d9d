"""The stage ``symmetry`` on small ONNX files: which rows, which invariant views, what is refused and what is shown."""

from __future__ import annotations

import json
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import onnx
import pytest

from schemas.audits import AuditConfig, SymmetryGroup
from schemas.classifiers import InputSpec
from schemas.problems import ErrorCode
from schemas.results import Gallery, InvariantView, Symmetry
from schemas.stages import AuditSubject, StageOutcome
from tests.builders import onnx_graph_nets, subjects
from tests.builders.classifiers import accepted
from tests.builders.onnx_graphs import GraphBuilder, convnet, mlp
from tests.builders.random_graphs import graph_arrays
from workers.errors import StageError
from workers.intake.datasets import inspect_dataset
from workers.stages import symmetry
from workers.stages.plan import plan_audit
from workers.stages.registry import run_request
from workers.stages.symmetry_rows import shifts_survive

SIDE = 16


@pytest.fixture(autouse=True)
def few_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty inputs show what two hundred do."""
    monkeypatch.setattr(symmetry, "IMAGES", 40)


def c4_net(*, pooled: bool = True) -> onnx.ModelProto:
    """A C4 lifting convolution, mean over places, then over the group (or not: the head reads the fields)."""
    b = GraphBuilder(5)
    kernel = np.random.default_rng(5).normal(size=(6, 3, 3, 3)).astype(np.float32)
    turned = np.stack([np.rot90(kernel, r, axes=(2, 3)) for r in range(4)], axis=1).reshape(24, 3, 3, 3)
    b.node("Conv", ["image", b.constant("turned", np.ascontiguousarray(turned))], "lift", pads=[1] * 4)
    b.node("Relu", ["lift"], "relu")
    b.node("ReduceMean", ["relu"], "fields", axes=[2, 3], keepdims=0)
    if not pooled:
        b.gemm("fields", "scores", (24, 5))
        return b.build(("batch", 3, SIDE, SIDE))
    b.node("Reshape", ["fields", b.constant("split", np.array([-1, 6, 4]))], "orbits")
    b.node("ReduceMax", ["orbits"], "pooled", axes=[2], keepdims=0)
    b.gemm("pooled", "scores", (6, 5))
    return b.build(("batch", 3, SIDE, SIDE))


def shapes(side: int = SIDE, channels: int = 3, width: int | None = None, n: int = 200) -> dict[str, np.ndarray]:
    """Lopsided shapes far from the border."""
    rng = np.random.default_rng(0)
    images = np.zeros((n, side, width or side, channels), np.uint8)
    for image in images:
        top, left = rng.integers(4, 7, 2)
        image[top : top + 5, left : left + 2] = rng.integers(60, 255, channels)
        image[top : top + 2, left : left + 4] = rng.integers(60, 255, channels)
    return {"images": images}


class Audited:
    """One audit up to the screen."""

    def __init__(self, model: onnx.ModelProto, arrays: dict[str, Any], config: AuditConfig) -> None:
        buffer = BytesIO()
        np.savez(buffer, **arrays)
        facts, canonical = inspect_dataset(buffer.getvalue(), "data.npz", {})
        model_facts, model_bytes = accepted(model, InputSpec())
        self.store = subjects.MemoryStore()
        self.store.put(canonical)
        self.store.put(model_bytes)
        self.subject = AuditSubject(
            audit_id="aud_" + "0" * 16, name="screen", created_at=subjects.WHEN, attempt=1, config=config,
            classifier=subjects.classifier(model_facts), dataset=subjects.dataset(facts),
        )  # fmt: skip
        self.done: dict[str, StageOutcome] = {}
        for name in ("taps", "symmetry"):
            self.done[name] = self._run(name)
        self.found = self._read("symmetry")
        self.rows = [Symmetry.model_validate(row) for row in self.found["symmetries"]]
        self.views = [InvariantView.model_validate(view) for view in self.found["views"]]
        self.galleries = [Gallery.model_validate(shown) for shown in self._read("galleries")]

    def row(self, tap: str, group: str) -> Symmetry:
        return next(row for row in self.rows if (row.tap, row.group) == (tap, group))

    def _run(self, name: str) -> StageOutcome:
        stage = next(stage for stage in plan_audit(self.subject, self.done) if stage.name == name)
        request = stage.resolve(self.done)
        assert request is not None
        return run_request(request, self.store, lambda _fraction, _words: None)

    def _read(self, output: str) -> Any:
        return json.loads(self.store.get(self.done["symmetry"].outputs[output]))


@cache
def c4(*groups: SymmetryGroup) -> Audited:
    taps = ["relu", "fields", "pooled"]
    return Audited(c4_net(), shapes(), AuditConfig(taps=taps, symmetries=list(groups) or None))


def test_every_tap_has_a_row_for_every_group_that_fits() -> None:
    pairs = {(row.tap, row.group.value) for row in c4().rows}
    groups = {"translations", "flips", "c4", "c8", "so2", "scale", "colours"}
    assert pairs == {(tap, group) for tap in ("relu", "fields", "pooled", "logits") for group in groups}
    assert len(c4().rows) == len(pairs)
    assert not any(row.declared for row in c4().rows)


@pytest.mark.parametrize(
    ("tap", "action"), [("relu", "regular"), ("fields", "regular"), ("pooled", "identity"), ("logits", "identity")]
)
def test_quarter_turns_of_an_equivariant_network(tap: str, action: str) -> None:
    row = c4().row(tap, "c4")
    assert (row.action, row.state, row.elements, row.floor) == (action, "exact", 3, None)
    assert c4().row("relu", "flips").state == "broken"


def test_a_view_is_given_to_taps_that_turn_and_to_no_other() -> None:
    views = {view.tap: view for view in c4().views}
    assert {tap: (view.group.value, view.action) for tap, view in views.items()} == {
        "relu": ("c4", "regular"),  # exact as the shifts are, and divides out more
        "fields": ("c4", "regular"),
    }
    assert all(view.exact and view.why and view.width > 0 for view in views.values())
    assert c4().done["symmetry"].summary["views"] == ["relu", "fields"]


def test_an_ordinary_network_is_told_by_its_shifts_alone() -> None:
    audited = Audited(convnet(), shapes(), AuditConfig(taps=["relu1", "flat"]))
    assert [(view.tap, view.group.value) for view in audited.views] == [("relu1", "translations")]
    row = audited.row("relu1", "translations")
    assert (row.action, row.state) == ("spatial", "exact")
    assert any("whole cells" in note for note in row.notes)
    assert audited.row("relu1", "c4").state == "broken"


def test_a_broken_group_gives_no_view_even_if_declared() -> None:
    audited = Audited(convnet(), shapes(), AuditConfig(taps=["relu1"], symmetries=[SymmetryGroup.C4]))
    assert {row.group.value for row in audited.rows} == {"c4"}
    assert all(row.declared for row in audited.rows)
    assert audited.row("relu1", "c4").state == "broken"
    assert not audited.views


def test_maps_that_had_to_be_averaged_are_not_called_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 cells averaged to 15 do not shift by whole cells: nobody looked, so nobody knows."""
    monkeypatch.setattr(symmetry, "MOST_ELEMENTS", 8 * 15 * 15)
    config = AuditConfig(taps=["relu1"], symmetries=[SymmetryGroup.TRANSLATIONS])
    audited = Audited(convnet(), shapes(), config)
    row = audited.row("relu1", "translations")
    assert (row.action, row.state) == ("identity", "unclear")
    assert "averaged" in row.notes[0]
    assert not audited.views


@pytest.mark.parametrize(
    ("before", "after", "survive"),
    [
        ((8, 28, 28), (8, 28, 28), True), ((32, 28, 28), (32, 11, 11), False), ((64, 32, 32), (64, 8, 8), True),
        ((64, 27, 27), (64, 9, 9), False), ((64,), (64,), True),
    ],
)  # fmt: skip
def test_shifts_survive_averages_of_whole_blocks(
    before: tuple[int, ...], after: tuple[int, ...], survive: bool
) -> None:
    assert shifts_survive(before, after) == survive


def test_classes_are_no_fields() -> None:
    """Four logits could be turned by a cyclic shift; only the identity means anything at the output."""
    audited = Audited(mlp(size=SIDE), shapes(channels=1), AuditConfig())
    assert {row.action for row in audited.rows if row.tap == "logits"} == {"identity"}


def test_only_declared_groups_are_tested() -> None:
    audited = c4(SymmetryGroup.FLIPS, SymmetryGroup.C4)
    assert {row.group.value for row in audited.rows} == {"flips", "c4"}
    assert {view.group.value for view in audited.views} == {"c4"}


@pytest.mark.parametrize(
    ("group", "arrays"),
    [
        (SymmetryGroup.C4, shapes(width=20)),
        (SymmetryGroup.COLOURS, shapes(channels=1)),
        (SymmetryGroup.NODES, shapes()),
    ],
)
def test_a_declared_group_that_does_not_fit_is_refused_with_those_that_do(
    group: SymmetryGroup, arrays: dict[str, np.ndarray]
) -> None:
    model = convnet(channels=arrays["images"].shape[3], size="side") if group != "c4" else convnet(size=SIDE)
    with pytest.raises(StageError) as refused:
        Audited(model, arrays, AuditConfig(symmetries=[group]))
    assert refused.value.code is ErrorCode.INVALID_REQUEST
    assert group.value in refused.value.detail
    assert "translations" in refused.value.advice


def test_moved_inputs_are_shown_with_their_answers() -> None:
    (gallery,) = c4().galleries
    assert [row.heading for row in gallery.rows[::2]] == [
        "shifted", "mirrored", "turned by quarters", "turned by eighths", "turned by any angle", "zoomed",
        "given other colours",
    ]  # fmt: skip
    for row in gallery.rows:
        assert len(row.pictures) == len(gallery.columns)
        assert row.pictures[0] is not None
        assert row.pictures[0].mark == ""
        moved = [picture for picture in row.pictures[1:] if picture is not None]
        assert moved
        assert {picture.mark for picture in moved} <= {"same", "changed"}
        resampled = row.heading in ("turned by eighths", "turned by any angle", "zoomed")
        assert (row.pictures[-1] is not None) == resampled
    quarters = [p for row in gallery.rows if row.heading == "turned by quarters" for p in row.pictures[1:] if p]
    assert {picture.mark for picture in quarters} == {"same"}


def test_what_is_exact_needs_no_chart_and_no_empty_columns() -> None:
    (gallery,) = c4(SymmetryGroup.C4).galleries
    assert gallery.columns == ["as it is", "moved", "moved", "moved"]
    assert [chart.y for chart in gallery.charts] == ["invariance error"]


def test_how_often_the_answer_changes_is_measured() -> None:
    (gallery,) = c4().galleries
    measures = {measure.name: measure.estimate for measure in gallery.measures}
    turned = measures["changes:c4"]
    assert turned is not None
    assert turned.value == 0
    assert 0 < turned.high < 0.1  # nothing seen is not nothing there
    assert {"floor:c8", "floor:so2", "floor:scale"} <= set(measures)
    assert "floor:c4" not in measures
    lines = {line.name: line.values for line in gallery.charts[0].lines}
    assert gallery.charts[0].x == ["relu", "fields", "pooled", "logits"]
    assert all(value is not None and value.high < 1e-4 for value in lines["turned by quarters"])


def test_a_constant_classifier_is_called_nothing() -> None:
    b = GraphBuilder(0)
    b.conv("image", "conv", (3, 4))
    b.node("GlobalAveragePool", ["conv"], "pool")
    b.node("Flatten", ["pool"], "flat")
    b.node("MatMul", ["flat", b.constant("nothing", np.zeros((4, 5), np.float32))], "scores")
    audited = Audited(b.build(("batch", 3, SIDE, SIDE)), shapes(), AuditConfig(taps=["conv"]))
    rows = [row for row in audited.rows if row.tap == "logits"]
    assert {row.state for row in rows} == {"unclear"}
    assert all("no symmetry" in row.notes[0] for row in rows)
    charted = [line.values[-1] for chart in audited.galleries[0].charts for line in chart.lines]
    assert charted == [None] * len(charted)


def test_graphs_are_renumbered_and_nothing_else() -> None:
    audited = Audited(onnx_graph_nets.message_passing_net(), graph_arrays(n=200), AuditConfig())
    assert {row.group.value for row in audited.rows} == {"nodes"}
    assert {row.state for row in audited.rows} == {"exact"}
    hidden = [row for row in audited.rows if row.tap != "logits"]
    assert "nodes" in {row.action for row in hidden}
    moving = {row.tap for row in hidden if row.action == "nodes"}
    assert {view.tap for view in audited.views} == moving


def test_a_classifier_with_more_slots_is_screened_with_all_of_them() -> None:
    audited = Audited(onnx_graph_nets.message_passing_net(n=12), graph_arrays(n=200, m=8), AuditConfig())
    assert {row.state for row in audited.rows} == {"exact"}
    assert "nodes" in {row.action for row in audited.rows}
    assert not audited.views


def test_a_classifier_that_reads_its_graph_as_a_vector_is_broken() -> None:
    audited = Audited(onnx_graph_nets.flat_net(n=8), graph_arrays(n=200, edges=1), AuditConfig())
    assert audited.row("logits", "nodes").state == "broken"


def test_the_same_audit_finds_the_same() -> None:
    first, again = (Audited(c4_net(), shapes(), AuditConfig(taps=["relu"])) for _ in range(2))
    assert first.done["symmetry"].outputs == again.done["symmetry"].outputs


@pytest.mark.parametrize("common", [0, 10, 1000])
def test_what_all_classes_share_hides_no_change_of_the_answer(common: float) -> None:
    """Softmax does not see it, so its size must not make a difference between two classes look small."""
    weights = np.full((SIDE, SIDE, 2), common, np.float32)
    weights[:, : SIDE // 2] += [1, -1]
    weights[:, SIDE // 2 :] += [-1, 1]
    b = GraphBuilder(0)
    b.node("Relu", ["image"], "lit")
    b.node("Flatten", ["lit"], "flat")
    b.node("MatMul", ["flat", b.constant("weights", weights.reshape(-1, 2))], "scores")
    config = AuditConfig(taps=["flat"], symmetries=[SymmetryGroup.FLIPS])
    audited = Audited(b.build(("batch", 1, SIDE, SIDE), 2), shapes(channels=1), config)
    row = audited.row("logits", "flips")
    assert row.state == "broken"
    assert any("of the answers change" in note for note in row.notes)


def test_the_mean_of_a_single_score_is_left_in() -> None:
    np.testing.assert_array_equal(symmetry.centred(np.array([[1.0], [3.0]], np.float32)), [[1.0], [3.0]])
    np.testing.assert_allclose(symmetry.centred(np.array([[1.0, 3.0]], np.float32)), [[-1.0, 1.0]])


def test_references_that_hardly_change_test_nothing() -> None:
    grey = {"images": np.repeat(shapes(channels=1)["images"], 3, axis=3)}
    audited = Audited(c4_net(), grey, AuditConfig(taps=["pooled"], symmetries=[SymmetryGroup.COLOURS]))
    for row in audited.rows:
        assert (row.state, row.error.n) == ("unclear", 0)
        assert row.notes[0].startswith("Not tested: these references hardly change (")
