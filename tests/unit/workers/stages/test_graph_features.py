"""Features of graphs: counts stand in for the columns that hold them, and edits of the code aim at counts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from schemas.datasets import AttributeFacts
from schemas.graphs import GraphFacts
from schemas.results import FeatureKind, FeatureSource
from tests.builders.random_graphs import graph_arrays
from workers.evidence.features import FeatureColumn, fit_encoding
from workers.evidence.graph_statistics import graph_statistics
from workers.evidence.statistics import Statistic
from workers.graphs.packing import pack
from workers.oracles import OracleConfig, OracleTarget, fit_oracles
from workers.stages.code_edits import ConditionalEdit
from workers.stages.editor import conditioning
from workers.stages.features import AuditedFeature, Reader, audited_features, oracle_targets
from workers.stages.references import References
from workers.stages.unedited import Unedited

FOUND = graph_arrays(200)
GRAPHS = pack(FOUND["nodes"], FOUND["adjacency"], FOUND["mask"])
NAMES = GraphFacts(nodes=8, node_features=3, edge_features=2, node_names=["C", "N", "O"], edge_names=["one", "two"])


def features(**columns: np.ndarray) -> dict[str, AuditedFeature]:
    """As intake would describe ``columns``: few integers are categories."""
    facts, values = [], []
    for name, column in columns.items():
        if column.dtype.kind == "i":
            known, codes = np.unique(column, return_inverse=True)
            facts.append(AttributeFacts(name=name, kind=FeatureKind.CATEGORICAL, categories=[str(v) for v in known]))
            values.append(codes.astype(np.float64))
        else:
            facts.append(AttributeFacts(name=name, kind=FeatureKind.NUMERIC))
            values.append(column)
    found = audited_features(References(GRAPHS, None, tuple(values)), facts, None, NAMES)
    return {one.name: one for one in found}


def test_a_column_that_counts_is_read_by_the_formula_whatever_its_name() -> None:
    found = features(**{"ring count": FOUND["rings"], "pieces": FOUND["size"]})
    rings = found["ring count"]
    assert rings.source is FeatureSource.ATTRIBUTE
    assert (rings.column.kind, rings.transformed, rings.learned) == ("numeric", True, False)
    assert rings.column.values.tolist() == FOUND["rings"].tolist()
    assert found["pieces"].statistic is not None
    assert not {"rings", "nodes"} & found.keys()


def test_a_column_that_only_resembles_a_count_is_learned() -> None:
    other = FOUND["rings"].copy()
    other[0] += 1
    found = features(rings=other)
    assert found["rings"].learned
    assert found["rings"].column.kind == "categorical"
    assert found["measured rings"].statistic is not None


def test_graphs_have_no_statistics_of_images_and_no_constant_ones() -> None:
    found = features()
    assert {"nodes", "rings", "max degree"} <= found.keys()
    assert not {"luminance", "position_x", "components", "edges"} & found.keys()
    assert sum(name.startswith("share of") for name in found) == 3


def test_the_editor_is_told_all_counts_so_that_none_moves_unseen() -> None:
    found = features(rings=FOUND["rings"], mixed=FOUND["first"] ** 2)
    assert {one.name for one in conditioning(list(found.values()))} == found.keys()
    assert {name for name, one in found.items() if one.transformed} == {
        "rings", *(name for name in found if name.startswith("share of"))
    }  # fmt: skip


def test_oracles_read_what_no_formula_does_and_need_no_numbering() -> None:
    twos = FOUND["adjacency"][..., 1].sum(axis=(1, 2)) / 2.0 + FOUND["nodes"][..., 1].sum(axis=1)
    found = features(rings=FOUND["rings"], mixed=twos)
    targets = oracle_targets(list(found.values()))
    assert [target.name for target in targets] == ["mixed"]
    assert isinstance(targets[0], OracleTarget)
    config = OracleConfig(steps=30, batch=48, features=32, half=False)
    assert fit_oracles(GRAPHS, targets, config, torch.Generator().manual_seed(0)).quality["mixed"] > 0.3


STEP = 40


def count(images: np.ndarray) -> np.ndarray:
    """Whole steps of the first number."""
    return np.floor(images[:, 0, 0, 0].astype(np.float64) / STEP)


def stays(images: np.ndarray) -> np.ndarray:
    return np.floor(images[:, 0, 1, 0].astype(np.float64) / STEP)


class Timid:
    """An editor that goes half as far as it is told, and lets the second count follow the first."""

    def v_for(self, codes: Tensor, told: Tensor) -> Tensor:
        return codes - self.inverse(torch.zeros_like(codes), told)[0]

    def inverse(self, residual: Tensor, told: Tensor) -> tuple[Tensor, None]:
        a, b = told.unbind(dim=1)
        return residual + torch.stack([0.5 * a, 0.8 * b + 0.2 * a], dim=1), None


def studio() -> Any:
    """Two numbers that are drawn as two pixels and counted in steps of forty grey levels."""
    codes = torch.rand(200, 2, generator=torch.Generator().manual_seed(0)) * 4 - 2

    def draw(given: Tensor) -> np.ndarray:
        return (128 + 45 * given).round().clamp(0, 255).byte().numpy()[:, None, :, None]

    measures = {"a": count, "b": stays}
    found = []
    for name, measure in measures.items():
        column = FeatureColumn(name, "numeric", measure(draw(codes)))
        statistic = Statistic(name, "numeric", None, measure, None, None, equals=True)
        found.append(AuditedFeature(name, FeatureSource.MEASURED, column, fit_encoding(column), statistic))
    return SimpleNamespace(means=codes, decode=draw, features=found, reader=Reader(found, None))


def test_a_count_next_to_the_target_is_no_hit() -> None:
    """The editor cannot draw 3 and draws 4 instead, from 0 most of the way: the answer may be another one at 3."""
    made = studio()
    values = np.repeat([0.0, 4.0], 100)
    column = FeatureColumn("a", "numeric", values)
    statistic = Statistic("a", "numeric", None, count, None, None, equals=True, whole=True)
    wide = AuditedFeature("a", FeatureSource.MEASURED, column, fit_encoding(column), statistic)
    made.features[0], made.reader.features = wide, [wide, made.features[1]]
    edit = ConditionalEdit(wide, Timid(), Unedited(made, np.arange(200)))  # type: ignore[arg-type]
    edit.shown = wide.encoding.encode(values)
    rows = np.arange(100)
    four = np.full((100, 1, 2, 1), 4 * STEP + 1, np.uint8)
    assert edit.check(rows, four, np.full(100, 4.0)).hit.all()
    assert not edit.check(rows, four, np.full(100, 3.0)).hit.any()
    assert not edit.check(rows, four, np.full(100, 5.0)).hit.any()


@pytest.mark.parametrize("whole", [True, False])
def test_a_transform_of_a_whole_number_hits_it_or_misses(whole: bool) -> None:
    reference = np.array([0.0, 100.0])  # a quarter of this spread is more than ten
    statistic = Statistic("a", "numeric", None, count, None, None, equals=True, whole=whole)
    four = np.full((3, 1, 2, 1), 4 * STEP + 1, np.uint8)
    assert statistic.confirms(four, np.array([3.0, 4.0, 5.0]), reference).tolist() == [not whole, True, not whole]


def test_counts_are_whole_and_means_are_not() -> None:
    whole = {one.name for one in graph_statistics(GRAPHS) if one.whole}
    assert whole == {"nodes", "rings", "components", "max degree", "edges", "branching"}


def test_edits_of_a_count_are_aimed_until_it_shows_and_the_other_stays() -> None:
    made = studio()
    rows = np.arange(200)
    edit = ConditionalEdit(made.features[0], Timid(), Unedited(made, rows))  # type: ignore[arg-type]
    assert (count(edit.floor) == count(edit.before)).all()
    now = count(edit.before)
    targets = np.where(now < now.mean(), now + 1, now - 1)
    checked = edit.check(rows, edit.to(rows, targets), targets)
    assert checked.hit.mean() > 0.95
    assert checked.moved.mean() < 0.05


def fine(images: np.ndarray) -> np.ndarray:
    """The first number in steps so small that one of them is a fraction of a spread."""
    return np.floor(images[:, 0, 0, 0].astype(np.float64) / 10)


def test_a_whole_number_is_aimed_at_until_it_is_the_target() -> None:
    """One off is near enough for what should stay, but no hit."""
    made = studio()
    column = FeatureColumn("a", "numeric", fine(made.decode(made.means)))
    statistic = Statistic("a", "numeric", None, fine, None, None, equals=True, whole=True)
    made.features[0] = AuditedFeature("a", FeatureSource.MEASURED, column, fit_encoding(column), statistic)
    rows = np.arange(200)
    edit = ConditionalEdit(made.features[0], Timid(), Unedited(made, rows))  # type: ignore[arg-type]
    now = fine(edit.before)
    targets = np.where(now < now.mean(), now + 5, now - 5)
    assert edit.check(rows, edit.to(rows, targets), targets).hit.mean() > 0.95
