"""Molecules: what a graph VAE's codes tell with and without the numbering of atoms, and what two classifiers ignore.

``python -m deploy.examples.molecules``: fits the product's graph VAE to molecules of QM9, compares views of its codes
(Hansen, Calissano and Feragen, ICML 2024, first example), then trains two classifiers of the gap between the frontier
orbitals, one that sees bonds and one that sees the formula alone, and audits both through the service. Prints the
tables; leaves them as JSON beside a figure, the models, the data and the reports.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from schemas.audits import AuditConfig, SymmetryGroup
from schemas.results import AuditResult
from workers.graphs.config import GraphVaeConfig, Profile
from workers.graphs.fit import FittedGraphVae, fit_graph_vae
from workers.graphs.packing import Packed, pack

from .audits import audited
from .molecules_data import ATOMS, BONDS, MOST_ATOMS, Molecules, load_qm9
from .molecules_figures import draw_views, draw_walks
from .molecules_nets import CLASSES, NETS, STEPS, accuracy, export, train, wide_gap
from .molecules_views import Material, Told, Walk
from .tables import percent, screen, show_audit, write

PROBED = 3000
WALKS = 500
MAPPED = 1500
SKETCHED = 2
SHOWN = ("as written", "sorted along many directions")
HARTREE = 27.211386
"""Electronvolts."""


@dataclass(frozen=True)
class Effort:
    """Molecules that the VAE and the audit see, others that the classifiers learn from, and the VAE's profile."""

    molecules: int = 5_000
    trained: int = 20_000
    profile: Profile = "quick"


QUICK = Effort()
FULL = Effort(molecules=100_000, trained=30_000, profile="thorough")


def run(effort: Effort, out: Path, seed: int, console: Console, audit: bool = True) -> tuple[list[Told], list[Walk]]:
    """The whole example; returns the tables of codes and of walks."""
    out.mkdir(parents=True, exist_ok=True)
    everything = load_qm9(effort.molecules + effort.trained, seed)
    shown, others = (everything.rows(np.arange(len(everything))[part])
                     for part in (slice(effort.molecules), slice(effort.molecules, None)))  # fmt: skip
    began = time.perf_counter()
    fitted = fit(pack(shown.nodes, shown.adjacency, shown.mask), effort.profile, seed, console)
    seconds = time.perf_counter() - began
    console.print(
        f"Graph VAE: {fitted.quality.exact:.1%} of held-out molecules come back exactly,"
        f" {fitted.quality.nodes:.1%} of atoms and {fitted.quality.edges:.1%} of bonds; {seconds:.0f} s."
    )
    told, walks = compare(fitted, shown, seed, out)
    show_views(told, console)
    show_walks(walks, console)
    facts = {"molecules": len(shown), "seed": seed, "vae_seconds": seconds, "vae_exact": fitted.quality.exact}
    write(out / "molecules.json", [*told, *walks], facts)
    if audit:
        audit_both(shown, others, out, seed, console)
    console.print(f"Tables, figures and reports are in {out}/")
    return told, walks


