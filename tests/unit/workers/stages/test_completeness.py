"""What the autoencoder loses of rare values and rare answers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.results import Estimate, FeatureSource, Symmetry
from workers.evidence import gates as checks
from workers.evidence.features import FeatureColumn, fit_encoding
from workers.graphs.canonical import canonical_order, linked
from workers.graphs.packing import permuted
from workers.stages.completeness import completeness_by_answer, completeness_within
from workers.stages.features import AuditedFeature
from workers.stages.gates import gates_of, numbering_gates
from workers.stages.symmetry_limits import numbering_limits


def attribute(kind: str, values: NDArray[np.float64], names: tuple[str, ...] = ()) -> AuditedFeature:
    column = FeatureColumn("kind", kind, values, n_categories=len(names) or None)
    return AuditedFeature("kind", FeatureSource.ATTRIBUTE, column, fit_encoding(column), None, names)


def answered(said: NDArray[np.int64], classes: int = 2) -> dict[str, NDArray[np.float32]]:
    probabilities = np.eye(classes, dtype=np.float32)[said]
    return {"probabilities": probabilities, "logits": 2 * probabilities - 1}


def test_a_lost_category_does_not_hide_behind_the_whole() -> None:
    """2.5 % of the images, all of them answered differently: 97.5 % of all reconstructions are fine."""
    kinds = np.repeat([0.0, 1.0, 2.0, np.nan], [1000, 920, 50, 30])
    feature, rows = attribute("categorical", kinds, ("A", "B", "C")), np.arange(2000)
    shares = completeness_within(feature, rows, (kinds != 2).astype(float))
    assert {name: one.value for name, one in shares.items()} == {"A": 1.0, "B": 1.0, "C": 0.0}
    assert not checks.completeness_within("kind", shares).passed
    assert set(completeness_within(feature, rows[:1930], np.ones(1930))) == {"A", "B"}  # ten images say nothing


def test_nor_does_a_lost_count() -> None:
    """An autoencoder that draws ten nodes for nine; the classifier answers exactly nine of them otherwise."""
    sizes = np.repeat([4.0, 8.0, 9.0, 10.0, 14.0], [300, 170, 60, 170, 300])
    shares = completeness_within(attribute("numeric", sizes), np.arange(1000), (sizes != 9).astype(float))
    gate = checks.completeness_within("nodes", shares)
    assert (gate.kind, gate.passed) == (checks.COMPLETENESS, False)
    assert "among the 60 references whose nodes is 9 " in gate.detail
    many = np.linspace(0, 1, 1000)
    assert completeness_within(attribute("numeric", many), np.arange(1000), np.zeros(1000)) == {}


def test_values_that_look_alike_are_counted_apart() -> None:
    years = np.repeat([2001.0, 2002.0], 50)
    shares = completeness_within(attribute("numeric", years), np.arange(100), (years == 2001).astype(float))
    assert {name: one.value for name, one in shares.items()} == {"2001": 1.0, "2002": 0.0}


def trees(degree: int, count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Caterpillars of ten nodes with one that has ``degree`` neighbours, numbered at random."""
    graph = np.zeros((10, 10, 4), np.uint8)
    graph[range(10), range(10), :2] = 255
    back = 12 - degree
    links = [(k, k + 1) for k in range(back - 1)] + [(back // 2, leaf) for leaf in range(back, 10)]
    for a, b in links:
        graph[a, b, 3] = graph[b, a, 3] = 255
    orders = (rng.permutation(10) for _ in range(count))
    return np.stack([graph[order][:, order] for order in orders])


def test_an_answer_that_rests_on_the_numbering_never_comes_back_from_codes() -> None:
    """``1`` where the last node of the list branches: one graph in sixteen; codes keep all of a graph but its order."""
    rng = np.random.default_rng(0)
    graphs = np.concatenate([trees(degree, 200, rng) for degree in (2, 3, 4, 5)])

    def said(graphs: NDArray[np.uint8]) -> NDArray[np.int64]:
        return (linked(graphs)[:, -1].sum(axis=1) >= 3).astype(np.int64)

    agrees = (said(graphs) == said(permuted(graphs, canonical_order(graphs)))).astype(np.float64)
    assert agrees.mean() > 0.9  # nothing is amiss in the whole
    shares = completeness_by_answer(answered(said(graphs)), np.arange(800), agrees, ["quiet", "branches"], False)
    gate = checks.every_answer_redrawn(shares)
    assert (gate.name, gate.passed) == (checks.ANSWERS, False)
    assert f"{shares['branches'].n} references with the answer branches" in gate.detail
    assert gates_of([gate], "nodes", "logits") == [gate]


@pytest.mark.parametrize(("events", "passed"), [(30, False), (34, True), (36, True), (40, True)])
def test_few_images_of_an_answer_fail_only_beyond_chance(events, passed) -> None:
    """34 of 40 are answered alike (85 %): below 90 %, and not shown to be."""
    said = np.repeat([0, 1], [960, 40])
    agrees = np.ones(1000)
    agrees[960 : 1000 - events] = 0
    gate = checks.every_answer_redrawn(completeness_by_answer(answered(said), np.arange(1000), agrees, None, False))
    assert gate.passed is passed


def test_answers_are_those_of_the_redrawn_images_and_rare_ones_are_not_judged() -> None:
    said = np.repeat([0, 1, 2], [500, 100, 20])
    rows = np.arange(619, -1, -1)
    shares = completeness_by_answer(answered(said, 3), rows, (said[rows] == 0).astype(float), None, False)
    assert {name: (one.value, one.n) for name, one in shares.items()} == {"0": (1.0, 500), "1": (0.0, 100)}


def test_each_label_of_several_is_an_answer() -> None:
    """A label that never leads and is lost whenever it is on."""
    on = np.arange(1000) % 20 == 0
    logits = np.stack([np.full(1000, 3.0), np.where(on, 1.0, -1.0)], axis=1).astype(np.float32)
    latents = {"logits": logits, "probabilities": logits}
    shares = completeness_by_answer(latents, np.arange(1000), (~on).astype(float), ["face", "hat"], True)
    assert {name: one.value for name, one in shares.items()} == {
        "face": 0.95, "face on": 0.95, "hat on": 0.0, "hat off": 1.0
    }  # fmt: skip
    assert "answer hat on" in checks.every_answer_redrawn(shares).detail
    assert set(completeness_by_answer(latents, np.arange(1000), np.ones(1000), ["face", "hat"], False)) == {"face"}


def row(state: str, tap: str = "logits", group: str = "nodes") -> Symmetry:
    error = Estimate(value=0.8, low=0.7, high=0.9, level=0.95, n=100, method="test")
    return Symmetry(tap=tap, group=group, action="identity", error=error, invariance=error, state=state, elements=4)


def test_a_classifier_that_reads_the_numbering_gets_a_gate_that_says_so() -> None:
    (gate,) = numbering_gates([row("exact", group="c4"), row("broken", tap="relu"), row("broken")])
    assert (gate.kind, gate.passed, gate.value) == (checks.NUMBERING, False, 0.8)
    assert "depends on the numbering of the nodes; codes do not hold it" in gate.detail
    for state in ("exact", "approximate", "unclear"):
        assert [one.passed for one in numbering_gates([row(state)])] == [True]
    assert numbering_gates([]) == []


def test_graphs_whose_numbering_nobody_tested_say_so() -> None:
    assert len(numbering_limits([], graphs=True)) == 1
    assert "was not tested" in numbering_limits([row("broken", tap="relu")], graphs=True)[0]
    assert numbering_limits([row("exact")], graphs=True) == []
    assert numbering_limits([], graphs=False) == []
