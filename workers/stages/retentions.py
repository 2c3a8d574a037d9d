"""Retentions of every feature by one representation: a tap's raw values, or its invariant view, by the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from workers.evidence.bootstrap import Interval
from workers.evidence.estimators import retention
from workers.evidence.readability import Readability
from workers.evidence.strata import Stratum
from workers.evidence.thresholds import DEFAULT
from workers.stages.intervals import Statistician
from workers.stages.stage import Arrays

Value = TypeVar("Value")


@dataclass(frozen=True)
class Readers:
    """What can be read of each feature at all, and so what retentions are calibrated by.

    ``ceilings`` of draws that share the whole code, ``quality`` of the best reader of images, ``within`` from the codes
    within ``strata``.
    """

    ceilings: dict[str, float]
    quality: dict[str, float]
    strata: dict[str, Stratum]
    within: dict[str, float]


@dataclass(frozen=True)
class Retentions:
    """By feature, calibrated to 0..1, where it could be estimated. ``readable``: what the probes read before that."""

    readable: dict[str, Readability]
    generative: dict[str, Interval]
    predictive: dict[str, Interval]
    stratified: dict[str, Interval]

    @classmethod
    def none(cls) -> Retentions:
        """Of no feature."""
        return cls({}, {}, {}, {})


def retentions(
    names: list[str], readable: dict[str, Readability], drawn: Arrays | None, readers: Readers, by: Statistician
) -> Retentions:
    """Of features ``names``, by what probes read and by samples ``drawn`` that share the representation, if any were.

    Samples hold ``reading:<feature>`` ``(n, draws, width)``.
    """
    generated = [] if drawn is None else names
    samples = {} if drawn is None else drawn
    return Retentions(
        readable,
        present({name: _generative(samples, name, readers.ceilings[name], by) for name in generated}),
        present({name: _predictive(readable.get(name), readers.quality[name], by) for name in names}),
        present({name: _stratified(readable.get(name), readers.within.get(name), by) for name in names}),
    )


def present(found: Mapping[str, Value | None]) -> dict[str, Value]:
    """What could be estimated."""
    return {name: value for name, value in found.items() if value is not None}


def _generative(drawn: Arrays, name: str, ceiling: float, by: Statistician) -> Interval | None:
    """Retention from samples that share ``z``; its floor is 0 because the estimator is unbiased."""
    readings = drawn[f"reading:{name}"]
    if np.isfinite(readings).all(axis=(1, 2)).sum() < DEFAULT.fewest_images:
        return None
    return by.retained(retention(readings), 0.0, ceiling)


def _predictive(reading: Readability | None, ceiling: float, by: Statistician) -> Interval | None:
    if reading is None:
        return None
    return by.retained(reading.shares, max(reading.floor.retained, 0.0), ceiling)


def _stratified(reading: Readability | None, shown: float | None, by: Statistician) -> Interval | None:
    """Within strata, of what the codes show of it there: a part that no image shows cannot be asked for."""
    if reading is None or reading.stratified is None or shown is None or not shown >= DEFAULT.strata_readable:
        return None
    return by.retained(reading.stratified, 0.0, shown)
