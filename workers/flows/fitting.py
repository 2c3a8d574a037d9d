"""Fit a conditional INN on cached posteriors of an autoencoder, beside its closed-form references."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from workers.flows.inn import ConditionalINN, InnConfig
from workers.flows.linear_gaussian import LinearGaussian, fit_gaussian, fit_linear_gaussian
from workers.tensors import ShapeError, require_shape
from workers.training.acceleration import compiled
from workers.training.loop import FitConfig, History, fit
from workers.training.randomness import seeded_by

_RIDGES = (1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0)


@dataclass(frozen=True)
class InnProfile:
    """Architecture, training and split of one fit.

    Attributes:
        inn: architecture.
        training: optimiser and schedule.
        batch: rows per step.
        selection: share of rows that choose the ridge and the step to keep.
        test: share of rows for the reported NLLs; they choose nothing.
    """

    inn: InnConfig = field(default_factory=InnConfig)
    training: FitConfig = field(default_factory=lambda: FitConfig(steps=3000, learning_rate=4e-3))
    batch: int = 256
    selection: float = 0.08
    test: float = 0.12


# Sizes for codes of 32 to 64 numbers and 4,000 to 20,000 rows. Small and well trained beats large: rate, schedule and
# the whitened start matter more than width. The strong weight decay costs 0.001 nats/dim with 16,000 rows and gains
# 0.03 with 6,400, where the flow would otherwise memorise.
QUICK = InnProfile(
    InnConfig(blocks=6), FitConfig(steps=500, learning_rate=4e-3, weight_decay=1.0, evaluate_every=50, patience=3)
)
STANDARD = InnProfile(
    InnConfig(blocks=8), FitConfig(steps=4000, learning_rate=4e-3, weight_decay=1.0, evaluate_every=250, patience=6)
)
FULL = InnProfile(
    InnConfig(blocks=12, hidden=192),
    FitConfig(steps=30_000, learning_rate=2e-3, weight_decay=1.0, evaluate_every=500, patience=8, ema=0.999),
)


@dataclass(frozen=True)
class FittedInn:
    """Result of :func:`fit_inn`.

    Attributes:
        inn: the fitted network, in eval mode.
        nll: ``-log p(code | z)`` of the test rows, nats per row, constant included, ``(n_test,)``.
        nll_linear_gaussian: the same rows under the closed-form conditional Gaussian.
        nll_gaussian: the same rows under the unconditional Gaussian.
        test_rows: which rows of the input those are, int64; no parameter and no choice has seen them.
        test_codes: the codes drawn for them, ``(n_test, d)``.
        ridge: penalty that the selection rows chose for the closed form.
        history: of the training; ``held_out`` is the mean NLL of the selection rows.
        seconds: wall time per phase: ``closed_form``, ``training``, ``test``.
    """

    inn: ConditionalINN
    nll: Tensor
    nll_linear_gaussian: Tensor
    nll_gaussian: Tensor
    test_rows: Tensor
    test_codes: Tensor
    ridge: float
    history: History
    seconds: dict[str, float]


@dataclass(frozen=True)
class Posteriors:
    """Codes as an autoencoder knows them: ``means``, ``stds`` ``(n, d)``; conditions ``z (n, …)``; row numbers."""

    means: Tensor
    stds: Tensor
    z: Tensor
    number: Tensor

    def rows(self, index: Tensor) -> Posteriors:
        """The given rows."""
        index = index.to(self.means.device)
        return Posteriors(self.means[index], self.stds[index], self.z[index], self.number[index])

    def fixed(self, generator: torch.Generator) -> Posteriors:
        """One draw per row, taken as exact from here on."""
        return Posteriors(self.draw(generator), torch.zeros_like(self.stds), self.z, self.number)

    def draw(self, generator: torch.Generator) -> Tensor:
        """One code per row: ``mean + std * eps``."""
        noise = torch.randn(self.means.shape, generator=generator, device=generator.device)
        return torch.addcmul(self.means, self.stds, noise.to(self.means))


def fit_inn(
    means: Tensor,
    stds: Tensor,
    condition: Tensor,
    profile: InnProfile,
    generator: torch.Generator,
    *,
    groups: Tensor | None = None,
    device: str | torch.device = "cpu",
    on_progress: Callable[[float, str], None] | None = None,
) -> FittedInn:
    """Fit ``t(code | condition)``; fresh posterior noise in every step.

    Args:
        means: posterior means of standardised codes, float32 ``(n, d)``.
        stds: posterior standard deviations, ``(n, d)``; zeros where the code is exact.
        condition: ``(n, k)``, ``k = 0`` allowed, or ``(n, c, h, w)``. Needs no standardisation.
        profile: :data:`QUICK`, :data:`STANDARD`, :data:`FULL` or one's own.
        generator: decides the split, the initialisation, the batches and the noise.
        groups: int ``(n,)``; rows of one group (views of one image) never fall on both sides of the split.
        device: where to train; data and result end up there.
        on_progress: called with the share done, 0..1, and a few words; what it raises ends the fit.

    Raises:
        ShapeError: the arrays do not fit together, or fewer than 20 rows.
        ValueError: an array holds a value that is not finite.
        TrainingDiverged: a loss or score is not finite.
    """
    data = _checked(means, stds, condition, device)
    parts = [data.rows(rows) for rows in split_rows(len(means), profile, generator, groups)]
    train, selection, test = parts[0], parts[1].fixed(generator), parts[2].fixed(generator)
    clock = _Clock()
    inn, ridge = _start(train, selection, profile, generator)
    clock.lap("closed_form")
    history = _train(inn, train, selection, profile, generator, on_progress)
    clock.lap("training")
    result = _judge(inn, ridge, history, train, test, clock.seconds)
    clock.lap("test")
    return result


def fit_unconditional(
    means: Tensor,
    stds: Tensor,
    profile: InnProfile,
    generator: torch.Generator,
    *,
    groups: Tensor | None = None,
    device: str | torch.device = "cpu",
    on_progress: Callable[[float, str], None] | None = None,
) -> FittedInn:
    """Fit ``t(code)`` with the same capacity; arguments and errors as for :func:`fit_inn`.

    From generators in the same state both fits get the same split and the same drawn test codes, so that
    ``information = nll of this - nll of fit_inn`` can be bootstrapped in pairs.
    """
    nothing = means.new_zeros(len(means), 0)
    return fit_inn(means, stds, nothing, profile, generator, groups=groups, device=device, on_progress=on_progress)


def split_rows(
    n: int, profile: InnProfile, generator: torch.Generator, groups: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Random ``(train, selection, test)`` rows, int64, that together hold each of the ``n`` rows once."""
    labels = torch.arange(n) if groups is None else torch.unique(groups.cpu(), return_inverse=True)[1]
    count = int(labels.max()) + 1
    place = torch.randperm(count, generator=generator, device=generator.device).cpu()[labels]
    test, selection = max(1, round(profile.test * count)), max(1, round(profile.selection * count))
    return (
        (place >= test + selection).nonzero()[:, 0],
        ((place >= test) & (place < test + selection)).nonzero()[:, 0],
        (place < test).nonzero()[:, 0],
    )


