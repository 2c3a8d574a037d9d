"""What an element does to inputs, and what resampling alone does to them: there and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.evidence.foreground import border_median
from workers.graphs.packing import permuted

from .groups import Element
from .motions import Motion, Recolour, Relabel
from .planes import moved

Inputs = NDArray[np.uint8]


def act(element: Element, inputs: Inputs) -> Inputs:
    """``g x`` of inputs uint8 ``(n, h, w, c)``; pixels that come in from outside are the median of the border."""
    return _apply(element.motion, inputs)


def there_and_back(element: Element, inputs: Inputs) -> Inputs:
    """``g^-1 g x``: ``x`` itself where the element only moves values and none of them leaves the picture."""
    return _apply(element.motion.inverse, _apply(element.motion, inputs))


def _apply(motion: Motion, inputs: Inputs) -> Inputs:
    match motion:
        case Recolour(order):
            return np.ascontiguousarray(inputs[..., list(order)])
        case Relabel(order):
            return permuted(inputs, np.broadcast_to(np.array(order, dtype=np.int64), (len(inputs), len(order))))
        case _:
            fill = np.rint(border_median(inputs.astype(np.float32)))[:, :, None, None]  # (n, c, 1, 1)
            planes = moved(motion, inputs.transpose(0, 3, 1, 2), fill)
            return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
