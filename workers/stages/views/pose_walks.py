"""Walks from one thing to another inside the classifier: straight, and along their orbits (papers.md 3(a), G4)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.results import Chart, Gallery, Line, Measure, Picture, PictureRow
from workers.classifier.head import Head, HeadError, open_head
from workers.classifier.session import Outputs
from workers.evidence.bootstrap import excess_interval, mean_interval, rate_interval
from workers.stages.classifying import facts_of
from workers.stages.faithfulness import estimate
from workers.stages.intervals import Resampler
from workers.stages.stage import StageContext
from workers.stages.views.pictures import answered, class_name, finite, measured, plain
from workers.stages.views.poses import Floats, Poses, Rows
from workers.symmetry.geodesic import quotient_geodesic, straight
from workers.symmetry.neighbours import nearest

PAIRS, STEPS, SHOWN, CANDIDATES = 40, 7, 3, 4
WAYS = {"straight": "straight", "orbits": "along the orbits"}

EXPLANATION = (
    "From one reference (A) to another one in another pose (B), in {steps} even steps of the numbers that {tap} holds. "
    "Straight mixes the numbers as they stand: in between lies half of one pose mixed with half of the other, which is "
    "the code of nothing. Along the orbits B is first brought to the pose in which it is nearest to A; by theory that "
    "is the shortest way between the two things. Numbers in between are of no picture: each step shows the reference "
    "whose numbers, without the pose, come nearest. The words below are what the rest of the classifier, cut out of "
    "the file, answers to the mixed numbers themselves. The chart says how far a step is from any real code."
)
UNANSWERED = "What the rest of the classifier makes of the steps was not asked: {reason}."
POOLED = "{tap} is averaged over places before this audit reads it"


@dataclass(frozen=True)
class Walks:
    """Walks between ``p`` pairs of references.

    ``start`` and ``end (p,)`` row numbers, the end in its other pose; ``points`` by way ``(p, steps, *shape)``;
    ``logits`` by way ``(p, steps, classes)`` where the rest of the classifier can be asked.
    """

    poses: Poses
    start: Rows
    end: Rows
    points: dict[str, Floats]
    logits: dict[str, Floats] | None
    reason: str = ""

    def answers(self, way: str) -> Rows | None:
        """What is answered to each step, ``(p, steps)``."""
        return None if self.logits is None else np.asarray(self.logits[way].argmax(axis=2), dtype=np.int64)

    def flat(self, way: str) -> Floats:
        """Every step of every walk, ``(p * steps, *shape)``."""
        return self.points[way].reshape(-1, *self.points[way].shape[2:])


def walk(context: StageContext, poses: Poses) -> Walks:
    """Both ways between random pairs that the classifier answers differently, where there are such."""
    rng = context.rng("walks", poses.tap.name)
    start, end = _pairs(poses, rng)
    own, moved = poses.values
    ways = {
        "straight": straight(own[start], moved[end], STEPS),
        "orbits": quotient_geodesic(poses.free.orbit, own[start], moved[end], STEPS),
    }
    points = {name: np.asarray(way, dtype=np.float32) for name, way in ways.items()}
    try:
        head = _head(context, poses)
        logits = {name: head.run(way.reshape(-1, *way.shape[2:])).reshape(*way.shape[:2], -1)
                  for name, way in points.items()}  # fmt: skip
    except HeadError as error:
        return Walks(poses, start, end, points, None, str(error))
    return Walks(poses, start, end, points, logits)


def _pairs(poses: Poses, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """At most ``PAIRS`` pairs, those with two answers first."""
    order = rng.permutation(len(poses))
    other = np.roll(order, 1)
    said = poses.own.probabilities.argmax(axis=1), poses.moved.probabilities.argmax(axis=1)
    first = np.argsort(said[0][order] == said[1][other], kind="stable")[:PAIRS]
    return order[first].astype(np.int64), other[first].astype(np.int64)


def _head(context: StageContext, poses: Poses) -> Head:
    tap, outputs = poses.tap, poses.own.outputs
    if math.prod(tap.shape) != math.prod(outputs.taps[tap.name].shape[1:]):
        raise HeadError(POOLED.format(tap=tap.name))
    known = Outputs(outputs.logits[:8], {tap.name: outputs.taps[tap.name][:8]})
    height, width = poses.own.images.shape[1:3]
    return open_head(context.blob("classifier"), facts_of(context), tap, known, (height, width))


def distances(walks: Walks, way: str) -> NDArray[np.float64]:
    """How far each step is from the nearest code of a third reference, ``(p, steps)``, in distances from A to B.

    Distances are between orbits, to the references that come nearest without the pose.
    """
    poses, points = walks.poses, walks.flat(way)
    ends = np.stack([walks.start, walks.end], axis=1).repeat(STEPS, axis=0)
    found = nearest(poses.without_pose(points), poses.seen[0], CANDIDATES, but=ends)
    own, moved = poses.values
    apart = np.min([poses.free.distance(points, own[column]) for column in found.T], axis=0).reshape(-1, STEPS)
    whole = poses.free.distance(own[walks.start], moved[walks.end])
    return np.asarray(apart / np.maximum(whole, 1e-9)[:, None])


def third_answers(answers: Rows) -> NDArray[np.float64]:
    """Share of the steps in between that get neither end's answer, of answers ``(p, steps)``: ``(p,)``."""
    inner, first, last = answers[:, 1:-1], answers[:, :1], answers[:, -1:]
    return np.asarray(((inner != first) & (inner != last)).mean(axis=1))