def _start(
    train: Posteriors, selection: Posteriors, profile: InnProfile, generator: torch.Generator
) -> tuple[ConditionalINN, float]:
    """An INN that is the best linear-Gaussian, and the ridge that the selection rows chose."""
    with seeded_by(generator):
        inn = ConditionalINN(train.means.shape[1], tuple(train.z.shape[1:]), profile.inn).to(train.means).eval()
    inn.summary.fit(train.z, generator)
    inn.embedder.fit(train.z)
    with torch.no_grad():
        layers = {ridge: _closed_form(inn, train, ridge) for ridge in _RIDGES}
        ridge = min(_RIDGES, key=lambda r: float(_closed_form_nll(inn, layers[r], selection).mean()))
        inn.whitening.load_state_dict(layers[ridge].state_dict())
        context = inn.embed(train.z)
        inn.body.initialise(inn.whitening.run(train.draw(generator), context.summary)[0], context.couplings)
    return inn, ridge


def _closed_form(inn: ConditionalINN, train: Posteriors, ridge: float) -> LinearGaussian:
    return fit_linear_gaussian(train.means, train.stds, inn.summary(train.z), ridge=ridge)


def _closed_form_nll(inn: ConditionalINN, layer: LinearGaussian, data: Posteriors) -> Tensor:
    return -layer.log_prob(data.means, inn.summary(data.z))


@torch.no_grad()
def _judge(
    inn: ConditionalINN,
    ridge: float,
    history: History,
    train: Posteriors,
    test: Posteriors,
    seconds: dict[str, float],
) -> FittedInn:
    return FittedInn(
        inn=inn,
        nll=inn.nll(test.means, test.z),
        nll_linear_gaussian=_closed_form_nll(inn, _closed_form(inn, train, ridge), test),
        nll_gaussian=-fit_gaussian(train.means, train.stds).log_prob(test.means),
        test_rows=test.number,
        test_codes=test.means,
        ridge=ridge,
        history=history,
        seconds=seconds,
    )


def _train(
    inn: ConditionalINN,
    train: Posteriors,
    selection: Posteriors,
    profile: InnProfile,
    generator: torch.Generator,
    on_progress: Callable[[float, str], None] | None,
) -> History:
    def batch(source: torch.Generator) -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(train.means), (profile.batch,), generator=source, device=source.device)
        chosen = train.rows(rows)
        return chosen.draw(source), chosen.z

    def loss(drawn: tuple[Tensor, Tensor]) -> Tensor:
        return -inn.log_prob(*drawn).mean()

    return fit(
        inn,
        compiled(loss, train.means.device),
        batch,
        profile.training,
        generator,
        held_out=lambda: float(inn.nll(selection.means, selection.z).mean()),
        on_step=on_progress,
    )


def _checked(means: Tensor, stds: Tensor, condition: Tensor, device: str | torch.device) -> Posteriors:
    require_shape("means", means, None, None)
    require_shape("stds", stds, *means.shape)
    if len(condition) != len(means) or condition.dim() not in (2, 4):
        raise ShapeError(
            f"condition must have shape ({len(means)}, k) or ({len(means)}, c, h, w), got {tuple(condition.shape)}"
        )
    if len(means) < 20:
        raise ShapeError(f"means must have at least 20 rows, got {len(means)}")
    for name, array in (("means", means), ("stds", stds), ("condition", condition)):
        if not torch.isfinite(array).all():
            raise ValueError(f"{name} hold values that are not finite")
    mean, std, z = (t.detach().to(device=device, dtype=torch.float32) for t in (means, stds, condition))
    return Posteriors(mean, std, z, torch.arange(len(means), device=device))


class _Clock:
    """Wall seconds per named phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        now = time.perf_counter()
        self.seconds[phase] = now - self._last
        self._last = now
