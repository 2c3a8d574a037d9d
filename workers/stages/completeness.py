"""Whom the autoencoder loses: how often the classifier answers its redrawn references as it answered the references.

A value or an answer that is rare can be lost without a trace in the whole: each is counted by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from workers.evidence.bootstrap import Interval, wilson_interval
from workers.evidence.thresholds import DEFAULT
from workers.stages.confirmation import FEW
from workers.stages.features import AuditedFeature
from workers.stages.stage import Arrays

Agrees = NDArray[np.float64]
"""By redrawn reference ``(n,)``: 1 where it got the answer of the original."""


def completeness_within(feature: AuditedFeature, rows: NDArray[np.int64], agrees: Agrees) -> dict[str, Interval]:
    """Share of the reconstructions of the images ``rows`` that are answered alike, by value of ``feature``.

    Of categories, and of numbers and angles with few values; nothing of what takes many.
    """
    column = feature.column
    few = column.kind != "vector" and len(np.unique(column.values[column.known])) <= FEW
    if column.kind != "categorical" and not few:
        return {}
    show = feature.show if feature.categories else "{:.15g}".format
    return _shares(column.values[rows], agrees, show)


def completeness_by_answer(
    latents: Arrays, rows: NDArray[np.int64], agrees: Agrees, names: Sequence[str] | None, independent: bool
) -> dict[str, Interval]:
    """The same by what the classifier answers the images ``rows``: of all that lead, and of ``independent`` labels also
    of each that is on, and that is off.

    ``latents``: ``probabilities`` and ``logits`` ``(references, classes)``; ``names`` of the classes, if any.
    """
    probabilities, logits = latents["probabilities"][rows], latents["logits"][rows]
    named = names if names is not None and len(names) == probabilities.shape[1] else range(probabilities.shape[1])
    found = _shares(probabilities.argmax(axis=1).astype(np.float64), agrees, lambda at: str(named[int(at)]))
    if independent and logits.shape[1] > 1:
        for name, on in zip(named, (logits > 0).T, strict=True):
            states = _shares(on.astype(np.float64), agrees, lambda at: "on" if at else "off")
            found |= {f"{name} {state}": share for state, share in states.items()}
    return found


def _shares(values: NDArray[np.float64], agrees: Agrees, show: Callable[[float], str]) -> dict[str, Interval]:
    """Share of ``agrees`` among images of one value, for every value of enough images."""
    distinct, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    shares = {show(each): agrees[values == each] for each in distinct[counts >= DEFAULT.fewest_images]}
    return {name: wilson_interval(float(each.sum()), len(each)) for name, each in shares.items()}
