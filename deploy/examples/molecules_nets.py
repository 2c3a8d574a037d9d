"""Two classifiers of molecules: is the gap between the frontier orbitals wider than the median?

``bonds`` passes messages along bonds; ``atoms`` sums over the atoms and never sees a bond. Both are trained on the same
molecules for the same label: that the second ignores every feature of the bonds is so by construction.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deploy.demo.export import write_onnx

from .molecules_data import ATOMS, BONDS, MOST_ATOMS, Molecules

WIDTH = 48
STEPS = 1500
BATCH = 256
CLASSES = ["narrow gap", "wide gap"]

Inputs = tuple[Tensor, Tensor, Tensor]


class MessagePassing(nn.Module):
    """Three rounds of messages along bonds, one weight per bond order; then the sum over atoms, and a head.

    The last atom states are ``(batch, atoms, width)``, zero where there is none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(len(ATOMS), WIDTH)
        self.own = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.messages = nn.ModuleList(nn.Linear(WIDTH, WIDTH * len(BONDS), bias=False) for _ in range(3))
        self.head = _head()

    def forward(self, nodes: Tensor, adjacency: Tensor, mask: Tensor) -> Tensor:
        """Logits ``(batch, 2)`` of nodes ``(b, n, 4)``, adjacency ``(b, n, n, 3)``, mask ``(b, n)``."""
        present = mask.unsqueeze(-1)
        state = torch.relu(self.embed(nodes)) * present
        for own, message in zip(self.own, self.messages, strict=True):
            sent = message(state).unflatten(-1, (len(BONDS), WIDTH))  # (b, n, bonds, width)
            received = torch.einsum("bnmk,bmkw->bnw", adjacency, sent)
            state = torch.relu(own(state) + received) * present
        logits: Tensor = self.head(state.sum(dim=1))
        return logits


class BagOfAtoms(nn.Module):
    """The same without messages: what it computes of a molecule follows from its formula alone."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(len(ATOMS), WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU())
        self.head = _head()

    def forward(self, nodes: Tensor, adjacency: Tensor, mask: Tensor) -> Tensor:
        """Logits ``(batch, 2)``; ``adjacency`` is an input that nothing reads."""
        del adjacency
        logits: Tensor = self.head((self.embed(nodes) * mask.unsqueeze(-1)).sum(dim=1))
        return logits


NETS: dict[str, Callable[[], nn.Module]] = {"bonds": MessagePassing, "atoms": BagOfAtoms}


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, len(CLASSES)))


def wide_gap(molecules: Molecules) -> NDArray[np.int64]:
    """1 where the gap is above the median of these molecules."""
    gap = molecules.properties["gap"]
    return np.asarray(gap > np.median(gap), dtype=np.int64)


def tensors(molecules: Molecules) -> Inputs:
    """The three inputs as float32."""
    return (
        torch.from_numpy(molecules.nodes).float(), torch.from_numpy(molecules.adjacency).float(),
        torch.from_numpy(molecules.mask).float(),
    )  # fmt: skip


def train(
    net: nn.Module, molecules: Molecules, steps: int, on_step: Callable[[int], None], seed: int = 0
) -> nn.Module:  # fmt: skip
    """Fit ``net`` to :func:`wide_gap` of ``molecules``; ``on_step`` is told the number of steps done."""
    generator = torch.Generator().manual_seed(seed)
    inputs, labels = tensors(molecules), torch.from_numpy(wide_gap(molecules))
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for step in range(steps):
        pick = torch.randint(len(labels), (BATCH,), generator=generator)
        loss = nn.functional.cross_entropy(net(*(part[pick] for part in inputs)), labels[pick])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        on_step(step + 1)
    return net.eval()


@torch.no_grad()
def accuracy(net: nn.Module, molecules: Molecules, threshold: float) -> float:
    """Share of right answers, a gap being wide above ``threshold``."""
    said = net(*tensors(molecules)).argmax(dim=1).numpy()
    return float((said == (molecules.properties["gap"] > threshold)).mean())


def export(net: nn.Module, path: Path) -> None:
    """Write ``net`` as a self-contained ONNX file with a dynamic batch; inputs ``nodes``, ``adjacency``, ``mask``."""
    n = MOST_ATOMS
    shown = torch.zeros(2, n, len(ATOMS)), torch.zeros(2, n, n, len(BONDS)), torch.zeros(2, n)
    write_onnx(net, shown, path, ["nodes", "adjacency", "mask"])
