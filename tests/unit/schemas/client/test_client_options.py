"""What the command line makes of options about symmetries and graphs, and how it tells what a dataset holds."""

from __future__ import annotations

import pytest
import typer

from schemas.audits import Profile, SymmetryGroup, View
from schemas.client.audit_options import audit_base, chosen_symmetries, chosen_views, that_fit
from schemas.client.file_commands import dataset_table, holdings
from schemas.client.input_options import GraphNames, input_spec
from schemas.datasets import DatasetFacts
from schemas.graphs import GraphFacts
from tests.builders import subjects

IMAGES = subjects.dataset_facts()
GRAPHS = DatasetFacts(
    kind="graphs", graph=GraphFacts(nodes=9, node_features=4, edge_features=3), canonical_digest="a" * 64, images=1000,
    height=9, width=9, channels=8, labelled=True, attributes=[],
)  # fmt: skip


def test_groups_are_screened_declared_or_left_alone() -> None:
    assert chosen_symmetries([], none=False) is None
    assert chosen_symmetries([], none=True) == []
    declared = chosen_symmetries([SymmetryGroup.C4, SymmetryGroup.FLIPS, SymmetryGroup.C4], none=False)
    assert declared == [SymmetryGroup.C4, SymmetryGroup.FLIPS]
    with pytest.raises(typer.BadParameter, match="not both"):
        chosen_symmetries([SymmetryGroup.C4], none=True)


def test_who_declares_a_group_gets_its_view() -> None:
    def views(chosen: list[View] | None, groups: list[SymmetryGroup] | None) -> list[View] | None:
        return audit_base(Profile.QUICK, 0, [], chosen, groups).views

    assert views([View.MIXING], [SymmetryGroup.C4]) == [View.MIXING, View.SYMMETRY]
    assert views([View.MIXING], None) == [View.MIXING]
    assert views([View.MIXING], []) == [View.MIXING]
    assert views(None, [SymmetryGroup.C4]) is None
    assert views([View.SYMMETRY], [SymmetryGroup.C4]) == [View.SYMMETRY]


def test_all_views_of_graphs_are_those_that_graphs_have() -> None:
    every = audit_base(Profile.QUICK, 0, [], chosen_views([], every=True), None)
    assert that_fit(every, subjects.dataset(IMAGES)).views == list(View)
    fitting = that_fit(every, subjects.dataset(GRAPHS)).views
    assert set(View) - set(fitting or []) == {View.ATTACK, View.ATTRIBUTION}


def test_a_dataset_says_what_it_holds() -> None:
    assert holdings(IMAGES) == "300 images of 28 × 28"
    assert holdings(GRAPHS) == "1,000 graphs of up to 9 nodes"
    rows = dataset_table([subjects.dataset(GRAPHS), subjects.dataset(None)])
    assert list(rows.columns[2].cells) == ["1,000 graphs of up to 9 nodes", ""]


def test_inputs_of_graphs_are_named_where_they_differ() -> None:
    plain = input_spec(None, None, 0.0, 1.0, "auto", GraphNames(None, None, None))
    assert (plain.nodes_name, plain.adjacency_name, plain.mask_name) == (None, None, None)
    named = input_spec("0.5", None, 0.0, 1.0, "auto", GraphNames("atoms", "bonds", "there"))
    assert (named.nodes_name, named.adjacency_name, named.mask_name, named.mean) == ("atoms", "bonds", "there", [0.5])
