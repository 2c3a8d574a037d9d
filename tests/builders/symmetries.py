"""Results and sheets of audits that looked at symmetry: of digits by a network that turns along, and of molecules."""

from __future__ import annotations

import base64
import io
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageDraw

from schemas.audits import SymmetryGroup
from schemas.graphs import EDGE_WIDTHS, NODE_COLOURS, GraphFacts
from schemas.results import (
    AuditResult,
    ConceptScore,
    Estimate,
    Finding,
    Gallery,
    InvariantView,
    Measure,
    Picture,
    PictureRow,
    Sheets,
    Symmetry,
    Verdict,
)

from . import views
from .results import dataset, estimate, result, sheets

State = Literal["exact", "approximate", "broken", "unclear"]
TAPS = ("conv1", "conv2", "pool", "logits")
FEATURES = {
    "hue": Verdict.IGNORED,
    "rotation": Verdict.IGNORED,
    "slant": Verdict.USED,
    "position": Verdict.UNDETERMINED,
}
MOVED = {
    "exact": (3e-7, 0.0, 4e-7),
    "approximate": (0.061, 0.054, 0.069),
    "broken": (0.71, 0.66, 0.77),
    "unclear": (0.16, 0.09, 0.24),
}
SCREEN: dict[SymmetryGroup, tuple[State, ...]] = {
    SymmetryGroup.TRANSLATIONS: ("exact", "exact", "approximate", "unclear"),
    SymmetryGroup.FLIPS: ("broken", "broken", "broken", "broken"),
    SymmetryGroup.C4: ("approximate", "exact", "exact", "exact"),
    SymmetryGroup.SO2: ("approximate", "approximate", "unclear", "approximate"),
    SymmetryGroup.COLOURS: ("broken", "broken", "approximate", "approximate"),
}


def error(state: State, n: int = 256) -> Estimate:
    """An equivariance error that goes with ``state``."""
    value, low, high = MOVED[state]
    return Estimate(value=value, low=low, high=high, n=n, method="mean over elements, bootstrap over references")


def symmetry(tap: str, group: SymmetryGroup, state: State, **changes: Any) -> Symmetry:
    """One row of a screen: maps move along, what comes after the pooling stays."""
    moves = tap.startswith("conv") and group is not SymmetryGroup.COLOURS
    fields: dict[str, Any] = {
        "tap": tap,
        "group": group,
        "action": "spatial" if moves else "identity",
        "error": error(state),
        "invariance": error("broken" if moves else state),
        "floor": estimate(0.031, 0.002) if group is SymmetryGroup.SO2 else None,
        "state": state,
        "elements": 4,
        "declared": group is SymmetryGroup.C4,
        "notes": ["A margin of 2 was cut off: there, pixels enter from outside."] if moves else [],
    }
    return Symmetry(**(fields | changes))


def screen() -> list[Symmetry]:
    """Every tap under every group."""
    return [
        symmetry(tap, group, state) for group, states in SCREEN.items() for tap, state in zip(TAPS, states, strict=True)
    ]


def invariant_views() -> list[InvariantView]:
    """The two taps that turn along."""
    return [
        InvariantView(
            tap=tap, group=SymmetryGroup.C4, action="spatial", projection="max_filters", lossless=True, exact=exact,
            why="a finite group of maps: more than twice as many templates as dimensions tell any two orbits apart",
            width=96,
        )
        for tap, exact in (("conv1", False), ("conv2", True))
    ]  # fmt: skip


def posed(bare: Finding) -> Finding:
    """``bare`` as it is told where the tap has an invariant view; rotation is pose alone there."""
    if not bare.tap.startswith("conv"):
        return bare
    pose = bare.feature == "rotation"
    free = 0.012 if pose else (bare.retention.predictive.value if bare.retention.predictive else 0.5) - 0.04
    update = {"invariant": estimate(free, 0.01), "invariant_generative": estimate(free + 0.006, 0.02)}
    reasons = (
        ["At conv it is there as pose only: the invariant view holds at most 4 % of it."] if pose else bare.reasons
    )
    return bare.model_copy(
        update={"retention": bare.retention.model_copy(update=update), "pose_only": pose, "reasons": reasons}
    )


def scored(score: ConceptScore) -> ConceptScore:
    """``score`` with what it is without the pose."""
    if not score.tap.startswith("conv"):
        return score
    return score.model_copy(
        update={
            "invariant": estimate(score.score.value + 0.2, 0.02),
            "aligned": estimate(score.score.value + 0.17, 0.02),
        }
    )


def symmetric_result(**changes: Any) -> AuditResult:
    """A whole audit of a network that turns along with its pictures."""
    bare = views.full_result(
        **{
            "taps": result(taps=TAPS).taps,
            "findings": [posed(views.full_finding(one)) for one in result(FEATURES, TAPS).findings],
            "features": result(FEATURES, TAPS).features,
            "concepts": [
                one.model_copy(update={"scores": [scored(score) for score in one.scores]})
                for one in views.concepts(("hue", "slant"), TAPS)
            ],
            "symmetries": screen(),
            "invariant_views": invariant_views(),
        }
    )
    return bare.model_copy(update=changes)


