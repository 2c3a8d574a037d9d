"""A classifier that turns with its input, and what its codes tell with and without their pose.

``python -m deploy.examples.rotated_digits``: trains a C8-equivariant classifier on MNIST digits in random poses, takes
its regular fields ``(16, 8)`` just before they are pooled over orientations, and compares invariant views of them on
held-out digits (Hansen, Calissano and Feragen, ICML 2024, second example). Prints a table, leaves it as JSON beside two
figures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.progress import track

from workers.evidence.bootstrap import Interval
from workers.symmetry.orbits import Orbit, orbit_of, permutations_of
from workers.symmetry.projections.averaging import Average
from workers.symmetry.projections.canonical import Canonical
from workers.symmetry.projections.frame import Frame, fit_frame, generic_templates
from workers.symmetry.projections.max_filter import MaxFilters
from workers.symmetry.projections.projection import Projection
from workers.symmetry.projections.random_linear import draw_random_linear
from workers.symmetry.projections.sliced_sorting import fit_sliced_sorting
from workers.symmetry.projections.spectrum import Moduli, draw_bispectrum

from .drawing import Drawing, cloud, curves, point, save
from .fitting import fit, read
from .measures import Bench, Codes, Measured, Posed
from .neighbours import Distances, distances
from .poses import HELD_OUT, Digits, Images, any_angles, split, turned
from .regular import ORDER, RegularNet
from .tables import screen, show, write

FIELDS = 16
UNITS = FIELDS * ORDER
TEMPLATES = (4, 16, 64, 2 * UNITS, 4 * UNITS)
"""Among them twice as many as there are units: so many generic max filters tell any two orbits apart."""
READING_A, READING_B, BETWEEN_ORBITS = "random linear (A)", "max filters (B)", "distance of orbits"


@dataclass(frozen=True)
class Effort:
    """Training steps, digits to train on (``None``: all others) and held out, draws of random templates."""

    steps: int = 400
    held_out: int = HELD_OUT
    trained: int | None = None
    draws: int = 3


QUICK, FULL = Effort(), Effort(steps=4000, draws=10)


@dataclass(frozen=True)
class View:
    """A way to see codes. ``draw`` makes it from one seed; ``random``: another seed gives another view."""

    name: str
    draw: Callable[[int], Projection]
    templates: int | None = None
    random: bool = False


def run(effort: Effort, out: Path, seed: int, console: Console) -> list[Measured]:
    """Train, measure, print and save; returns the table."""
    began, cpu = time.perf_counter(), time.process_time()
    out.mkdir(parents=True, exist_ok=True)
    trained, held = split(effort.held_out, effort.trained)
    net = classifier(trained, effort.steps, seed, console)
    rng = np.random.default_rng(seed)
    first, second = any_angles(len(held), rng), any_angles(len(held), rng)
    pictures = (turned(held.grey, first), turned(held.grey, second), held.grey)
    codes = Posed(*(read(net.codes, grey) for grey in pictures))
    material = read(net.codes, turned(trained.grey, any_angles(len(trained), rng)))
    rows = measured(Bench(held, first), codes, material, effort.draws, seed, console)
    accuracy = float((read(net, pictures[0]).argmax(1) == held.labels).mean())
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    show(rows, f"Codes of {len(held)} held-out digits in random poses, {FIELDS} fields × {ORDER} orientations", console)
    console.print(
        f"The classifier itself is right on {accuracy:.1%} of them. {seconds:.0f} s in all, {cpu:.0f} s of CPU."
    )
    facts = {"accuracy": accuracy, "seconds": seconds, "cpu_seconds": cpu, "seed": seed, "steps": effort.steps}
    write(out / "rotated_digits.json", rows, facts)
    draw_curves(rows, out / "rotated_digits.png")
    draw_maps(codes, material, held, out / "rotated_digits_maps.png")
    console.print(f"Table and figures are in {out}/")
    return rows


def classifier(digits: Digits, steps: int, seed: int, console: Console) -> RegularNet:
    """The equivariant classifier, trained on digits in a fresh random pose at every step."""
    torch.manual_seed(seed)
    net = RegularNet()
    fit(net, digits, _any_pose, steps, seed, console, "training the C8 classifier")
    return net


def _any_pose(grey: Images, rng: np.random.Generator) -> Images:
    return turned(grey, any_angles(len(grey), rng))


def turns() -> Orbit:
    """How a turn by 45 degrees moves the codes: every field's orientations shift by one."""
    return orbit_of("c8", "regular", (FIELDS, ORDER), tuple(partial(np.roll, shift=s, axis=2) for s in range(ORDER)))