def fit(graphs: Packed, profile: Profile, seed: int, console: Console) -> FittedGraphVae:
    """The product's own graph VAE, as an audit fits it, with a progress bar."""
    columns = (
        TextColumn("  learning the molecules"),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    config, generator = GraphVaeConfig.for_graphs(MOST_ATOMS, profile), torch.Generator().manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        return fit_graph_vae(
            graphs, config, generator, lambda share, note: bar.update(task, completed=share, description=note), device
        )


def compare(fitted: FittedGraphVae, molecules: Molecules, seed: int, out: Path) -> tuple[list[Told], list[Walk]]:
    """Views of the codes, walks between them, and the figure of both."""
    some = molecules.rows(np.arange(min(PROBED, len(molecules))))
    rng = np.random.default_rng(seed)
    properties = {"rings": some.rings.astype(np.float64), "heteroatoms": some.heteroatoms.astype(np.float64),
                  **some.properties}  # fmt: skip
    material = Material(fitted.codec, pack(some.nodes, some.adjacency, some.mask), properties, rng)
    views = material.views(rng)
    told = [material.told(name, view, rng) for name, view in views.items()]
    walks = material.walks(min(WALKS, len(some)), rng)
    seen = {name: view(material.written[:MAPPED]) for name, view in views.items() if name in SHOWN}
    electronvolts = HARTREE * some.properties["gap"][:MAPPED]
    draw_views(told, {f"codes {name}": codes for name, codes in seen.items()}, electronvolts, out / "molecules.png")
    draw_walks({name: material.drawn(way) for name, way in material.ways(SKETCHED, rng).items()},
               out / "molecules_walks.png")  # fmt: skip
    return told, walks


def show_views(rows: list[Told], console: Console) -> None:
    """Print one line per view."""
    table = Table(title="Codes of molecules, by view", title_justify="left", title_style="bold", box=SIMPLE_HEAD,
                  caption_justify="left")  # fmt: skip
    for heading in ("view", "width", "recognised", "gap of neighbours", *rows[0].information):
        table.add_column(heading, justify="left" if heading == "view" else "right")
    for row in rows:
        read = [percent(found) for found in row.information.values()]
        table.add_row(row.view, str(row.width), percent(row.recognised), percent(row.neighbour_gap), *read)
    table.caption = (
        "Percent, with 95 % intervals over molecules. recognised: nearest to themselves in another numbering. gap of "
        "neighbours: how far the gaps of nearest neighbours are apart, random pairs being 100 (smaller is better). The "
        "others: share of the variance of that property that a cross-fitted probe reads."
    )
    console.print(table)


def show_walks(rows: list[Walk], console: Console) -> None:
    """Print one line per kind of walk."""
    table = Table(title="Walks between two molecules, decoded on the way", title_justify="left", title_style="bold",
                  box=SIMPLE_HEAD, caption_justify="left")  # fmt: skip
    for heading in ("walk", "length", "possible", "detour"):
        table.add_column(heading, justify="left" if heading == "walk" else "right")
    for row in rows:
        detour = f"{row.detour.value:.1f} ({row.detour.low:.1f}–{row.detour.high:.1f})"
        table.add_row(row.walk, percent(row.length), percent(row.possible), detour)
    table.caption = (
        "length: in percent of the straight walk. possible: percent of the molecules on the way in which no atom has "
        "more bonds than its element allows. detour: atoms and bonds that change on the way beyond those in which the "
        "two ends differ."
    )
    console.print(table)


def audit_both(shown: Molecules, others: Molecules, out: Path, seed: int, console: Console) -> dict[str, AuditResult]:
    """Train both classifiers on ``others``, audit them on ``shown``, print what the audits say."""
    models, middle = {}, float(np.median(others.properties["gap"]))
    for name, make in NETS.items():
        torch.manual_seed(seed)
        net = train(make(), others, STEPS, lambda _done: None, seed)
        models[name] = out / f"{name}.onnx"
        export(net, models[name])
        console.print(f"{name}.onnx: right on {accuracy(net, shown, middle):.1%} of the audited molecules")
    data = write_dataset(shown, out / "molecules.npz")
    config = AuditConfig(seed=seed, symmetries=[SymmetryGroup.NODES])
    found = audited(models, data, {}, config, out, console, CLASSES)
    for name, result in found.items():
        show_audit(name, result, [feature.name for feature in result.features], console)
    return found


def write_dataset(molecules: Molecules, path: Path) -> Path:
    """The molecules as the service takes them: graphs, labels, and the columns rings and dipole."""
    np.savez_compressed(
        path, nodes=molecules.nodes, adjacency=molecules.adjacency, mask=molecules.mask,
        node_names=np.array(ATOMS), edge_names=np.array(BONDS), labels=wide_gap(molecules),
        rings=molecules.rings, dipole=molecules.properties["dipole"],
    )  # fmt: skip
    return path


def main(
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for tables, figures, reports.")] = Path(
        "examples-out"
    ),
    full: Annotated[bool, typer.Option("--full", help="All of QM9 and a larger VAE: meant for a GPU.")] = False,
    audit: Annotated[bool, typer.Option(help="Train and audit the two classifiers, too.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same numbers.")] = 0,
) -> None:
    """Codes of molecules with and without the numbering of their atoms; audits of two classifiers of molecules."""
    run(FULL if full else QUICK, out, seed, screen(), audit)


if __name__ == "__main__":
    typer.run(main)