def cloud(seed: int, side: int = 300, classes: int = 4) -> str:
    """A map of many points in a few colours as base64 PNG."""
    generator = np.random.default_rng(seed)
    image = Image.new("RGB", (side, side), "#ffffff")
    pen = ImageDraw.Draw(image)
    centres = generator.uniform(0.2, 0.8, (classes, 2)) * side
    for at in range(400):
        x, y = generator.normal(centres[at % classes], side * (0.16 if seed % 2 else 0.05))
        pen.ellipse((x - 2.5, y - 2.5, x + 2.5, y + 2.5), fill=NODE_COLOURS[1 + at % classes])
    return _encoded(image)


def _encoded(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def map_gallery(tap: str, seed: int = 1) -> Gallery:
    """A pose-free map beside the raw one."""
    shown = [Picture(png=cloud(seed), caption="raw"), Picture(png=cloud(seed + 1), caption="pose divided out")]
    told = [
        Measure(name=f"knn:{kind}", label=f"Nearest neighbour has the same label, {kind}", value=value,
                estimate=estimate(value, 0.02))
        for kind, value in (("raw", 0.71), ("pose-free", 0.93))
    ]  # fmt: skip
    return Gallery(
        view="geometry",
        title="Maps with and without the pose",
        subject=tap,
        explanation="Each dot is a reference image, coloured by its label; near dots have near numbers at this tap.",
        columns=["raw numbers", "pose-free view"],
        rows=[PictureRow(pictures=list(shown))],
        measures=told,
    )


def galleries() -> list[Gallery]:
    """What the stages of symmetry and geometry show."""
    moved = views.gallery("symmetry", rows=2, columns=5).model_copy(update={"title": "The pictures in other poses"})
    between = views.gallery("geometry", rows=2, columns=7).model_copy(
        update={"title": "On the way from one to another"}
    )
    return [moved, map_gallery("conv1"), map_gallery("conv2", 3), between]


def symmetric_sheets(side: int = 28, others: tuple[str, ...] = ("mixing",), **shape: Any) -> Sheets:
    """Every picture of such an audit."""
    bare = sheets(side=side, taps=TAPS, features=("hue", "rotation"), **shape)
    taps = [
        one.model_copy(update={"deviation_quotient": estimate(0.031, 0.004)}) if one.tap.startswith("conv") else one
        for one in bare.taps
    ]
    return bare.model_copy(update={"taps": taps, "galleries": [*views.galleries(others, side), *galleries()]})


def molecule(seed: int, side: int = 96) -> str:
    """A drawing of a small graph as base64 PNG."""
    generator = np.random.default_rng(seed)
    image = Image.new("RGB", (side, side), "#ffffff")
    pen = ImageDraw.Draw(image)
    turns = np.linspace(0, 2 * np.pi, 7)[:-1]
    places = side * (0.5 + 0.36 * np.stack([np.cos(turns), np.sin(turns)], 1))
    for at in range(6):
        pen.line([*places[at], *places[at - 1]], fill="#1b1d22", width=EDGE_WIDTHS[int(generator.integers(0, 3))])
    for x, y in places:
        colour = NODE_COLOURS[int(generator.integers(0, 4))]
        pen.ellipse((x - 7, y - 7, x + 7, y + 7), fill=colour)
    return _encoded(image)


def graph_result(**changes: Any) -> AuditResult:
    """A whole audit of a classifier of molecules."""
    graph = GraphFacts(
        nodes=9, node_features=4, edge_features=3, node_names=["C", "N", "O", "F"],
        edge_names=["single", "double", "triple"],
    )  # fmt: skip
    nodes = [symmetry(tap, SymmetryGroup.NODES, "exact", notes=[], declared=False) for tap in ("layer1", "logits")]
    nodes[0] = nodes[0].model_copy(update={"action": "nodes", "invariance": error("broken")})
    view = InvariantView(
        tap="layer1", group=SymmetryGroup.NODES, action="nodes", projection="sliced_sorting", lossless=False,
        exact=True, why="rows of nodes in any order: sorted along many directions", width=128,
    )  # fmt: skip
    features = {"rings": Verdict.USED, "edges": Verdict.UNDETERMINED, "share of node type N": Verdict.IGNORED}
    size = {"height": 9, "width": 9, "channels": 8, "images": 4000}
    fields: dict[str, Any] = {
        "dataset": dataset(name="molecules", kind="graphs", graph=graph, attributes=["rings"], **size),
        "symmetries": nodes,
        "invariant_views": [view],
    }
    return result(features, ("layer1", "logits"), classes=["low", "high"], **(fields | changes))


def graph_sheets() -> Sheets:
    """Drawings of molecules in place of every picture."""
    bare = sheets(taps=("layer1", "logits"), features=("rings",), rows=3, samples=4, classes=["low", "high"])
    text = bare.model_dump(mode="json")
    return Sheets.model_validate(_redrawn(text, iter(range(10_000))))


def _redrawn(node: Any, seeds: Any) -> Any:
    if isinstance(node, list):
        return [_redrawn(one, seeds) for one in node]
    if not isinstance(node, dict):
        return node
    drawn = {"png": molecule(next(seeds))} if "png" in node else {}
    answer = {"predicted": node["predicted"] % 2} if "predicted" in node else {}
    return {key: _redrawn(value, seeds) for key, value in node.items()} | drawn | answer
