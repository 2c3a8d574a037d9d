"""Conditional flows of other libraries, as good as we know to set them: what our own must beat.

FrEIA's GLOW blocks at 8 x 128 are the best of eleven candidates measured for this project; the optimiser settings are
those that were best for them. Neither library brings an embedder for the condition: an MLP of three layers is put
before FrEIA's blocks; zuko's own networks read it directly.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

BATCH = 256


@dataclass(frozen=True)
class Data:
    """Standardised posteriors and conditions; the held-out codes are drawn once, for everybody."""

    means: Tensor
    stds: Tensor
    z: Tensor
    test_codes: Tensor
    test_z: Tensor

    def batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A fresh posterior draw of ``BATCH`` random rows, and their conditions."""
        rows = torch.randint(len(self.means), (BATCH,), generator=generator)
        noise = torch.randn(BATCH, self.means.shape[1], generator=generator)
        return self.means[rows] + self.stds[rows] * noise, self.z[rows]


class Flow(Protocol):
    """A trainable density of codes given a condition."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """What the optimiser moves."""
        ...

    def log_prob(self, code: Tensor, z: Tensor) -> Tensor:
        """``(n, d), (n, k) -> (n,)`` nats."""
        ...

    def sample(self, z: Tensor) -> Tensor:
        """One code per condition."""
        ...


class FreiaGlow(nn.Module):
    """FrEIA: ActNorm, GLOW coupling, random permutation, ``blocks`` times; the condition goes through an MLP."""

    def __init__(self, dim: int, condition: int, *, blocks: int = 8, hidden: int = 128) -> None:
        import FrEIA.framework as framework
        import FrEIA.modules as modules

        super().__init__()

        def subnet(inputs: int, outputs: int) -> nn.Module:
            return nn.Sequential(
                nn.Linear(inputs, hidden), nn.LeakyReLU(0.01), nn.Linear(hidden, hidden), nn.LeakyReLU(0.01),
                nn.Linear(hidden, hidden), nn.LeakyReLU(0.01), nn.Linear(hidden, outputs),
            )  # fmt: skip

        self.dim = dim
        self.embedder = nn.Sequential(
            nn.Linear(condition, dim), nn.LeakyReLU(0.2), nn.Linear(dim, dim), nn.LeakyReLU(0.2), nn.Linear(dim, dim)
        )
        self.inn = framework.SequenceINN(dim)
        for _ in range(blocks):
            self.inn.append(modules.ActNorm)
            self.inn.append(modules.GLOWCouplingBlock, cond=0, cond_shape=(dim,), subnet_constructor=subnet)
            self.inn.append(modules.PermuteRandom)

    def log_prob(self, code: Tensor, z: Tensor) -> Tensor:
        """As the protocol says."""
        v, ladj = self.inn(code, [self.embedder(z)])
        return ladj - 0.5 * (v.square().sum(dim=1) + self.dim * math.log(2 * math.pi))

    def sample(self, z: Tensor) -> Tensor:
        """As the protocol says."""
        code: Tensor = self.inn(torch.randn(len(z), self.dim), [self.embedder(z)], rev=True)[0]
        return code


class ZukoNsf(nn.Module):
    """zuko's neural spline flow with its own defaults: three autoregressive transforms, 64 x 64, 8 bins."""

    def __init__(self, dim: int, condition: int) -> None:
        import zuko

        super().__init__()
        self.flow = zuko.flows.NSF(dim, condition)

    def log_prob(self, code: Tensor, z: Tensor) -> Tensor:
        """As the protocol says."""
        found: Tensor = self.flow(z).log_prob(code)
        return found

    def sample(self, z: Tensor) -> Tensor:
        """As the protocol says."""
        code: Tensor = self.flow(z).sample()
        return code


PEERS: dict[str, Callable[[int, int], Flow]] = {"FrEIA GLOW 8 x 128": FreiaGlow, "zuko NSF": ZukoNsf}


@dataclass
class Curve:
    """Held-out NLL in nats per dimension after so many seconds of training, evaluation not counted."""

    seconds: list[float] = field(default_factory=list)
    nll: list[float] = field(default_factory=list)
    steps: int = 0

    def first_at(self, level: float) -> float:
        """Seconds until the curve is at ``level`` or below; infinite when it never is."""
        return next((s for s, nll in zip(self.seconds, self.nll, strict=True) if nll <= level), math.inf)


def train(flow: Flow, data: Data, budget: float, seed: int, *, marks: int = 15, rate: float = 1e-3) -> Curve:
    """AdamW (decay 1e-4), 10 % warm-up and a cosine over ``budget`` seconds of training, clip 1."""
    generator, curve = torch.Generator().manual_seed(seed), Curve()
    parameters = list(flow.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=1e-4, fused=True)
    _log_prob(flow, *data.batch(generator))  # ActNorm looks at its first batch
    spent, next_mark = 0.0, budget / marks
    while spent < budget:
        began = time.perf_counter()
        done = spent / budget
        factor = done / 0.1 if done < 0.1 else 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))
        for group in optimiser.param_groups:
            group["lr"] = rate * max(factor, 1e-3)
        loss = -flow.log_prob(*data.batch(generator)).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        spent += time.perf_counter() - began
        curve.steps += 1
        if spent >= next_mark:
            curve.seconds.append(spent)
            curve.nll.append(held_out(flow, data))
            next_mark += budget / marks
    return curve


def held_out(flow: Flow, data: Data) -> float:
    """Mean NLL of the held-out codes, nats per dimension."""
    return -float(_log_prob(flow, data.test_codes, data.test_z).mean()) / data.test_codes.shape[1]


@torch.no_grad()
def _log_prob(flow: Flow, code: Tensor, z: Tensor) -> Tensor:
    pieces = zip(torch.split(code, 2048), torch.split(z, 2048), strict=True)
    return torch.cat([flow.log_prob(*piece) for piece in pieces])
