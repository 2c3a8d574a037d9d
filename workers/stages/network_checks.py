"""What an invertible network at a tap has to pass before its samples are believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.evidence import gates as checks
from workers.evidence.bootstrap import Interval, mean_interval
from workers.evidence.gates import GateResult
from workers.evidence.independence import Independence, independence
from workers.stages.intervals import Resampler
from workers.stages.stage import Arrays


@dataclass(frozen=True)
class NetworkChecks:
    """``gain`` over the linear-Gaussian conditional in nats per image, ``independence`` of ``v``, ``round_trip``."""

    gain: Interval
    independence: Independence
    round_trip: float

    def gates(self, tap: str) -> list[GateResult]:
        """The same as gates of ``tap``."""
        return [
            checks.round_trip(tap, self.round_trip),
            checks.beats_linear_gaussian(tap, self.gain),
            checks.v_independent_of_z(tap, self.independence.explained, self.independence.null),
        ]


def check_network(
    diagnosed: Arrays, z: NDArray[np.floating], rng: np.random.Generator, weights: Resampler
) -> NetworkChecks:
    """From the ``diagnostics`` that the fit left and what the network was told of the references, ``z (n, ...)``."""
    gain = diagnosed["nll_linear_gaussian"] - diagnosed["nll"]
    return NetworkChecks(
        gain=mean_interval(gain, weights(len(gain))),
        independence=independence(diagnosed["v"], z[diagnosed["rows"]], rng),
        round_trip=float(diagnosed["round_trip"].max()),
    )
