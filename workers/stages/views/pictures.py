"""Pictures with what the classifier said of them, for every gallery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.results import Estimate, Measure, Picture
from workers.figures import to_png


def class_name(names: Sequence[str] | None, answer: int) -> str:
    """The name of an output, or its number where the outputs have none."""
    return names[answer] if names and answer < len(names) else str(answer)


def answered(
    image: NDArray[np.uint8], probabilities: NDArray[np.float32], names: Sequence[str] | None, said: int | None = None
) -> Picture:  # fmt: skip
    """A picture ``(h, w, c)`` captioned with its answer; marked against ``said``, the answer it is compared with."""
    answer = int(probabilities.argmax())
    mark: Literal["", "same", "changed"] = "" if said is None else "same" if answer == said else "changed"
    caption = f"{class_name(names, answer)} · {float(probabilities.max()):.0%}"
    return Picture(png=to_png(image), caption=caption, mark=mark)


def plain(image: NDArray[np.uint8], caption: str = "") -> Picture:
    """A picture ``(h, w, c)`` that nobody was asked about."""
    return Picture(png=to_png(image), caption=caption)


def measured(name: str, label: str, estimate: Estimate | None) -> Measure:
    """A number of a view with its interval; one that could not be estimated has no value."""
    found = finite(estimate)
    return Measure(name=name, label=label, value=found.value if found else None, estimate=found)


def finite(estimate: Estimate | None) -> Estimate | None:
    """``None`` where there is nothing to show: JSON has no NaN, and a chart leaves a gap."""
    known = estimate is not None and np.isfinite([estimate.value, estimate.low, estimate.high]).all()
    return estimate if known else None
