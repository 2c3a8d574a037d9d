"""Stage ``symmetry``: how each tap answers to each group (papers.md 3(e), M9), and which invariant view it gets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from schemas.classifiers import InputSpec
from schemas.problems import ErrorCode
from schemas.results import Gallery, InvariantView, Symmetry
from workers.classifier.pooling import pooled_shape
from workers.classifier.selection import LOGITS, Tap
from workers.classifier.session import ClassifierSession
from workers.errors import StageError
from workers.evidence.bootstrap import resampling_weights
from workers.graphs.packing import resized
from workers.stages.classifying import decided, facts_of, load_taps
from workers.stages.invariant_views import invariant_views
from workers.stages.references import load_references, random_rows
from workers.stages.stage import Produced, StageContext, pack_json
from workers.stages.symmetry_gallery import Shown, gallery
from workers.stages.symmetry_rows import Question, row
from workers.symmetry.equivariance import Weights, read
from workers.symmetry.groups import Group, Shape, fitting, group_for
from workers.symmetry.trials import Inputs, Network, Values, trials

IMAGES = 256
"""References that are moved, at most; each is shown some fifty times."""

MOST_ELEMENTS = 1 << 16
"""Maps of up to so many values are screened as they are: pooled ones do not shift by whole cells."""

ANSWER = "the answer"
"""What the classifier decides, as one more output beside its taps."""


def run(context: StageContext) -> Produced:
    """``symmetry``: JSON ``{"symmetries": [Symmetry], "views": [InvariantView]}``; ``galleries``.

    Only groups that are listed (:class:`schemas.audits.SymmetryGroup`) are tested, and every test is in the result. The
    summary says in ``views`` which taps have an invariant view.

    Raises:
        StageError: ``INVALID_REQUEST``: a declared group does not fit the inputs. ``CLASSIFIER_DATASET_MISMATCH``: the
            inputs do not fit the classifier. ``CLASSIFIER_NOT_FINITE``: a moved input makes it compute no number.
    """
    references = load_references(context).images
    count = min(IMAGES, context.budget.references)
    inputs = _padded(context, references[random_rows(len(references), count, context.rng("images"))])
    groups = groups_of(context, inputs.shape[1:])
    if not groups:
        return _produced([], [], [])
    taps, session = load_taps(context), _open(context)
    found = trials(
        _network(session), inputs, groups, lambda done: context.report(done, "moving the inputs"),
        one_unit=(LOGITS, ANSWER),
    )  # fmt: skip
    weights = _weights(context)
    asked = [
        Question(tap, group, _screened(tap), facts_of(context), inputs.shape[1:]) for tap in taps for group in groups
    ]
    answers = {group.name: found[ANSWER, group.name][0] for group in groups}
    readings = {
        (one.tap.name, one.group.name): read(
            one.candidates(found), weights, answers=answers[one.group.name] if one.tap.name == LOGITS else None
        )
        for one in asked
    }
    declared = context.config["groups"] is not None
    rows = [row(one, readings[one.tap.name, one.group.name], declared) for one in asked]
    padded = inputs.shape[1:] != references.shape[1:]  # then later stages do not see the slots that are permuted here
    kept = context.budget.condition
    views = [] if padded else invariant_views(taps, readings, groups, references.shape[1:], kept, declared=declared)
    shown = Shown(context, session, inputs, groups, answers, rows)
    return _produced(rows, views, [gallery(shown, weights)])


def groups_of(context: StageContext, size: tuple[int, ...]) -> list[Group]:
    """The declared groups, or all that fit inputs ``(h, w, c)``; in the order of the contract.

    Raises:
        StageError: ``INVALID_REQUEST``: a declared group does not fit.
    """
    height, width, channels = size
    known = fitting((height, width, channels))
    asked: Sequence[str] = known if context.config["groups"] is None else context.config["groups"]
    for name in asked:
        if name not in known:
            raise _misfit(name, (height, width, channels), known)
    generator = context.rng("groups")
    return [group_for(name, (height, width, channels), generator) for name in known if name in asked]


def _misfit(name: str, shape: Shape, known: tuple[str, ...]) -> StageError:
    height, width, channels = shape
    what = "graphs" if known == ("nodes",) else f"pictures of {height} × {width} pixels and {channels} channels"
    return StageError(
        ErrorCode.INVALID_REQUEST,
        f"the declared symmetry {name!r} does not fit {what}",
        f"Declare some of: {', '.join(known)}; or leave the symmetries out to have all of them screened.",
    )


def _open(context: StageContext) -> ClassifierSession:
    spec = InputSpec.model_validate(context.config["input"])
    taps = load_taps(context)
    return ClassifierSession(context.blob("classifier"), facts_of(context), spec, taps, most_elements=MOST_ELEMENTS)


def _screened(tap: Tap) -> tuple[int, ...]:
    """Shape of one input's values at ``tap`` in the screen."""
    return pooled_shape(tap.shape, MOST_ELEMENTS, tap.nodes)


def _network(session: ClassifierSession) -> Network:
    def run(inputs: Inputs) -> dict[str, Values]:
        outputs = session.run(inputs)
        scores = outputs.logits if session.independent else centred(outputs.logits)
        return {**outputs.taps, LOGITS: scores, ANSWER: decided(session, outputs.logits)}

    return run


def centred(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits ``(n, classes)`` less their mean over the classes, which softmax does not see; one alone stays."""
    wide = np.asarray(logits, dtype=np.float64)
    mean = wide.mean(axis=1, keepdims=True) if wide.shape[1] > 1 else 0.0
    return np.asarray(wide - mean, dtype=np.float32)


def _weights(context: StageContext) -> Weights:
    """The same resamples for every number over as many images."""
    return cache(lambda n: resampling_weights(n, context.budget.bootstrap, context.rng("bootstrap", n)))


def _padded(context: StageContext, inputs: Inputs) -> Inputs:
    """Graphs with as many slots as the classifier has, so that all of them can be permuted."""
    graph = facts_of(context).graph
    return inputs if graph is None or graph.size is None else resized(inputs, max(graph.size, inputs.shape[1]))


def _produced(rows: list[Symmetry], views: list[InvariantView], galleries: list[Gallery]) -> Produced:
    symmetry = {"symmetries": [one.model_dump(mode="json") for one in rows],
                "views": [view.model_dump(mode="json") for view in views]}  # fmt: skip
    shown = [one.model_dump(mode="json") for one in galleries]
    outputs = {"symmetry": pack_json(symmetry), "galleries": pack_json(shown)}
    return Produced(outputs, {"views": [view.tap for view in views], "tested": len(rows)})
