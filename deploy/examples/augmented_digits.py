"""Ordinary CNNs, trained with and without turned digits: the first is symmetric by training alone, and only at its end.

``python -m deploy.examples.augmented_digits``: trains twins on MNIST digits, one on upright digits, one on digits in a
fresh random pose at every step; measures layer by layer how they answer to turns, and what neighbours say of raw codes
and of their average over turns of the picture (Hansen, Calissano and Feragen, ICML 2024, third example). With
``--audit`` the real service audits both ONNX files with turns declared as a symmetry.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from deploy.demo.train import export
from schemas.audits import AuditConfig, SymmetryGroup
from schemas.datasets import AttributeSpec
from schemas.results import FeatureKind
from workers.evidence.bootstrap import Interval, resampling_weights
from workers.symmetry.actions import act
from workers.symmetry.equivariance import read
from workers.symmetry.groups import group_for
from workers.symmetry.trials import trials

from .audits import audited
from .drawing import AVERAGED, Point, places, point, save
from .fitting import fit, to_tensor
from .measures import RESAMPLES, SEED, Bench, Codes, Measured, Posed, Screened
from .ordinary import ConvNet
from .poses import HELD_OUT, Digits, Images, any_angles, split, to_uint8, turned
from .tables import screen, show, show_audit, show_symmetries, write

GROUPS = ("c4", "c8", "so2")
SHAPE = (28, 28, 1)
TWINS = ("upright", "augmented")


@dataclass(frozen=True)
class Effort:
    """Training steps of each twin, digits to train on (``None``: all others), held out, and screened for symmetry."""

    steps: int = 1200
    held_out: int = 1000
    trained: int | None = None
    screened: int = 500


QUICK, FULL = Effort(), Effort(steps=8000, held_out=HELD_OUT, screened=HELD_OUT)


@dataclass(frozen=True)
class Neighboured:
    """What the codes of one layer of one twin tell, raw and averaged over turns of the picture."""

    twin: str
    layer: str
    raw: Measured
    averaged: Measured


def run(effort: Effort, out: Path, seed: int, console: Console) -> dict[str, ConvNet]:
    """Train both, measure, print and save; returns the twins."""
    began, cpu = time.perf_counter(), time.process_time()
    out.mkdir(parents=True, exist_ok=True)
    trained, held = split(effort.held_out, effort.trained)
    nets = {twin: classifier(trained, twin, effort.steps, seed, console) for twin in TWINS}
    rng = np.random.default_rng(seed)
    angles = any_angles(len(held), rng), any_angles(len(held), rng)
    pictures = Posed(turned(held.grey, angles[0]), turned(held.grey, angles[1]), held.grey)
    screened = [row for twin, net in nets.items() for row in screened_layers(twin, net, held.grey[: effort.screened])]
    bench = Bench(held, angles[0])
    compared = [row for twin, net in nets.items() for row in neighbours(twin, net, bench, pictures, console)]
    right = {twin: accuracy(net, pictures.first, held) for twin, net in nets.items()}
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    show_symmetries(screened, console)
    for twin in TWINS:
        rows = [measured for row in compared if row.twin == twin for measured in (row.raw, row.averaged)]
        show(rows, f"Trained on {DESCRIBED[twin]}: right on {right[twin]:.1%} of digits in random poses", console)
    console.print(f"{seconds:.0f} s in all, {cpu:.0f} s of CPU.")
    facts = {"accuracy": right, "seconds": seconds, "cpu_seconds": cpu, "seed": seed, "steps": effort.steps}
    write(out / "augmented_digits.json", [*screened, *compared], facts)
    draw(screened, compared, out / "augmented_digits.png")
    console.print(f"Tables and figure are in {out}/")
    return nets


DESCRIBED = {"upright": "upright digits", "augmented": "digits in random poses"}


def classifier(digits: Digits, twin: str, steps: int, seed: int, console: Console) -> ConvNet:
    """One of the twins: same start, same digits, same number of steps."""
    torch.manual_seed(seed)
    net = ConvNet()
    fit(
        net,
        digits,
        _any_pose if twin == "augmented" else _as_is,
        steps,
        seed,
        console,
        f"training on {DESCRIBED[twin]}",
    )
    return net


def _any_pose(grey: Images, rng: np.random.Generator) -> Images:
    return turned(grey, any_angles(len(grey), rng))


def _as_is(grey: Images, _rng: np.random.Generator) -> Images:
    return grey


def layers_of(net: ConvNet, pictures: NDArray[np.uint8]) -> dict[str, Codes]:
    """Values of every layer for pictures uint8 ``(n, 28, 28, 1)``."""
    with torch.no_grad():
        found = net.layers(to_tensor((pictures[..., 0] / 255).astype(np.float32)))
    return {layer: values.numpy() for layer, values in found.items()}


def accuracy(net: ConvNet, grey: Images, digits: Digits) -> float:
    """Share of right answers."""
    return float((layers_of(net, to_uint8(grey))["logits"].argmax(1) == digits.labels).mean())


def screened_layers(twin: str, net: ConvNet, grey: Images) -> list[Screened]:
    """The product's own screen of every layer, on upright held-out digits."""
    groups = [group_for(name, SHAPE, np.random.default_rng(SEED)) for name in GROUPS]
    found = trials(lambda pictures: layers_of(net, pictures), to_uint8(grey), groups)
    return [Screened(twin, layer, group, read(tried, _weights)) for (layer, group), tried in found.items()]


