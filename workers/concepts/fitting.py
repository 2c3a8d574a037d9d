"""Fit the concept INN on cached posteriors: closed form first, then training on pairs (papers.md 2(a))."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.concepts.checkpoint import FittedConcept, FittedConcepts
from workers.concepts.material import PairSet, draw_codes, pair_set, tied_rows
from workers.concepts.model import ConceptINN, Factor, factors_of
from workers.concepts.objective import PairLikelihood
from workers.concepts.pairs import Attribute, Concept, Examples, varies
from workers.concepts.scores import pair_score
from workers.concepts.sizes import factor_sizes
from workers.concepts.start import concept_rotation, shared_covariance, shared_directions
from workers.flows.fitting import InnProfile, Posteriors, split_rows
from workers.flows.linear_gaussian import LinearGaussian, fit_gaussian
from workers.tensors import ShapeError, require_shape
from workers.training.loop import History, fit
from workers.training.randomness import seeded_by

SHARED_RHO = 0.975
"""Assumed for attributes, which pairs share exactly or to a rank (papers.md 2(a)).

Learning it too gives the network little reason to gather an attribute in its factor: on the demo's codes the factors of
thickness and slant then explain half of their attribute instead of 85 %.
"""
EXAMPLE_RHO = 0.9
"""Where learning starts for concepts that examples define: how alike such pairs are, nobody knows beforehand."""
_DIRECTION = 0.3
_PAIRS_EACH = 8000
_HELD_PAIRS_EACH = 500
_FEWEST = 3
_WEAK, _LEAKY = 0.5, 0.25


@dataclass(frozen=True)
class ConceptFit:
    """Result of :func:`fit_concepts`: the network with its concepts, what found no room, and how training went."""

    fitted: FittedConcepts
    left_out: tuple[str, ...]
    history: History
    seconds: float


def fit_concepts(
    means: Tensor,
    stds: Tensor,
    concepts: Sequence[Concept],
    profile: InnProfile,
    generator: torch.Generator,
    *,
    device: str | torch.device = "cpu",
    on_progress: Callable[[float, str], None] | None = None,
) -> ConceptFit:
    """Fit ``e(code)`` so that pairs of a concept are correlated in its factor alone; fresh posterior noise per step.

    Args:
        means: posterior means of standardised codes, ``(n, d)``.
        stds: posterior standard deviations, ``(n, d)``.
        concepts: attributes over all ``n`` rows, and explicit pairs of rows; names must differ.
        profile: architecture, training and split; its fields about conditions are not read.
        generator: decides the split, the pairs, the initialisation, the batches and the noise.
        device: where to train; the result is on the CPU.
        on_progress: called with the share done, 0..1, and a few words; what it raises ends the fit.

    Raises:
        ShapeError: the arrays do not fit together, or fewer than 20 rows.
        TrainingDiverged: a loss or score is not finite.
    """
    started = time.perf_counter()
    data = _checked(means, stds, device)
    usable = [one for one in concepts if varies(one)]
    rng = np.random.default_rng(_seed(generator))
    parts = split_rows(len(means), profile, generator, tied_rows(usable, len(means)))
    whitening = fit_gaussian(data.means[parts[0]], data.stds[parts[0]])
    kept, factors, rotation = _layout(data, whitening, usable, parts[0], rng)
    sets = [
        pair_set(kept, rows, each, rng, data.means.device)
        for rows, each in zip(parts, (_PAIRS_EACH, _HELD_PAIRS_EACH, _HELD_PAIRS_EACH), strict=True)
    ]
    with seeded_by(generator):
        inn = ConceptINN(means.shape[1], factors, profile.inn).to(data.means)
    inn.whitening.load_state_dict(whitening.state_dict())
    inn.rotation.matrix.copy_(rotation)
    model = PairLikelihood(inn, [isinstance(one, Examples) for one in kept]).to(data.means)
    test = _Held(data, sets[2], generator)
    linear = test.nll(model)
    history = _train(model, data, sets, profile, generator, on_progress)
    fitted = _judge(model, kept, sets, data, test, linear)
    names = {one.name for one in kept}
    left_out = tuple(one.name for one in concepts if one.name not in names)
    return ConceptFit(fitted, left_out, history, time.perf_counter() - started)


def _layout(
    data: Posteriors, whitening: LinearGaussian, concepts: Sequence[Concept], rows: Tensor, rng: np.random.Generator
) -> tuple[list[Concept], tuple[Factor, ...], Tensor]:
    """Which concepts find room, their factors, and the rotation that puts them there."""
    drawn = pair_set(concepts, rows, _PAIRS_EACH, rng, data.means.device)
    with torch.no_grad():
        white = whitening.run(data.means)[0]
    pairs = [drawn.of(i) for i in range(len(concepts))]
    have = [i for i in range(len(concepts)) if len(pairs[i])]
    covariances = {i: shared_covariance(white, pairs[i]) for i in have}
    codes, dim = data.means.cpu().numpy(), data.means.shape[1]
    scores = [pair_score(codes, pairs[i].cpu().numpy()) for i in have]
    directions = [_directions(covariances[i], dim, len(pairs[i])) for i in have]
    sized = {i: size for i, size in zip(have, factor_sizes(scores, dim, directions), strict=True) if size}
    rotation = concept_rotation([covariances[i] for i in sized], list(sized.values()), dim).to(white)
    kept = [concepts[i] for i in sized]
    rhos = [SHARED_RHO if isinstance(one, Attribute) else EXAMPLE_RHO for one in kept]
    return kept, factors_of([one.name for one in kept], sized.values(), rhos, dim), rotation


def _directions(covariance: Tensor, dim: int, pairs: int) -> int:
    """How many directions count: a fair share of correlation, and more than the luckiest of few pairs.

    Few pairs may prove none, then the best one is left for held-out pairs to judge; none means that even luck finds
    nothing.
    """
    lucky = 2 * np.sqrt(dim / pairs)
    likely = shared_directions(covariance, float(max(_DIRECTION, lucky)))
    return likely or min(1, shared_directions(covariance, _DIRECTION))


class _Held:
    """Held-out pairs with one fixed draw of their codes."""

    def __init__(self, data: Posteriors, held: PairSet, generator: torch.Generator) -> None:
        pairs, self.shared = held.every()
        self.first, self.second = draw_codes(data, pairs, generator)

    @torch.no_grad()
    def nll(self, model: PairLikelihood) -> float:
        """Mean NLL of a pair, nats."""
        return float(model.nll(self.first, self.second, self.shared).mean())


def _train(
    model: PairLikelihood,
    data: Posteriors,
    sets: Sequence[PairSet],
    profile: InnProfile,
    generator: torch.Generator,
    on_progress: Callable[[float, str], None] | None,
) -> History:
    selection = _Held(data, sets[1], generator)

    def batch(source: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        pairs, shared = sets[0].batch(profile.batch // 2, source)
        return *draw_codes(data, pairs, source), shared

    return fit(
        model, lambda drawn: model.nll(*drawn).mean(), batch, profile.training, generator,
        held_out=lambda: selection.nll(model), on_step=on_progress,
    )  # fmt: skip


@torch.no_grad()
def _judge(
    model: PairLikelihood,
    concepts: Sequence[Concept],
    sets: Sequence[PairSet],
    data: Posteriors,
    test: _Held,
    linear: float,
) -> FittedConcepts:
    nll, rhos, inn = test.nll(model), model.rho().tolist(), model.inn
    inn.factors = (
        *(Factor(f.name, f.start, f.stop, rho) for f, rho in zip(inn.factors[:-1], rhos, strict=True)),
        inn.factors[-1],
    )
    e = inn.encode(data.means).cpu().numpy()
    found = [_concept(one, inn, i, e, sets[0].of(i), sets[2].of(i)) for i, one in enumerate(concepts)]
    return FittedConcepts(inn.cpu().eval(), tuple(found), nll, linear)


def _concept(concept: Concept, inn: ConceptINN, i: int, e: np.ndarray, pairs: Tensor, held: Tensor) -> FittedConcept:
    correlations: dict[str, float] = {}
    carried = None
    if len(held) >= _FEWEST:
        test = held.cpu().numpy()
        correlations = {f.name: pair_score(e[:, f.start : f.stop], test) for f in inn.factors}
        carried = _carried(e[:, inn.factors[i].start : inn.factors[i].stop], pairs, test)
    within = correlations.pop(concept.name, None)
    factor = inn.factors[i]
    return FittedConcept(
        concept.name, concept.definition, len(torch.unique(pairs, dim=0)), factor.size, factor.rho, within,
        correlations, _caution(concept, carried, correlations), carried,
        concept.alike if isinstance(concept, Attribute) else None,
    )  # fmt: skip


def _carried(values: np.ndarray, pairs: Tensor, held: np.ndarray) -> float:
    """Correlation of ``held`` pairs along the direction of the factor ``values (n, k)`` in which ``pairs`` agree most.

    One direction is chosen on some pairs and judged on others, so that luck with few of them adds nothing.
    """
    shared = shared_covariance(torch.from_numpy(values).double(), pairs.cpu())
    axis = torch.linalg.eigh(shared)[1][:, -1].numpy()
    return pair_score(values @ axis[:, None], held)


def _caution(concept: Concept, carried: float | None, leaks: dict[str, float]) -> str | None:
    """What a reader must know before trusting the factor, in words."""
    said = [] if concept.caution is None else [concept.caution]
    if carried is None:
        said.append("Too few pairs were left to check the factor on.")
    elif carried < _WEAK:
        said.append(f"Pairs that share it agree only weakly in its factor (correlation {carried:.2f}).")
    tied = [f"{name} ({value:.2f})" for name, value in leaks.items() if value > _LEAKY]
    if tied:
        said.append(f"Pairs that share it also share {', '.join(tied)}: the references do not tell these apart.")
    return " ".join(said) or None


def _checked(means: Tensor, stds: Tensor, device: str | torch.device) -> Posteriors:
    require_shape("means", means, None, None)
    require_shape("stds", stds, *means.shape)
    if len(means) < 20:
        raise ShapeError(f"means must have at least 20 rows, got {len(means)}")
    mean, std = (t.detach().to(device=device, dtype=torch.float32) for t in (means, stds))
    return Posteriors(mean, std, mean.new_zeros(len(mean), 0), torch.arange(len(mean), device=device))


def _seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**62, (), generator=generator, device=generator.device))
