"""A projection by its name: fitted to values, or built again from what was fitted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from workers.symmetry.orbits import Orbit, Values

from .averaging import Average, averages_of
from .canonical import Canonical
from .joined import Joined
from .max_filter import MaxFilters, fit_max_filters
from .projection import Projection, State
from .random_linear import RandomLinear, draw_random_linear
from .shift_max_filter import ShiftMaxFilters, fit_shift_max_filters
from .sliced_sorting import SlicedSorting, fit_sliced_sorting
from .sorting import Sorting
from .spectrum import Bispectrum, Moduli, draw_bispectrum


def fit(name: str, orbit: Orbit, values: Values, kept: int, rng: np.random.Generator) -> Projection:
    """The projection ``name`` of values that ``orbit`` moves.

    Args:
        name: one of :data:`workers.symmetry.choice.NAMES`.
        orbit: how the group moves the tap.
        values: ``(n, *shape)``, some of those that will be projected.
        kept: main directions that a bank looks along; also readings of ``random_linear``, of which there are twice as
            many, for a fair comparison.
        rng: of everything that is drawn.

    Raises:
        ValueError: there is no such projection, or it does not fit the orbit.
    """
    match name:
        case "max_filters":
            return with_averages(fit_max_filters(orbit, values, kept, rng))
        case "shift_max_filters":
            return with_averages(fit_shift_max_filters(orbit, values, kept, rng))
        case "sliced_sorting":
            return fit_sliced_sorting(orbit, values, rng)
        case "random_linear":
            return draw_random_linear(orbit, 2 * kept, rng)
        case "bispectrum":
            return draw_bispectrum(orbit, rng)
        case "canonical":
            return Canonical(orbit, rng.standard_normal(orbit.shape))
    return rebuilt(name, orbit, {})


def rebuilt(name: str, orbit: Orbit, state: State) -> Projection:
    """The projection that had ``state``.

    Raises:
        ValueError: there is no such projection, or its state is not whole.
    """
    try:
        return _rebuilt(name, orbit, state)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{name!r} is no projection, or its state {sorted(state)} is not whole") from error


def _rebuilt(name: str, orbit: Orbit, state: State) -> Projection:
    match name:
        case "max_filters":
            return with_averages(MaxFilters(orbit, **state))
        case "shift_max_filters":
            return with_averages(ShiftMaxFilters(orbit, **state))
        case "sliced_sorting":
            return SlicedSorting(orbit, **state)
        case "random_linear":
            return RandomLinear(Average(orbit), state["matrix"])
        case "bispectrum":
            return Bispectrum(orbit, state["mixture"])
        case "canonical":
            return Canonical(orbit, state["template"])
    return {"sorting": Sorting, "average": averages_of, "moduli": Moduli}[name](orbit)


def with_averages(bank: MaxFilters | ShiftMaxFilters) -> Joined:
    """A bank with the averages beside it: main directions may miss a quiet unit that alone holds a feature."""
    return Joined((bank, averages_of(bank.orbit)))


def stored(tap: str, projection: Projection) -> dict[str, NDArray[np.float64]]:
    """A projection's state under the name of its tap, to be kept with those of others."""
    return {f"{part}:{tap}": values for part, values in projection.state().items()}


def load(name: str, tap: str, orbit: Orbit, kept: Mapping[str, NDArray[np.float64]]) -> Projection:
    """The projection ``name`` of ``tap`` from what :func:`stored` gave.

    Raises:
        ValueError: nothing of that kind was kept.
    """
    state = {key.removesuffix(f":{tap}"): values for key, values in kept.items() if key.partition(":")[2] == tap}
    return rebuilt(name, orbit, state)
