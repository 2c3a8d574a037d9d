"""Stage ``mixing``: the invariances of one image with the representation of another (papers.md 4(c), V8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.results import Gallery, Measure, PictureRow
from workers.evidence.bootstrap import mean_interval, rate_interval, resampling_weights
from workers.flows.inn import ConditionalINN
from workers.graphs.packing import is_graph
from workers.stages.decoding import Studio, open_studio
from workers.stages.faithfulness import Answers, Floats, ask, estimate
from workers.stages.inn import condition, load_inn
from workers.stages.references import random_rows, spread_rows
from workers.stages.stage import Produced, StageContext, pack_json
from workers.stages.views.pictures import answered, measured
from workers.symmetry.orbits import permutations_of
from workers.symmetry.quotient import quotient_distance
from workers.symmetry.tap_actions import node_axes

Rows = NDArray[np.int64]
Images = NDArray[np.uint8]
SIDE = 3
"""Images along each side of the grid."""

EXPLANATION = (
    "Each picture keeps of the image at the left (A) only what {tap} throws away, and takes all that {tap} knows from "
    "the image at the top (B). What looks like its column is what the classifier works with from {tap} on; what looks "
    "like its row was not found there. The mark compares with B, not A: 'same' where the classifier gives B's answer."
)


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of :class:`schemas.results.Gallery`, one per tap."""
    taps = context.config["taps"]
    studio = open_studio(context, *taps)
    galleries = []
    for done, tap in enumerate(taps, 1):
        galleries.append(_gallery(context, studio, tap).model_dump(mode="json"))
        context.report(done / len(taps), f"mixed at {tap}")
    return Produced({"galleries": pack_json(galleries)})


@torch.no_grad()
def mix_codes(inn: ConditionalINN, codes: Tensor, z: Tensor, other_z: Tensor) -> Tensor:
    """``t^-1(t(code | z) | other_z)``, ``(n, d)``: what the tap discards is kept, what it knows is another image's."""
    return inn.inverse(inn.v_for(codes, z), other_z)[0]


@dataclass(frozen=True)
class _Mixer:
    """One tap's network with all references."""

    studio: Studio
    tap: str
    inn: ConditionalINN
    z: Tensor

    def images(self, kept: Rows, shown: Rows) -> Images:
        """Invariances of references ``kept (n,)``, representation of references ``shown (n,)``."""
        a, b = torch.from_numpy(kept), torch.from_numpy(shown)
        return self.studio.decode(mix_codes(self.inn, self.studio.means[a], self.z[a], self.z[b]))

    def ask(self, images: Images) -> Answers:
        """The file's answers, with the tap's values."""
        return ask(self.studio.classifier, self.tap, images)


def _gallery(context: StageContext, studio: Studio, tap: str) -> Gallery:
    inn = load_inn(context.blob(f"inn:{tap}"))
    mixer = _Mixer(studio, tap, inn, condition(context.arrays("latents"), tap))
    return Gallery(
        view=context.request.name,
        title=f"Mixing images at {tap}",
        subject=tap,
        explanation=EXPLANATION.format(tap=tap),
        columns=["A gives what the tap discards", *(f"B {i} gives what it knows" for i in range(1, SIDE + 1))],
        rows=_grid(context, mixer),
        measures=_measures(context, mixer),
    )


def _grid(context: StageContext, mixer: _Mixer) -> list[PictureRow]:
    """B's along the top, A's down the left, and their mixtures; the same images at every tap."""
    names, references = context.config["outputs"], mixer.studio.references.images
    said = mixer.studio.probabilities.argmax(axis=1)
    picked = context.rng("grid").permutation(spread_rows(said, 2 * SIDE, context.rng("shown")))
    kept, given = picked[: len(picked) // 2], picked[len(picked) // 2 :]
    top = [answered(references[b], mixer.studio.probabilities[b], names) for b in given]
    mixed = mixer.images(np.repeat(kept, len(given)), np.tile(given, len(kept)))
    answers = mixer.ask(mixed).probabilities
    rows = [PictureRow(heading="B", pictures=[None, *top])]
    for i, a in enumerate(kept):
        left = answered(references[a], mixer.studio.probabilities[a], names)
        cells = range(i * len(given), (i + 1) * len(given))
        pictures = [answered(mixed[k], answers[k], names, int(said[given[k % len(given)]])) for k in cells]
        rows.append(PictureRow(heading="A", pictures=[left, *pictures]))
    return rows


def _measures(context: StageContext, mixer: _Mixer) -> list[Measure]:
    """Over random pairs: whose answer a mixture gets, and whose representation it has."""
    count = len(mixer.studio.references)
    kept = random_rows(count, context.budget.references, context.rng("pairs"))
    given = np.roll(kept, len(kept) // 2)
    references = mixer.studio.references.images
    mixed, a, b = mixer.ask(mixer.images(kept, given)), mixer.ask(references[kept]), mixer.ask(references[given])
    weights = resampling_weights(len(kept), context.budget.bootstrap, context.rng("bootstrap"))
    numbers = [
        measured("representation_gap", "distance to B's representation, in distances between A and B",
                 estimate(mean_interval(_gap(mixed.values, a.values, b.values, _nodes(references)), weights)))
    ]  # fmt: skip
    return [*_whose(context, mixed.predicted, a.predicted, b.predicted), *numbers]


def _whose(context: StageContext, mixed: Rows, a: Rows, b: Rows) -> list[Measure]:
    """Shares of the pairs with two answers in which a mixture gets B's, and A's; nothing where all answers agree."""
    differ = a != b
    if not differ.any():
        return []
    weights = resampling_weights(int(differ.sum()), context.budget.bootstrap, context.rng("bootstrap", "differ"))
    gets = {"gets_b": ("B's", b), "gets_a": ("A's", a)}
    return [
        measured(name, f"mixtures that get {whose} answer, of pairs with two answers",
                 estimate(rate_interval((mixed == answer)[differ].astype(np.float64), weights)))
        for name, (whose, answer) in gets.items()
    ]  # fmt: skip


def _nodes(references: Images) -> int | None:
    """How many nodes there is room for, where the references are graphs."""
    return references.shape[1] if is_graph(references) else None


def _gap(mixed: Floats, a: Floats, b: Floats, nodes: int | None = None) -> NDArray[np.float64]:
    """``|Phi(mixture) - Phi(B)|`` over the mean of ``|Phi(A) - Phi(B)|``: 0 for B's own representation, ``(n,)``.

    A mixture of graphs has its nodes in an order of its own: values of ``nodes`` are matched to B's first.
    """
    apart = _distance(a, b, nodes).mean()
    return _distance(mixed, b, nodes) / max(float(apart), 1e-9)


def _distance(values: Floats, others: Floats, nodes: int | None) -> NDArray[np.float64]:
    """Of each pair, ``(n,)``: Euclidean, or the least over all orders of the nodes where values are theirs."""
    axes = () if nodes is None else node_axes(values.shape[1:], nodes)
    if axes:
        return quotient_distance(permutations_of(values.shape[1:], axes), values, others)
    gap = (values.astype(np.float64) - others).reshape(len(values), -1)
    return np.asarray(np.linalg.norm(gap, axis=1))
