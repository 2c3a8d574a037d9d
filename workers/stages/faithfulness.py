"""Sends generated images back through the classifier, and measures how faithful they are (papers.md M5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.results import Estimate, SheetRow, SheetSample, TapSheet
from workers.classifier.session import ClassifierSession
from workers.evidence.bootstrap import Interval, mean_interval, rate_interval, resampling_weights
from workers.figures import to_png
from workers.stages.classifying import decided, probabilities_of
from workers.stages.posefree import PoseFree
from workers.stages.stage import Arrays

Floats = NDArray[np.float32]
Distance = Callable[[Floats, Floats], NDArray[np.float64]]
"""Distances ``(n,)`` of values ``(n, ...)``, pair by pair."""


@dataclass(frozen=True)
class Answers:
    """What the classifier said of some images: probabilities ``(n, classes)`` and the tap's values ``(n, ...)``.

    ``decided (n, k)``: what the answer comes to (:func:`workers.stages.classifying.decided`).
    """

    probabilities: Floats
    values: Floats
    decided: NDArray[np.int64]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Arg-max class per image."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)


def ask(
    session: ClassifierSession, tap: str, images: NDArray[np.uint8], view: Callable[[Floats], Floats] | None = None
) -> Answers:
    """One pass: the answer and the representation at ``tap``, or the ``view`` of it."""
    outputs = session.run(images)
    values = outputs.taps[tap] if view is None else view(outputs.taps[tap])
    return Answers(probabilities_of(session, outputs.logits), values, decided(session, outputs.logits))


@dataclass(frozen=True)
class Faithful:
    """Originals, their reconstructions and ``draws`` samples each, with answers and representation deviations.

    Deviations are ``|Phi(sample) - Phi(x)|``, ``(n, draws)``; ``floor`` that of the reconstruction, ``(n,)``;
    ``random`` the mean distance between the representations of different references. ``quotient`` ``(n, draws)``: the
    deviations between orbits, in units of the mean of that distance between different references, where the tap has
    orbits.
    """

    originals: NDArray[np.uint8]
    original: Answers
    reconstructions: NDArray[np.uint8]
    reconstruction: Answers
    samples: NDArray[np.uint8]
    sample: Answers
    deviation: NDArray[np.float64]
    floor: NDArray[np.float64]
    random: float
    quotient: NDArray[np.float64] | None = None

    @property
    def draws(self) -> int:
        """Samples per original."""
        return len(self.samples) // len(self.originals)

    @property
    def agrees(self) -> NDArray[np.bool_]:
        """Whether each sample got the answer of its original, ``(n, draws)``."""
        sampled = self.sample.decided.reshape(len(self.originals), self.draws, -1)
        return np.asarray((sampled == self.original.decided[:, None]).all(axis=-1))

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Whether each reconstruction got the answer of its original, ``(n,)``."""
        return np.asarray((self.reconstruction.decided == self.original.decided).all(axis=-1))

    def arrays(self) -> Arrays:
        """What the evidence needs of it."""
        return {
            "agrees": self.agrees.astype(np.uint8),
            "reconstruction_agrees": self.kept.astype(np.uint8),
            "deviation": self.deviation,
            "floor": self.floor,
            "random": np.array([self.random]),
        }


def judge(
    session: ClassifierSession, tap: str, originals: NDArray[np.uint8], reconstructions: NDArray[np.uint8],
    samples: NDArray[np.uint8], posefree: PoseFree | None = None,
) -> Faithful:  # fmt: skip
    """Ask about originals ``(n, h, w, c)``, reconstructions (same) and samples ``(n * draws, h, w, c)``, row by row.

    ``posefree``: how the tap's values move with the picture. Where it can project, deviations are those of the
    invariant view; else those of the raw values, and between orbits besides.
    """
    view = None if posefree is None or posefree.projection is None else posefree.project
    original, reconstruction, sample = (ask(session, tap, x, view) for x in (originals, reconstructions, samples))
    deviation, random = _deviations(original.values, sample.values, _distance)
    quotient = None
    if posefree is not None and view is None:
        between, apart = _deviations(original.values, sample.values, posefree.distance)
        quotient = between / apart
    floor = _distance(reconstruction.values, original.values)
    return Faithful(
        originals, original, reconstructions, reconstruction, samples, sample, deviation, floor, random, quotient
    )  # fmt: skip