def views(material: Codes) -> list[View]:
    """The invariant views that are compared; ``material``: codes of training digits, to scale and centre by."""
    orbit = turns()
    frame = fit_frame(orbit, material, UNITS, np.random.default_rng(0))
    orientations = permutations_of((FIELDS, ORDER), (1,))
    return [
        View("group average", lambda _: Average(orbit)),
        *(View(READING_A, partial(_linear, orbit, count), count, random=True) for count in TEMPLATES),
        *(View(READING_B, partial(_filters, orbit, frame, count), count, random=True) for count in TEMPLATES),
        View("moduli", lambda _: Moduli(orbit)),
        View("bispectrum", lambda seed: draw_bispectrum(orbit, np.random.default_rng(seed)), random=True),
        View("canonical pose", lambda seed: _canonical(orbit, frame, seed), random=True),
        View(
            "sorted orientations", lambda seed: fit_sliced_sorting(orientations, material, np.random.default_rng(seed))
        ),
    ]


def _linear(orbit: Orbit, count: int, seed: int) -> Projection:
    return draw_random_linear(orbit, count, np.random.default_rng(seed))


def _filters(orbit: Orbit, frame: Frame, count: int, seed: int) -> Projection:
    templates = generic_templates(frame, count, np.random.default_rng(seed))
    return MaxFilters(orbit, frame.mean, frame.scale, templates)


def _canonical(orbit: Orbit, frame: Frame, seed: int) -> Projection:
    return Canonical(orbit, generic_templates(frame, 1, np.random.default_rng(seed))[0])


def measured(bench: Bench, codes: Posed, material: Codes, draws: int, seed: int, console: Console) -> list[Measured]:
    """Raw codes, upright ones and the distance between orbits as references; then every view."""
    orbit = turns()
    rows = [
        bench.of_codes("raw", [codes]),
        bench.of_codes("raw, all upright", [Posed(codes.upright, codes.upright, codes.upright)]),
        bench.of_distances(BETWEEN_ORBITS, codes, partial(between_orbits, orbit)),
    ]
    for view in track(views(material), "  measuring views", console=console, transient=True):
        rows.append(bench.of_codes(_label(view), list(_drawn(view, codes, draws, seed)), view.templates))
    return rows


def _label(view: View) -> str:
    count = f", {view.templates}" if view.templates else ""
    return f"{view.name}{count}{' = 2 d' if view.templates == 2 * UNITS else ''}"


def _drawn(view: View, codes: Posed, draws: int, seed: int) -> Iterator[Posed]:
    for draw in range(draws if view.random else 1):
        yield codes.seen(view.draw(seed + draw))


def between_orbits(orbit: Orbit, first: Codes, second: Codes) -> Distances:
    """``min_g |a - g b|`` of every pair, ``(n, m)``."""
    return np.asarray(np.min([distances(first, move(second)) for move in orbit.moves], axis=0))


def draw_curves(rows: list[Measured], path: Path) -> None:
    """Neighbours, recognition and what a probe reads, against the number of templates."""
    voted = [
        _panel(rows, "5 nearest neighbours are right", "digits", lambda row: row.neighbours),
        _panel(rows, "… among upright digits", "digits", lambda row: row.upright),
        _panel(rows, "nearest in another pose: itself", "digits", lambda row: row.recognised),
    ]
    told = [
        _panel(rows, f"a probe reads: {feature}", "variance", partial(_information, feature))
        for feature in ("label", "thickness", "slant")
    ]
    save([voted, told], path)


def _information(feature: str, row: Measured) -> Interval | None:
    return row.information.get(feature)


def _panel(rows: list[Measured], title: str, of: str, asked: Callable[[Measured], Interval | None]) -> Drawing:
    lines = [
        point(name, row.templates, found)
        for name in (READING_A, READING_B)
        for row in rows
        if row.templates and row.view.startswith(name) and (found := asked(row))
    ]
    levels = [
        point(row.view, 1, found) for row in rows if row.view in ("raw", BETWEEN_ORBITS) and (found := asked(row))
    ]
    return curves(lines, levels, "number of templates", f"share of {of}", title)


def draw_maps(codes: Posed, material: Codes, held: Digits, path: Path) -> None:
    """First two principal components of raw codes and of max filters, in the colours of the digits."""
    orbit = turns()
    frame = fit_frame(orbit, material, UNITS, np.random.default_rng(0))
    filtered = codes.seen(_filters(orbit, frame, 2 * UNITS, 0))
    raw = cloud(_principal(codes.first), held.labels, "raw codes")
    save([[raw, cloud(_principal(filtered.first), held.labels, "the same, pose divided out (max filters)")]], path)


def _principal(codes: Codes) -> Codes:
    flat = codes.reshape(len(codes), -1) - codes.reshape(len(codes), -1).mean(0)
    left, scale, _ = np.linalg.svd(flat, full_matrices=False)
    return np.asarray(left[:, :2] * scale[:2], dtype=np.float32)


def main(
    out: Annotated[Path, typer.Option(help="Where the figures and the table go.")] = Path("examples-out"),
    full: Annotated[bool, typer.Option("--full", help="Ten times the training and more draws: minutes.")] = False,
    seed: Annotated[int, typer.Option(help="Of everything that is random.")] = 1,
) -> None:
    """Rotated digits: an equivariant classifier's codes with and without their pose, on two cores in about a minute."""
    run(FULL if full else QUICK, out, seed, screen())


if __name__ == "__main__":
    typer.run(main)
