"""Factors that nobody named: orthogonal directions of the Gaussianised codes, by the variance that they draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.flows.inn import ConditionalINN
from workers.training.checkpoints import CheckpointError, from_bytes, to_bytes

Decode = Callable[[Tensor], Tensor]
KEPT = 4
LIKE = 0.4
"""Correlation above which a direction is named after a column."""
_STEP = 0.5
_FLOW = "flow."


@dataclass(frozen=True)
class Discovered:
    """Directions ``(k, d)``, orthonormal in ``v = flow(code)``, with their names and shares of the drawn variance.

    ``likeness`` is the correlation with the column that a direction is named after, 0..1; ``None`` without a name.
    """

    flow: ConditionalINN
    directions: Tensor
    names: tuple[str, ...]
    shares: tuple[float, ...]
    likeness: tuple[float | None, ...]

    def read(self, codes: Tensor) -> Tensor:
        """Coordinates of codes ``(n, d)``, ``(n, k)``: each is standard normal over the references."""
        return self.flow.v_for(codes, _nothing(codes)) @ self.directions.T

    def place(self, codes: Tensor, index: int, values: Tensor) -> Tensor:
        """Codes with coordinate ``index`` at ``values (n,)`` and all that is orthogonal to it kept, ``(n, d)``."""
        v = self.flow.v_for(codes, _nothing(codes))
        axis = self.directions[index]
        moved = v + (values.to(v) - v @ axis).unsqueeze(1) * axis
        return _decode(self.flow, moved)


def discover(
    flow: ConditionalINN,
    codes: Tensor,
    decode: Decode,
    columns: Mapping[str, NDArray[np.float64]],
    *,
    points: int = 128,
    keep: int = KEPT,
) -> Discovered:
    """The ``keep`` directions that change the drawn image most.

    With ``g = decode . flow^-1`` and ``v`` standard normal, ``trace E[J^T J]`` bounds the variance of ``g`` from above
    (Poincare) and equals it where ``g`` is linear; so the eigenvectors of ``E[J^T J]``, the active subspace of ``g``
    (Constantine 2015), are the directions that account for most of what an image can look like, and their eigenvalues
    over the trace are the shares. ``J`` is by central differences of half a standard deviation, large enough for
    pictures in whole grey levels, at ``points`` codes of references.

    Args:
        flow: unconditional density of the codes: condition ``(n, 0)``.
        codes: posterior means of the references, ``(n, d)``, in random order.
        decode: standardised codes ``(m, d)`` to images ``(m, ...)``, any scale.
        columns: what directions may be named after: encoded columns ``(n, w)``, NaN where unknown.
        points: codes at which the Jacobian is taken; each costs ``2 d`` pictures.
        keep: directions at most.
    """
    energy = drawn_energy(flow, codes[:points], decode)
    values, vectors = torch.linalg.eigh(energy)
    count = min(keep, len(values))
    directions = _signed(vectors[:, -count:].flip(1).T).float()
    total = float(values.clamp_min(0).sum())
    shares = tuple(float(value) / total if total > 0 else 0.0 for value in values[-count:].flip(0))
    found = Discovered(flow, directions, (), shares, ())
    named = [resemblance(reading, columns) for reading in found.read(codes).double().numpy().T]
    likeness = tuple(r if name else None for name, r in named)
    return Discovered(flow, directions, tuple(_called(i, *one) for i, one in enumerate(named, 1)), shares, likeness)


def drawn_energy(flow: ConditionalINN, codes: Tensor, decode: Decode) -> Tensor:
    """Mean of ``J^T J`` of ``v -> image`` at the codes ``(n, d)``: ``(d, d)`` float64."""
    v = flow.v_for(codes, _nothing(codes))
    steps = _STEP * torch.eye(v.shape[1])
    energy = torch.zeros(v.shape[1], v.shape[1], dtype=torch.float64)
    for point in v:
        pictures = decode(_decode(flow, torch.cat([point + steps, point - steps]))).flatten(1).double()
        slopes = (pictures[: len(steps)] - pictures[len(steps) :]) / (2 * _STEP)
        energy += slopes @ slopes.T / len(v)
    return energy


def resemblance(reading: NDArray[np.float64], columns: Mapping[str, NDArray[np.float64]]) -> tuple[str | None, float]:
    """The column that explains ``reading (n,)`` best, with the multiple correlation; ``(None, r)`` below 0.4.

    The correlation is adjusted for the number of regressors, so that a column of many classes has no advantage.
    """
    best = max(((_correlation(reading, encoded), name) for name, encoded in columns.items()), default=(0.0, ""))
    return (best[1], best[0]) if best[0] > LIKE else (None, best[0])


def save(found: Discovered) -> bytes:
    """Safetensors with a JSON header, the flow included."""
    header, state = found.flow.state()
    leaves = {_FLOW + name: leaf for name, leaf in state.items()} | {"directions": found.directions}
    about = {"names": found.names, "shares": found.shares, "likeness": found.likeness}
    return to_bytes(leaves, {"format": "discovered/1", "flow": header, **about})


def load(data: bytes) -> Discovered:
    """Inverse of :func:`save`.

    Raises:
        CheckpointError: the bytes are damaged, or hold something else.
    """
    header, leaves = from_bytes(data)
    try:
        state = {name.removeprefix(_FLOW): leaf for name, leaf in leaves.items() if name.startswith(_FLOW)}
        flow = ConditionalINN.from_state(header["flow"], state)
        about = (tuple(header[key]) for key in ("names", "shares", "likeness"))
        return Discovered(flow, leaves["directions"], *about)
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"the header does not describe discovered factors: {error}") from error


def _correlation(reading: NDArray[np.float64], encoded: NDArray[np.float64]) -> float:
    known = np.isfinite(encoded).all(axis=1)
    if known.sum() < 3:
        return 0.0
    x, y = encoded[known] - encoded[known].mean(axis=0), reading[known] - reading[known].mean()
    total = float(y @ y)
    width = int(np.linalg.matrix_rank(x))
    if total <= 0 or width == 0 or len(y) <= width + 2:
        return 0.0
    left = float(np.square(y - x @ np.linalg.lstsq(x, y, rcond=None)[0]).sum())
    adjusted = 1 - (left / (len(y) - width - 1)) / (total / (len(y) - 1))
    return float(np.sqrt(max(0.0, adjusted)))


def _called(number: int, name: str | None, r: float) -> str:
    return f"discovered {number} (like {name}, r {r:.2f})" if name else f"discovered {number}"


def _signed(rows: Tensor) -> Tensor:
    """Rows with their largest entry positive: eigenvectors have no sign of their own."""
    return rows * rows.gather(1, rows.abs().argmax(dim=1, keepdim=True)).sign()


def _nothing(codes: Tensor) -> Tensor:
    return codes.new_zeros(len(codes), 0)


@torch.no_grad()
def _decode(flow: ConditionalINN, v: Tensor) -> Tensor:
    return flow.inverse(v, _nothing(v))[0]