def _deviations(originals: Floats, samples: Floats, distance: Distance) -> tuple[NDArray[np.float64], float]:
    """How far each sample lies from its original, ``(n, draws)``, and how far different originals from each other."""
    draws = len(samples) // len(originals)
    found = distance(samples, originals.repeat(draws, axis=0)).reshape(-1, draws)
    return found, max(float(distance(originals, np.roll(originals, 1, axis=0)).mean()), 1e-9)


def tap_sheet(
    tap: str, faithful: Faithful, rows: NDArray[np.int64], indices: NDArray[np.int64], labels: NDArray[np.int64] | None,
    columns: int, rng: np.random.Generator, bootstrap: int,
) -> TapSheet:  # fmt: skip
    """The picture sheet of ``rows``, with the agreement and deviations of all samples.

    ``indices`` are the rows' numbers in the dataset; ``columns`` samples are shown per row.
    """
    weights = resampling_weights(len(faithful.originals), bootstrap, rng)
    floor = max(float(faithful.floor.mean()), 1e-6 * faithful.random)
    return TapSheet(
        tap=tap,
        rows=[_row(faithful, row, indices, labels, columns, floor) for row in rows],
        agreement=estimate(rate_interval(faithful.agrees.mean(axis=1), weights)),
        deviation_floor=estimate(mean_interval(faithful.deviation.mean(axis=1) / floor, weights)),
        deviation_random=estimate(mean_interval(faithful.deviation.mean(axis=1) / faithful.random, weights)),
        deviation_quotient=(
            None if faithful.quotient is None else estimate(mean_interval(faithful.quotient.mean(axis=1), weights))
        ),
    )


def estimate(interval: Interval) -> Estimate:
    """An interval of the numerics as the contract's estimate."""
    return Estimate(
        value=interval.value, low=interval.low, high=interval.high, level=interval.level, n=interval.n,
        method=interval.method, joint_low=interval.joint_low, joint_high=interval.joint_high,
    )  # fmt: skip


def _row(
    faithful: Faithful, row: np.int64, indices: NDArray[np.int64], labels: NDArray[np.int64] | None, columns: int,
    floor: float,
) -> SheetRow:  # fmt: skip
    def sample(image: NDArray[np.uint8], answer: Floats, deviation: float, agrees: bool) -> SheetSample:
        return SheetSample(
            png=to_png(image), predicted=int(answer.argmax()), confidence=min(float(answer.max()), 1.0), agrees=agrees,
            deviation_floor=deviation / floor, deviation_random=deviation / faithful.random,
        )  # fmt: skip

    first = int(row) * faithful.draws
    shown = [
        sample(
            faithful.samples[i],
            faithful.sample.probabilities[i],
            float(faithful.deviation[row, i - first]),
            bool(faithful.agrees[row, i - first]),
        )
        for i in range(first, first + min(columns, faithful.draws))
    ]
    return SheetRow(
        index=int(indices[row]),
        label=None if labels is None else int(labels[row]),
        original=sample(faithful.originals[row], faithful.original.probabilities[row], 0.0, agrees=True),
        reconstruction=sample(
            faithful.reconstructions[row],
            faithful.reconstruction.probabilities[row],
            float(faithful.floor[row]),
            bool(faithful.kept[row]),
        ),
        samples=shown,
    )


def _distance(a: Floats, b: Floats) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm((a.astype(np.float64) - b).reshape(len(a), -1), axis=1))