def detours(answers: Rows) -> NDArray[np.float64]:
    """Whether the answer changes more often than ends with one answer, or with two, need: 0 or 1, ``(p,)``."""
    changes = (np.diff(answers, axis=1) != 0).sum(axis=1)
    return np.asarray(changes > (answers[:, 0] != answers[:, -1]), dtype=np.float64)


def walk_gallery(view: str, walks: Walks, names: list[str] | None, resampled: Resampler) -> Gallery:
    """Pictures of a few walks, numbers of all."""
    tap = walks.poses.tap.name
    apart = {way: distances(walks, way) for way in WAYS}
    return Gallery(
        view=view,
        title=f"From one thing to another at {tap}, straight and along the orbits",
        subject=tap,
        explanation=EXPLANATION.format(steps=STEPS - 1, tap=tap),
        columns=["A", *(f"step {i}" for i in range(1, STEPS - 1)), "B"],
        rows=[row for i in range(min(SHOWN, len(walks.start))) for row in _rows(walks, i, names)],
        measures=_measures(walks, apart, resampled),
        charts=[_chart(apart, resampled)],
        notes=[] if walks.logits is not None else [UNANSWERED.format(reason=walks.reason)],
    )


def _rows(walks: Walks, pair: int, names: list[str] | None) -> list[PictureRow]:
    poses, a, b = walks.poses, int(walks.start[pair]), int(walks.end[pair])
    rows = []
    for way, said in WAYS.items():
        steps = walks.points[way][pair]
        found = nearest(poses.without_pose(steps), poses.seen[0], 1)[:, 0]
        inner: list[Picture | None] = [_step(walks, way, pair, step, int(found[step]), names)
                                       for step in range(1, STEPS - 1)]  # fmt: skip
        first = answered(poses.own.images[a], poses.own.probabilities[a], names)
        last = answered(poses.moved.images[b], poses.moved.probabilities[b], names)
        rows.append(PictureRow(heading=f"pair {pair + 1}, {said}", pictures=[first, *inner, last]))
    return rows


def _step(walks: Walks, way: str, pair: int, step: int, nearby: int, names: list[str] | None) -> Picture:
    answers = walks.answers(way)
    picture = plain(walks.poses.own.images[nearby])
    if answers is None:
        return picture
    return picture.model_copy(update={"caption": class_name(names, int(answers[pair, step]))})


def _measures(walks: Walks, apart: dict[str, NDArray[np.float64]], resampled: Resampler) -> list[Measure]:
    weights = resampled(len(walks.start))
    inner = {way: found[:, 1:-1].mean(axis=1) for way, found in apart.items()}
    label = "distance of the steps from the nearest real code, in distances from A to B, {said}"
    numbers = [
        *(measured(f"off_{way}", label.format(said=said), estimate(mean_interval(inner[way], weights)))
          for way, said in WAYS.items()),
        measured("off_gain", "the same, nearer along the orbits than straight by",
                 estimate(mean_interval(inner["straight"] - inner["orbits"], weights))),
    ]  # fmt: skip
    straight_answers, orbit_answers = walks.answers("straight"), walks.answers("orbits")
    if straight_answers is None or orbit_answers is None:
        return numbers
    third = {"straight": third_answers(straight_answers), "orbits": third_answers(orbit_answers)}
    turns = {"straight": detours(straight_answers), "orbits": detours(orbit_answers)}
    return [
        *numbers,
        *(measured(f"third_{way}", f"steps that are answered as neither A nor B, {said}",
                   estimate(rate_interval(third[way], weights))) for way, said in WAYS.items()),
        measured("third_gain", "the same, fewer along the orbits than straight by",
                 estimate(excess_interval(third["straight"] - third["orbits"], weights))),
        *(measured(f"detours_{way}", f"walks on which the answer goes back and forth, {said}",
                   estimate(rate_interval(turns[way], weights))) for way, said in WAYS.items()),
    ]  # fmt: skip


def _chart(apart: dict[str, NDArray[np.float64]], resampled: Resampler) -> Chart:
    lines = [
        Line(
            name=said,
            values=[finite(estimate(mean_interval(column, resampled(len(column))))) for column in apart[way].T],
        )
        for way, said in WAYS.items()
    ]
    x = ["A", *(str(step) for step in range(1, STEPS - 1)), "B"]
    return Chart(title="How far the steps are from real codes", y="distances from A to B", x=x, lines=lines)
