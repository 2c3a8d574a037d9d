"""The concept INN ``e``: codes <-> factors, one block per concept and a residual (Esser, Rombach, Ommer 2020)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workers.flows.coupling import Affine, DoubleCoupling, ElementwiseMap
from workers.flows.inn import InnConfig
from workers.flows.linear_gaussian import LinearGaussian
from workers.flows.mixing import Permutation, Rotation
from workers.flows.spline import RationalQuadratic
from workers.flows.transform import Composition, Transform
from workers.tensors import require_shape
from workers.training.checkpoints import CheckpointError, load_into

RESIDUAL = "residual"
_FORMAT = "concept-inn/1"
_ROWS = 8192


@dataclass(frozen=True)
class Factor:
    """A block ``e[:, start:stop]`` and the correlation ``rho`` that sharing pairs have in it (0 for the residual)."""

    name: str
    start: int
    stop: int
    rho: float

    @property
    def size(self) -> int:
        """Dimensions of the block."""
        return self.stop - self.start


def factors_of(names: Iterable[str], sizes: Iterable[int], rhos: Iterable[float], dim: int) -> tuple[Factor, ...]:
    """Blocks one after the other; what is left of ``dim`` is the residual.

    Raises:
        ValueError: the sizes leave nothing for the residual, or two factors have one name.
    """
    found: list[Factor] = []
    start = 0
    for name, size, rho in zip(names, sizes, rhos, strict=True):
        found.append(Factor(name, start, start + size, rho))
        start += size
    if start >= dim:
        raise ValueError(f"factors take {start} of {dim} dimensions: nothing is left for the residual")
    found.append(Factor(RESIDUAL, start, dim, 0.0))
    if len({factor.name for factor in found}) < len(found):
        raise ValueError("two factors have the same name")
    return tuple(found)


class ConceptINN(nn.Module):
    """Gaussian whitening, a rotation that puts each concept into its block, then zero-initialised couplings.

    Before training it *is* the closed-form linear answer of :mod:`workers.concepts.start`. ``e`` is standard normal
    over the references, and pairs that share a concept are correlated in its block alone.

    Args:
        dim: size of a code, at least 1.
        factors: blocks that cover ``0..dim`` in order, the residual last.
        config: architecture; the fields about conditions are not read.
    """

    def __init__(self, dim: int, factors: tuple[Factor, ...], config: InnConfig | None = None) -> None:
        super().__init__()
        self.dim, self.factors, self.config = dim, factors, config or InnConfig()
        self.whitening = LinearGaussian(dim, 0)
        self.rotation = Rotation(dim)
        self.body = Composition(_body(dim, self.config))

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """``(e (n, dim), ladj (n,))`` of standardised codes ``(n, dim)``.

        Raises:
            ShapeError: codes of another shape.
        """
        require_shape("codes", codes, None, self.dim)
        white, first = self.whitening.run(codes)
        e, second = self.body.run(self.rotation.run(white)[0])
        return e, first + second

    def inverse(self, e: Tensor) -> tuple[Tensor, Tensor]:
        """``(codes (n, dim), ladj (n,))``; exact inverse of :meth:`forward`.

        Raises:
            ShapeError: ``e`` of another shape.
        """
        require_shape("e", e, None, self.dim)
        turned, first = self.body.inverse(e)
        codes, second = self.whitening.inverse(self.rotation.inverse(turned)[0])
        return codes, first + second

    @torch.no_grad()
    def encode(self, codes: Tensor) -> Tensor:
        """``e`` without gradients, in pieces of bounded memory."""
        return torch.cat([self.forward(piece)[0] for piece in torch.split(codes, _ROWS)])

    @torch.no_grad()
    def decode(self, e: Tensor) -> Tensor:
        """Codes without gradients, in pieces of bounded memory."""
        return torch.cat([self.inverse(piece)[0] for piece in torch.split(e, _ROWS)])

    def read(self, codes: Tensor, name: str) -> Tensor:
        """The block of factor ``name``, ``(n, k)``, without gradients.

        Raises:
            KeyError: there is no such factor.
        """
        factor = self.factor(name)
        return self.encode(codes)[:, factor.start : factor.stop]

    def factor(self, name: str) -> Factor:
        """The factor called ``name``.

        Raises:
            KeyError: there is none.
        """
        for factor in self.factors:
            if factor.name == name:
                return factor
        raise KeyError(f"no factor {name!r}")

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """``(header, leaves)``: what :meth:`from_state` needs; the header is JSON-serialisable."""
        factors = [asdict(factor) for factor in self.factors]
        header = {"format": _FORMAT, "dim": self.dim, "factors": factors, "config": asdict(self.config)}
        return header, self.state_dict()

    @classmethod
    def from_state(cls, header: Mapping[str, Any], state: Mapping[str, Tensor]) -> ConceptINN:
        """Rebuild from :meth:`state`, in eval mode; outputs equal bit for bit.

        Raises:
            CheckpointError: another format, unknown settings, or leaves that do not fit.
        """
        if header.get("format") != _FORMAT:
            raise CheckpointError(f"need format {_FORMAT!r}, found {header.get('format')!r}")
        try:
            factors = tuple(Factor(**factor) for factor in header["factors"])
            with torch.random.fork_rng():
                inn = cls(int(header["dim"]), factors, InnConfig(**header["config"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the header does not describe a concept INN: {error}") from error
        load_into(inn, state)
        return inn.eval()


def _body(dim: int, config: InnConfig) -> list[Transform]:
    """Blocks of permutation and coupling, and the order restored: the identity before training."""
    parts: list[Transform] = []
    order = torch.arange(dim)
    for _ in range(config.blocks):
        shuffle = Permutation(dim)
        order = order[shuffle.order]
        parts += [shuffle, DoubleCoupling(dim, _kernel(config), hidden=config.hidden, depth=config.depth)]
    restore = Permutation(dim)
    restore.order.copy_(order.argsort())
    restore.back.copy_(order)
    return [*parts, restore]


def _kernel(config: InnConfig) -> ElementwiseMap:
    return RationalQuadratic(config.bins) if config.coupling == "spline" else Affine(config.scale_bound)
