"""QM9 as graphs: the molecules that the package ``qm9pack`` ships, heavy atoms as nodes, bonds as edges.

QM9 (Ramakrishnan et al., Scientific Data 1, 2014) has 133,885 molecules of up to nine heavy atoms; the package leaves
out the 3,054 whose geometry could not be brought in line with their formula.
"""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, RDLogger

ATOMS = ("C", "N", "O", "F")
BONDS = ("single", "double", "triple")
MOST_ATOMS = 9
PROPERTIES = {"gap": "HOMO_LUMO_gap_au", "dipole": "Dipole_debye"}
"""Columns of the package's tables: the gap between the frontier orbitals (Hartree), the dipole moment (Debye)."""


@dataclass(frozen=True)
class Molecules:
    """Graphs of molecules, each with its atoms in an order of its own.

    Args:
        nodes: uint8 ``(n, 9, 4)``, one-hot element, zero where there is no atom.
        adjacency: uint8 ``(n, 9, 9, 3)``, one-hot bond order (aromatic rings in Kekule form), symmetric.
        mask: uint8 ``(n, 9)``, 1 where there is an atom.
        properties: float64 ``(n,)`` by name: ``gap`` in Hartree, ``dipole`` in Debye.
        smiles: of each molecule.
    """

    nodes: NDArray[np.uint8]
    adjacency: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    properties: dict[str, NDArray[np.float64]]
    smiles: list[str]

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def rings(self) -> NDArray[np.int64]:
        """Independent rings: bonds - atoms + 1, every molecule being in one piece."""
        bonds = self.adjacency.sum(axis=(1, 2, 3), dtype=np.int64) // 2
        return np.asarray(bonds - self.mask.sum(axis=1, dtype=np.int64) + 1)

    @property
    def heteroatoms(self) -> NDArray[np.int64]:
        """Atoms that are not carbon."""
        return np.asarray(self.nodes[:, :, 1:].sum(axis=(1, 2), dtype=np.int64))

    def rows(self, chosen: NDArray[np.int64]) -> Molecules:
        """Some of them, in the order given."""
        return Molecules(
            self.nodes[chosen], self.adjacency[chosen], self.mask[chosen],
            {name: values[chosen] for name, values in self.properties.items()}, [self.smiles[i] for i in chosen],
        )  # fmt: skip


def load_qm9(count: int, seed: int = 0) -> Molecules:
    """``count`` molecules drawn at random, fewer where there are not as many; atoms in random order.

    The order matters: in the tables it follows the formula, and a network could learn that. Molecules of fewer than two
    heavy atoms have no bond and are left out.

    Raises:
        FileNotFoundError: the package ``qm9pack`` is not installed.
    """
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    rng = np.random.default_rng(seed)
    table = list(_rows())
    parsed = []
    for i in rng.permutation(len(table)):
        graph = _graph(table[i]["SMILES"], rng)
        if graph is not None:
            parsed.append((*graph, table[i]))
        if len(parsed) == count:
            break
    nodes, adjacency, rows = zip(*parsed, strict=True)
    stacked = np.stack(nodes)
    properties = {
        name: np.array([float(row[column]) for row in rows], dtype=np.float64) for name, column in PROPERTIES.items()
    }
    mask = np.asarray(stacked.any(axis=2), dtype=np.uint8)
    return Molecules(stacked, np.stack(adjacency), mask, properties, [row["SMILES"] for row in rows])


def _rows() -> Iterator[dict[str, str]]:
    """The wanted columns of every row of the package's three tables."""
    wanted = ("SMILES", *PROPERTIES.values())
    for path in _tables():
        with path.open(newline="") as file:
            reader = csv.reader(file)
            header = next(reader)
            places = [header.index(name) for name in wanted]
            for row in reader:
                yield dict(zip(wanted, (row[place] for place in places), strict=True))


def _tables() -> list[Path]:
    """The package is found but not imported: its own code needs a retired part of setuptools."""
    spec = importlib.util.find_spec("qm9pack")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the molecules are in the package qm9pack: pip install 'scotoma[molecules]'")
    return sorted((Path(spec.submodule_search_locations[0]) / "data").glob("qm9_part*.csv"))


def _graph(smiles: str, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """One-hot atoms ``(9, 4)`` and bonds ``(9, 9, 3)``; ``None`` where the formula cannot be read or has no bond."""
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or molecule.GetNumAtoms() < 2:
        return None
    Chem.Kekulize(molecule, clearAromaticFlags=True)
    place = rng.permutation(molecule.GetNumAtoms())
    nodes = np.zeros((MOST_ATOMS, len(ATOMS)), dtype=np.uint8)
    adjacency = np.zeros((MOST_ATOMS, MOST_ATOMS, len(BONDS)), dtype=np.uint8)
    for atom in molecule.GetAtoms():
        nodes[place[atom.GetIdx()], ATOMS.index(atom.GetSymbol())] = 1
    for bond in molecule.GetBonds():
        a, b = place[bond.GetBeginAtomIdx()], place[bond.GetEndAtomIdx()]
        order = round(bond.GetBondTypeAsDouble()) - 1
        adjacency[a, b, order] = adjacency[b, a, order] = 1
    return nodes, adjacency
