"""Monotone rational-quadratic splines with linear tails (Durkan et al. 2019, Neural Spline Flows, section 3.1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from workers.flows.coupling import ElementwiseMap

# Floors of a bin's share and of a slope. Smaller ones (1e-3 is usual) allow slopes that lose the round trip in float32.
_SMALLEST = 1e-2
_FLATTEST = 0.05


class RationalQuadratic(ElementwiseMap):
    """Spline of ``bins`` pieces on ``[-bound, bound]``, the identity outside; ``3 * bins - 1`` parameters per number.

    Args:
        bins: pieces, at least 2.
        bound: edge of the spline, in the units of a standardised code.
    """

    def __init__(self, bins: int = 8, bound: float = 4.0) -> None:
        if bins < 2 or bound <= 0:
            raise ValueError(f"need bins >= 2 and bound > 0, got {bins} and {bound}")
        self.bins, self.bound, self.parameters = bins, bound, 3 * bins - 1

    @override
    def forward(self, x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        piece, inside = self._piece(x, theta, by_output=False)
        y, log_slope = piece.forward(x.clamp(-self.bound, self.bound))
        return torch.where(inside, y, x), (log_slope * inside).sum(dim=1)

    @override
    def inverse(self, y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        piece, inside = self._piece(y, theta, by_output=True)
        x, log_slope = piece.inverse(y.clamp(-self.bound, self.bound))
        return torch.where(inside, x, y), -(log_slope * inside).sum(dim=1)

    def _piece(self, at: Tensor, theta: Tensor, *, by_output: bool) -> tuple[_Piece, Tensor]:
        """The spline piece that holds each number of ``at``."""
        widths, heights, slopes = torch.split(
            theta.reshape(len(at), at.shape[1], self.parameters), [self.bins, self.bins, self.bins - 1], dim=2
        )
        knots_x, knots_y = self._knots(widths), self._knots(heights)
        # softplus(log(e - 1)) = 1: zero parameters give the identity, and the two outer slopes meet the tails.
        slope = _FLATTEST + (1 - _FLATTEST) * functional.softplus(slopes + math.log(math.e - 1))
        slope = functional.pad(slope, (1, 1), value=1.0)
        knots = knots_y if by_output else knots_x
        inside = (at >= -self.bound) & (at <= self.bound)
        index = (at.unsqueeze(2) >= knots[..., 1:-1]).sum(dim=2, keepdim=True)
        return _Piece(knots_x, knots_y, slope, index), inside

    def _knots(self, raw: Tensor) -> Tensor:
        """Increasing positions from ``-bound`` to ``bound``, ``(batch, d, bins + 1)``."""
        share = _SMALLEST + (1 - _SMALLEST * self.bins) * raw.softmax(dim=2)
        inner = share.cumsum(dim=2)[..., :-1] * (2 * self.bound) - self.bound
        inner = functional.pad(inner, (1, 0), value=-self.bound)
        return functional.pad(inner, (0, 1), value=self.bound)


class _Piece:
    """One rational-quadratic piece per number: left knot, size, and the slopes at both ends."""

    def __init__(self, knots_x: Tensor, knots_y: Tensor, slope: Tensor, index: Tensor) -> None:
        self.x0, self.y0, self.d0 = (_pick(v, index) for v in (knots_x, knots_y, slope))
        x1, y1, self.d1 = (_pick(v, index + 1) for v in (knots_x, knots_y, slope))
        self.width, self.height = x1 - self.x0, y1 - self.y0
        self.chord = self.height / self.width

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Value and log slope, equations 4 and 5."""
        xi = ((x - self.x0) / self.width).clamp(0, 1)
        below = self._denominator(xi)
        y = self.y0 + self.height * (self.chord * xi**2 + self.d0 * xi * (1 - xi)) / below
        return y, self._log_slope(xi, below)

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Argument and log slope there, equations 6 to 8, in the form that does not cancel."""
        up = y - self.y0
        bend = self.d0 + self.d1 - 2 * self.chord
        a = self.height * (self.chord - self.d0) + up * bend
        b = self.height * self.d0 - up * bend
        c = -self.chord * up
        root = (b**2 - 4 * a * c).clamp_min(0).sqrt()
        xi = (2 * c / (-b - root)).clamp(0, 1)
        return self.x0 + xi * self.width, self._log_slope(xi, self._denominator(xi))

    def _denominator(self, xi: Tensor) -> Tensor:
        return self.chord + (self.d0 + self.d1 - 2 * self.chord) * xi * (1 - xi)

    def _log_slope(self, xi: Tensor, below: Tensor) -> Tensor:
        above = self.d1 * xi**2 + 2 * self.chord * xi * (1 - xi) + self.d0 * (1 - xi) ** 2
        return 2 * self.chord.log() + above.log() - 2 * below.log()


def _pick(values: Tensor, index: Tensor) -> Tensor:
    return values.gather(2, index).squeeze(2)
