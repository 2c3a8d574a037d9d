"""The likelihood of a pair (papers.md 2(a), with the terms that the published code drops)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from workers.concepts.model import ConceptINN

LARGEST_RHO = 0.99
_SPEED = 4.0
"""A correlation is one number and may move faster than weights, whose learning rate it shares."""


def pair_nll(first: Tensor, second: Tensor, correlation: Tensor, ladj: Tensor) -> Tensor:
    """``-log p(pair)`` in nats, ``(m,)``, all constants included.

    Each coordinate of the pair is bivariate normal with unit variances and ``correlation``, so

        sum_i (a_i^2 + b_i^2 - 2 rho_i a_i b_i) / (2 (1 - rho_i^2)) + log(1 - rho_i^2) / 2 + log(2 pi)  - ladj.

    That is the loss of papers.md 2(a) with ``(N_F / 2) log(1 - rho^2)`` restored, which makes ``rho`` learnable, and it
    is symmetric: averaging "b given a" with "a given b" gives the same number.

    Args:
        first: ``e`` of one side, ``(m, d)``.
        second: ``e`` of the other.
        correlation: ``(m, d)``, in -1..1 exclusive; 0 where the pair shares nothing.
        ladj: log-determinants of both sides, added, ``(m,)``.
    """
    left = 1 - correlation.square()
    quadratic = (first.square() + second.square() - 2 * correlation * first * second) / left
    return (0.5 * (quadratic + left.log()) + math.log(2 * math.pi)).sum(dim=1) - ladj


class PairLikelihood(nn.Module):
    """A concept INN with one correlation per concept, fixed or learned.

    Args:
        inn: its factors name the concepts, the residual last; their ``rho`` is where learning starts.
        learned: which concepts' ``rho`` is learned, one bool per concept.
    """

    learned: Tensor
    blocks: Tensor

    def __init__(self, inn: ConceptINN, learned: list[bool]) -> None:
        super().__init__()
        self.inn = inn
        concepts = inn.factors[:-1]
        start = torch.tensor([factor.rho for factor in concepts]).clamp(0.0, LARGEST_RHO)
        self.strength = nn.Parameter(
            (start / LARGEST_RHO).clamp_max(0.999).atanh() / _SPEED, requires_grad=any(learned)
        )
        self.register_buffer("start", start)
        self.register_buffer("learned", torch.tensor(learned, dtype=torch.bool))
        blocks = torch.zeros(len(concepts), inn.dim)
        for row, factor in zip(blocks, concepts, strict=True):
            row[factor.start : factor.stop] = 1
        self.register_buffer("blocks", blocks)

    def rho(self) -> Tensor:
        """Correlation per concept, ``(k,)``; differentiable where it is learned."""
        return torch.where(self.learned, LARGEST_RHO * (_SPEED * self.strength).tanh(), self.get_buffer("start"))

    def nll(self, first: Tensor, second: Tensor, shared: Tensor) -> Tensor:
        """``-log p(pair)`` of codes ``(m, d)``, ``(m,)`` nats; ``shared (m, k)``: which concepts the pair shares.

        Any pattern may be given, "everything but k" too.
        """
        e, ladj = self.inn.forward(torch.cat([first, second]))
        correlation = (shared.to(e) * self.rho()) @ self.blocks
        return pair_nll(e[: len(first)], e[len(first) :], correlation, ladj[: len(first)] + ladj[len(first) :])
