"""The molecules example, barely trained and without its audits: what it reads from QM9, and what it leaves."""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from rdkit import Chem
from rich.console import Console

from deploy.examples import molecules
from deploy.examples.molecules_data import ATOMS, BONDS, MOST_ATOMS, Molecules, load_qm9
from deploy.examples.molecules_nets import NETS, accuracy, export, tensors, train, wide_gap
from deploy.examples.molecules_views import valences_kept
from workers.graphs.config import GraphVaeConfig
from workers.graphs.packing import pack, valid
from workers.intake.datasets import inspect_dataset

COUNT = 240


@pytest.fixture(scope="module")
def some() -> Molecules:
    return load_qm9(COUNT, seed=3)


def test_molecules_are_what_rdkit_reads_from_their_formulas(some: Molecules) -> None:
    read = [Chem.MolFromSmiles(text) for text in some.smiles]
    assert some.rings.tolist() == [len(Chem.GetSSSR(one)) for one in read]
    assert some.rings.max() >= 3
    assert some.mask.sum(axis=1).tolist() == [one.GetNumAtoms() for one in read]
    assert some.heteroatoms.tolist() == [sum(atom.GetSymbol() != "C" for atom in one.GetAtoms()) for one in read]
    for one in read:
        Chem.Kekulize(one, clearAromaticFlags=True)
    bonds = (some.adjacency * np.arange(1, 1 + len(BONDS))).sum(axis=(1, 2, 3)) / 2
    np.testing.assert_array_equal(bonds, [sum(b.GetBondTypeAsDouble() for b in one.GetBonds()) for one in read])


def test_molecules_are_graphs_in_one_piece_and_in_an_order_of_their_own(some: Molecules) -> None:
    assert len(some) == COUNT
    assert some.nodes.shape == (COUNT, MOST_ATOMS, len(ATOMS))
    assert valid(pack(some.nodes, some.adjacency, some.mask), len(BONDS)).all()
    assert (some.adjacency.sum(axis=3) <= 1).all()
    reach = np.linalg.matrix_power(some.adjacency.sum(axis=3) + np.eye(MOST_ATOMS, dtype=np.int64), MOST_ATOMS) > 0
    there = some.mask[:, :, None] & some.mask[:, None, :]
    assert (reach >= there).all()
    assert (some.nodes[:, 0, 0] == 0).any()  # formulas begin with carbon nearly always
    other = load_qm9(20, seed=4)
    assert other.smiles != some.smiles[:20]
    assert 0 < other.properties["gap"].min() < other.properties["gap"].max() < 1


def test_most_molecules_keep_their_valences(some: Molecules) -> None:
    """All but the few with charges."""
    kept = valences_kept(pack(some.nodes, some.adjacency, some.mask))
    neutral = np.array(
        [all(atom.GetFormalCharge() == 0 for atom in Chem.MolFromSmiles(s).GetAtoms()) for s in some.smiles]
    )
    assert kept[neutral].all()
    assert neutral.mean() > 0.8


def test_the_example_leaves_tables_and_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    barely = replace(GraphVaeConfig.for_graphs(MOST_ATOMS), steps=15, width=16, pair_width=8)
    monkeypatch.setattr(GraphVaeConfig, "for_graphs", lambda *_: barely)
    monkeypatch.setattr(molecules, "WALKS", 12)
    console = Console(record=True, width=160, file=StringIO())
    effort = molecules.Effort(molecules=COUNT, trained=10)
    told, walks = molecules.run(effort, tmp_path, 1, console, audit=False)
    rows = {row.view: row for row in told}
    free = rows["sorted along many directions"]
    assert free.recognised.low > rows["as written"].recognised.high  # no training is needed for that
    for row in told:
        assert set(row.information) == {"rings", "heteroatoms", "gap", "dipole"}
        assert all(found.low <= found.value <= found.high for found in row.information.values())
    assert [walk.walk for walk in walks] == ["straight", "between orbits"]
    assert walks[1].length.high <= 1 + 1e-6 < 1.01 * walks[0].length.value + 1e-6
    printed = console.export_text()
    assert all(name in printed for name in (*rows, "between orbits", "Graph VAE:"))
    content = json.loads((tmp_path / "molecules.json").read_text())
    assert {row.get("view") for row in content["rows"]} >= set(rows)
    for name in ("molecules.png", "molecules_walks.png"):
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 200
            assert len(picture.getcolors(256) or []) > 8


def test_the_file_for_the_service_is_taken(some: Molecules, tmp_path: Path) -> None:
    path = molecules.write_dataset(some, tmp_path / "molecules.npz")
    facts, _ = inspect_dataset(path.read_bytes(), path.name, {})
    assert facts.graph is not None
    assert (facts.images, facts.graph.node_names, facts.graph.edge_names) == (COUNT, list(ATOMS), list(BONDS))
    assert [one.name for one in facts.attributes] == ["rings", "dipole"]
    assert facts.notes == []


@pytest.mark.parametrize("name", list(NETS))
def test_classifiers_learn_and_become_files_without_noise(
    name: str, some: Molecules, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    net = train(NETS[name](), some, 100, lambda _done: None)
    right = accuracy(net, some, float(np.median(some.properties["gap"])))
    assert right > {"bonds": 0.7, "atoms": 0.5}[name]  # many gaps go with one formula
    assert 0.4 < wide_gap(some).mean() < 0.6
    path = tmp_path / f"{name}.onnx"
    with warnings.catch_warnings(record=True) as said, caplog.at_level(logging.WARNING):
        warnings.simplefilter("always")
        export(net, path)
    assert [str(one.message) for one in said] == []
    assert caplog.messages == []
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    nodes, adjacency, mask = tensors(some.rows(np.arange(7)))
    given = {"nodes": nodes.numpy(), "adjacency": adjacency.numpy(), "mask": mask.numpy()}
    taken = {one.name: given[one.name] for one in session.get_inputs()}
    with torch.no_grad():
        expected = net(nodes, adjacency, mask).numpy()
    np.testing.assert_allclose(session.run(None, taken)[0], expected, atol=1e-4)
    bare = session.run(None, {**taken, "adjacency": np.zeros_like(given["adjacency"])})[0]
    assert np.allclose(bare, expected, atol=1e-4) is (name == "atoms")