@lru_cache(maxsize=4)
def _weights(n: int) -> NDArray[np.float32]:
    return resampling_weights(n, RESAMPLES, np.random.default_rng(SEED))


def neighbours(twin: str, net: ConvNet, bench: Bench, pictures: Posed, console: Console) -> list[Neighboured]:
    """Raw codes of every layer against their average over eight turns of the picture."""
    raw = [layers_of(net, to_uint8(grey)) for grey in (pictures.first, pictures.second, pictures.upright)]
    mean = [averaged(net, to_uint8(grey)) for grey in (pictures.first, pictures.second, pictures.upright)]
    return [
        Neighboured(
            twin,
            layer,
            bench.of_codes(layer, [Posed(*(codes[layer] for codes in raw))]),
            bench.of_codes(f"{layer}, averaged", [Posed(*(codes[layer] for codes in mean))]),
        )
        for layer in track(raw[0], f"  measuring {twin}", console=console, transient=True)
    ]


def averaged(net: ConvNet, pictures: NDArray[np.uint8]) -> dict[str, Codes]:
    """``1/|G| sum_g Phi(g x)`` over C8 acting on the picture: what is left of any network's codes without the pose.

    A function of the picture, not of the codes: the layers of an ordinary network have no known action.
    """
    group = group_for("c8", SHAPE, np.random.default_rng(SEED))
    total: dict[str, Codes] = {}
    for element in group.elements:
        for layer, values in layers_of(net, act(element, pictures)).items():
            total[layer] = total.get(layer, np.float32(0)) + values / np.float32(group.order)
    return total


def draw(screened: list[Screened], compared: list[Neighboured], path: Path) -> None:
    """Errors, neighbours and recognition by layer."""
    errors = [point(_trained(row.twin), row.layer, row.reading.invariance) for row in screened if row.group == "so2"]
    votes = [one for row in compared for one in _pair(row, row.raw.neighbours, row.averaged.neighbours)]
    found = [one for row in compared for one in _pair(row, row.raw.recognised, row.averaged.recognised)]
    panels = [
        places(errors, "layer", "share of two digits' distance", "how far a turn moves the codes"),
        places(votes, "layer", "share of digits", "5 nearest neighbours are right"),
        places(found, "layer", "share of digits", "nearest in another pose: itself"),
    ]
    save([panels], path)


def _pair(row: Neighboured, raw: Interval, averaged: Interval) -> list[Point]:
    name = _trained(row.twin)
    return [point(name, row.layer, raw), point(name, row.layer, averaged, AVERAGED)]


def _trained(twin: str) -> str:
    return f"trained on {DESCRIBED[twin]}"


def audit(nets: Mapping[str, ConvNet], out: Path, seed: int, console: Console) -> None:
    """Both twins as ONNX files through the real service, on all 5,000 digits in random poses, with C8 declared."""
    models = {}
    for twin, net in nets.items():
        models[f"{twin}_twin"] = out / f"{twin}_twin.onnx"
        export(net, models[f"{twin}_twin"], channels=1)
    data = out / "posed_digits.npz"
    write_posed(data, seed)
    spec = {"angle": AttributeSpec(kind=FeatureKind.CIRCULAR, period=360.0)}
    config = AuditConfig(symmetries=[SymmetryGroup.C8])
    for name, result in audited(models, data, spec, config, out, console).items():
        show_audit(name, result, ("angle", "label", "thickness", "slant"), console)


def write_posed(path: Path, seed: int) -> None:
    """Every digit in one random pose, with its label, angle (degrees), and the thickness and slant it had upright."""
    trained, held = split()
    grey = np.concatenate([held.grey, trained.grey])
    angles = any_angles(len(grey), np.random.default_rng(seed))
    np.savez_compressed(
        path,
        images=to_uint8(turned(grey, angles)),
        labels=np.concatenate([held.labels, trained.labels]),
        angle=np.rad2deg(angles),
        thickness=np.concatenate([held.thickness, trained.thickness]),
        slant=np.concatenate([held.slant, trained.slant]),
    )


def main(
    out: Annotated[Path, typer.Option(help="Where the figure, the tables and the reports go.")] = Path("examples-out"),
    full: Annotated[bool, typer.Option("--full", help="Eight times the training: minutes.")] = False,
    audited: Annotated[bool, typer.Option("--audit", help="Also audit both with the real service: minutes.")] = False,
    seed: Annotated[int, typer.Option(help="Of everything that is random.")] = 1,
) -> None:
    """Twins of an ordinary CNN, one trained on turned digits: what that does to their codes, in about a minute."""
    console = screen()
    nets = run(FULL if full else QUICK, out, seed, console)
    if audited:
        audit(nets, out, seed, console)


if __name__ == "__main__":
    typer.run(main)
