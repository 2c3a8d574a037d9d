"""Can the classifier's answer be told from the nuisance block? Cross-fitted on codes that trained nothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.training.randomness import seeded_by

_FOLDS = 5
_STEPS = 150
_WIDTH = 64


@dataclass(frozen=True)
class Leakage:
    """What a probe finds in ``z_n``.

    Attributes:
        accuracy: of the cross-fitted probe, 0..1.
        chance: accuracy of always answering the most frequent class.
        n: rows probed.
    """

    accuracy: float
    chance: float
    n: int

    @property
    def excess(self) -> float:
        """Share of the possible gain over chance that the probe makes; about 0 without leakage, 1 for full leakage."""
        room = 1 - self.chance
        return (self.accuracy - self.chance) / room if room > 0 else 0.0


def probe_leakage(nuisance: Tensor, labels: Tensor, generator: torch.Generator) -> Leakage:
    """Predict ``labels`` from ``nuisance`` with an MLP that never sees the rows it is judged on.

    Args:
        nuisance: ``(n, d)`` floats, of rows that the VAE was not trained on; ``n`` at least 10.
        labels: ``(n,)`` integers, the classifier's arg-max.
        generator: decides folds and initialisation.

    Raises:
        ValueError: there are fewer than 10 rows.
    """
    if len(labels) < 2 * _FOLDS:
        raise ValueError(f"need at least {2 * _FOLDS} rows to cross-fit, got {len(labels)}")
    classes, dense = torch.unique(labels, return_inverse=True)
    folds = torch.randperm(len(labels), generator=generator) % _FOLDS
    hits = [_hits(nuisance, dense, folds == fold, len(classes), generator) for fold in range(_FOLDS)]
    chance = float(dense.bincount().max()) / len(labels)
    return Leakage(sum(hits) / len(labels), chance, len(labels))


def _hits(x: Tensor, labels: Tensor, judged: Tensor, classes: int, generator: torch.Generator) -> int:
    probe = _trained(x[~judged], labels[~judged], classes, generator)
    with torch.no_grad():
        return int((probe(x[judged]).argmax(dim=1) == labels[judged]).sum())


def _trained(x: Tensor, labels: Tensor, classes: int, generator: torch.Generator) -> nn.Sequential:
    with seeded_by(generator):
        probe = nn.Sequential(nn.BatchNorm1d(x.shape[1]), nn.Linear(x.shape[1], _WIDTH), nn.SiLU())
        probe.append(nn.Linear(_WIDTH, classes))
    optimizer = torch.optim.AdamW(probe.parameters(), lr=1e-2, weight_decay=0.1)
    with torch.enable_grad():
        for _ in range(_STEPS):
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(probe(x), labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return probe.eval()
