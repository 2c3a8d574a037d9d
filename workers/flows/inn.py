"""The conditional INN ``t``: code <-> v given what a tap knows (Rombach, Esser, Ommer 2020).

``v = t(code | z)`` is what the tap discarded: at the optimum standard normal and independent of ``z``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from workers.flows.actnorm import ActNorm
from workers.flows.conditioner import Conditioner
from workers.flows.coupling import Affine, DoubleCoupling, ElementwiseMap
from workers.flows.embedder import embedder_for
from workers.flows.linear_gaussian import LinearGaussian, standard_normal_log_prob
from workers.flows.mixing import LinearMixing, Permutation, Rotation
from workers.flows.spline import RationalQuadratic
from workers.flows.summary import ConditionSummary
from workers.flows.transform import Composition, Transform
from workers.tensors import ShapeError
from workers.training.checkpoints import CheckpointError, load_into

_ROWS = 2048
_LOUD, _SOFT = 0.5, 0.03
_FORMAT = "conditional-inn/2"


@dataclass(frozen=True)
class InnConfig:
    """Architecture.

    Attributes:
        blocks: number of mixing + double coupling blocks.
        hidden: width of the conditioners.
        depth: hidden layers of a conditioner.
        context: size of the embedded condition.
        embed_width: hidden width of the embedder.
        mixing: how dimensions mix between couplings.
        coupling: elementwise map of the couplings.
        scale_bound: largest absolute log-scale of one affine coupling.
        bins: pieces of a spline coupling.
        actnorm: put an ActNorm before each mixing (the closed-form layer already standardises).
        dropout: in the embedder.
        noise: on the standardised condition in training.
        summary: largest size of the condition as the closed-form layer reads it.
        train_whitening: let gradients change the closed-form layer.
    """

    blocks: int = 8
    hidden: int = 128
    depth: int = 2
    context: int = 64
    embed_width: int = 128
    mixing: Literal["permutation", "rotation", "lu"] = "permutation"
    coupling: Literal["affine", "spline"] = "affine"
    scale_bound: float = 1.0
    bins: int = 8
    actnorm: bool = False
    dropout: float = 0.1
    noise: float = 0.05
    summary: int = 256
    train_whitening: bool = False


class Context(NamedTuple):
    """A condition as the two stages read it: ``summary (n, s)``, and ``couplings (n, c)``, one product for them all."""

    summary: Tensor
    couplings: Tensor

    def rows(self, which: slice) -> Context:
        """Of these conditions alone."""
        return Context(self.summary[which], self.couplings[which])


class ConditionalINN(nn.Module):
    """Whitening by the closed-form linear-Gaussian, then zero-initialised couplings.

    Before training it *is* the linear-Gaussian density, so training can only be chosen when it helps.

    Args:
        code_dim: size of the code, at least 1.
        condition_shape: of one condition: ``(k,)`` with ``k = 0`` allowed, or ``(c, h, w)``.
        config: architecture.
    """

    def __init__(self, code_dim: int, condition_shape: tuple[int, ...], config: InnConfig | None = None) -> None:
        super().__init__()
        config = config or InnConfig()
        self.config, self.code_dim, self.condition_shape = config, code_dim, tuple(condition_shape)
        self.summary = ConditionSummary(self.condition_shape, config.summary)
        self.whitening = LinearGaussian(code_dim, self.summary.size, trainable=config.train_whitening)
        self.embedder = embedder_for(
            self.condition_shape, config.context, width=config.embed_width, dropout=config.dropout, noise=config.noise
        )
        self.body = Composition(part for _ in range(config.blocks) for part in _block(code_dim, config))
        self.to_couplings = nn.Linear(config.context, self.body.reads, bias=False)
        self._favour_condition()

    def forward(self, code: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """``(v, ladj)`` for codes ``(n, d)`` and conditions ``(n, …)``.

        Raises:
            ShapeError: the code or the condition has another shape than the network was built for.
        """
        return self._encode(self._checked("code", code), self.embed(z))

    def inverse(self, v: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """``(code, ladj)`` for ``v (n, d)`` and conditions ``(n, …)``; exact inverse of :meth:`forward`.

        Raises:
            ShapeError: as for :meth:`forward`.
        """
        return self._decode(self._checked("v", v), self.embed(z))

    def log_prob(self, code: Tensor, z: Tensor) -> Tensor:
        """``log p(code | z)`` in nats, constant included, ``(n,)``; differentiable."""
        v, ladj = self.forward(code, z)
        return standard_normal_log_prob(v) + ladj

    @torch.no_grad()
    def nll(self, code: Tensor, z: Tensor) -> Tensor:
        """``-log p(code | z)`` per row, ``(n,)`` nats, without gradients, in pieces of bounded memory."""
        return torch.cat([-self.log_prob(*piece) for piece in _pieces(code, z)])

    @torch.no_grad()
    def v_for(self, code: Tensor, z: Tensor) -> Tensor:
        """``v (n, d)`` of codes, without gradients, in pieces of bounded memory."""
        return torch.cat([self.forward(*piece)[0] for piece in _pieces(code, z)])

    @torch.no_grad()
    def sample(self, z: Tensor, draws: int, generator: torch.Generator) -> Tensor:
        """Codes that share what the tap knows: ``draws`` per condition, ``(n, draws, d)``, from ``p(code | z)``."""
        reference = self.whitening.bias
        shape = (len(z) * draws, self.code_dim)
        noise = torch.randn(shape, generator=generator, device=generator.device).to(reference)
        if draws == 0:
            return noise.reshape(len(z), 0, self.code_dim)
        context, step = self.embed(z), max(1, _ROWS // draws)
        pieces = [slice(start, start + step) for start in range(0, max(1, len(z)), step)]
        parts = zip(torch.split(noise, step * draws), pieces, strict=True)
        codes = [self._decode(v, context.rows(piece))[0] for v, piece in parts]
        return torch.cat(codes).reshape(len(z), draws, self.code_dim)

    def embed(self, z: Tensor) -> Context:
        """Read the conditions ``(n, …)`` once for all layers.

        Raises:
            ShapeError: conditions of another shape.
        """
        if tuple(z.shape[1:]) != self.condition_shape:
            raise ShapeError(f"z must have shape (n, {self.condition_shape}), got {tuple(z.shape)}")
        return Context(self.summary(z), self.to_couplings(self.embedder(z)))

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """``(header, leaves)``: what :meth:`from_state` needs; the header is JSON-serialisable."""
        header = {
            "format": _FORMAT,
            "code_dim": self.code_dim,
            "condition_shape": list(self.condition_shape),
            "config": asdict(self.config),
        }
        return header, self.state_dict()

    @classmethod
    def from_state(cls, header: Mapping[str, Any], state: Mapping[str, Tensor]) -> ConditionalINN:
        """Rebuild from :meth:`state`, in eval mode; outputs equal bit for bit.

        Raises:
            CheckpointError: another format, unknown settings, or leaves that do not fit.
        """
        if header.get("format") != _FORMAT:
            raise CheckpointError(f"need format {_FORMAT!r}, found {header.get('format')!r}")
        try:
            config = InnConfig(**header["config"])
            with torch.random.fork_rng():
                inn = cls(int(header["code_dim"]), tuple(header["condition_shape"]), config)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the header does not describe an INN: {error}") from error
        load_into(inn, state)
        return inn.eval()

    @torch.no_grad()
    def _favour_condition(self) -> None:
        """Start with units that hear the condition loudly and the code softly.

        With torch's own sizes the flow first learns the marginal and then memorises: on the demo's codes 0.1 nats per
        dimension are lost within the steps of the quick profile.
        """
        nn.init.uniform_(self.to_couplings.weight, -_LOUD, _LOUD)
        for module in self.body.modules():
            if isinstance(module, Conditioner):
                nn.init.uniform_(cast(nn.Linear, module.layers[0]).weight, -_SOFT, _SOFT)

    def _encode(self, code: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        white, first = self.whitening.run(code, context.summary)
        v, second = self.body.run(white, context.couplings)
        return v, first + second

    def _decode(self, v: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        white, first = self.body.inverse(v, context.couplings)
        code, second = self.whitening.inverse(white, context.summary)
        return code, first + second

    def _checked(self, name: str, rows: Tensor) -> Tensor:
        if rows.dim() != 2 or rows.shape[1] != self.code_dim:
            raise ShapeError(f"{name} must have shape (n, {self.code_dim}), got {tuple(rows.shape)}")
        return rows


def _block(dim: int, config: InnConfig) -> list[Transform]:
    mixing = {"permutation": Permutation, "rotation": Rotation, "lu": LinearMixing}[config.mixing](dim)
    coupling = DoubleCoupling(dim, _kernel(config), hidden=config.hidden, depth=config.depth)
    return [ActNorm(dim), mixing, coupling] if config.actnorm else [mixing, coupling]


def _pieces(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The same rows of each tensor, a few thousand at a time (one piece when there are none)."""
    return zip(*(torch.split(t, _ROWS) for t in tensors), strict=True)


def _kernel(config: InnConfig) -> ElementwiseMap:
    return RationalQuadratic(config.bins) if config.coupling == "spline" else Affine(config.scale_bound)
