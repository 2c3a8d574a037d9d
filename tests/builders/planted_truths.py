"""What a planted classifier truly does with each factor: render every picture again with that factor alone changed.

The truth never touches the product: no edit, no autoencoder, no probe, only the renderer and ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from schemas.results import AuditResult, Verdict
from tests.builders.planted_scenes import FACTORS, Scenes, render

FEATURE = {"shape": "label", "x": "position_x", "y": "position_y", "radius": "size"}
"""Factors that the audit knows under another name."""
PLACES = frozenset({"position_x", "position_y", "size"})
"""The audit moves the whole picture, watermark included; truth moves the shape alone. Equal where place is nothing."""
BLIND = "mark"
"""What the autoencoder cannot carry."""
TIES = frozenset({"hue", "label"})
REFUSED = frozenset({Verdict.UNDETERMINED, Verdict.UNTRUSTED})
USED_FLIPS, NO_FLIPS, NO_VARIATION, INVISIBLE = 0.05, 0.01, 0.02, 0.02


class Kind(StrEnum):
    """What is true of one factor and one classifier. ``CARRIED``: in the logits, yet no answer depends on it."""

    USED = "used"
    INVISIBLE = "invisible"
    CARRIED = "carried"
    BETWEEN = "between"
    BLIND = "blind spot"
    TIED = "tied"
    """Moves with another factor in the references: nobody can change it alone without leaving them."""


@dataclass(frozen=True)
class Row:
    """One scored pair; ``flips`` is the true flip rate, ``told`` that of the audit."""

    plant: str
    feature: str
    kind: Kind
    flips: float
    told: float | None
    verdict: Verdict


def truths(model: bytes, scenes: Scenes, seed: int = 0) -> dict[str, tuple[Kind, float]]:
    """Kind and true flip rate of every factor, by the audit's name of it."""
    session = onnxruntime.InferenceSession(model)
    rng = np.random.default_rng(seed)
    before = _logits(session, scenes)
    found = {
        FEATURE.get(name, name): _compare(before, _logits(session, scenes.resample(name, rng))) for name in FACTORS
    }
    return {name: (_kind(name, *numbers), numbers[0]) for name, numbers in found.items()}


def rows(
    plant: str, model: bytes, scenes: Scenes, result: AuditResult, *, place: bool, tied: bool, blind: bool
) -> list[Row]:
    """The audit's verdicts at the logits beside the truth.

    ``place``: the plant looks at some places only. ``blind``: all it sees is lost in the autoencoder, so that nothing
    generated can be trusted, whatever it says of a factor.
    """
    found = []
    for feature, (kind, flips) in truths(model, scenes).items():
        if place and feature in PLACES:
            continue
        finding = result.finding(feature)
        told = finding.effect.flip_rate.value if finding.effect.flip_rate else None
        shown = Kind.TIED if tied and feature in TIES else Kind.BLIND if blind else kind
        found.append(Row(plant, feature, shown, flips, told, finding.verdict))
    return found


def false_ignored(found: Iterable[Row]) -> list[Row]:
    """The worst that the product can say."""
    return [row for row in found if row.verdict is Verdict.IGNORED and row.flips > NO_FLIPS]


def score(found: Sequence[Row]) -> dict[str, float]:
    """Precision, recall and refusals over the pairs whose truth is clear and can be known."""
    clear = [row for row in found if row.kind not in (Kind.BETWEEN, Kind.BLIND, Kind.TIED)]
    ignored = [row for row in clear if row.verdict is Verdict.IGNORED]
    used = [row for row in clear if row.verdict is Verdict.USED]
    return {
        "pairs": len(clear),
        "false_ignored": len(false_ignored(found)),
        "precision_ignored": _share(row.flips <= NO_FLIPS for row in ignored),
        "recall_ignored": _share(row.verdict is Verdict.IGNORED for row in clear if row.kind is Kind.INVISIBLE),
        "precision_used": _share(row.kind is Kind.USED for row in used),
        "recall_used": _share(row.verdict is Verdict.USED for row in clear if row.kind is Kind.USED),
        "undetermined": _share(row.verdict in REFUSED for row in clear),
        "undetermined_with_blind_spots": _share(row.verdict in REFUSED for row in found),
        "flip_rate_error": float(np.mean([abs(row.flips - row.told) for row in clear if row.told is not None])),
    }


def as_json(found: Sequence[Row]) -> list[dict[str, object]]:
    """Rows for a file."""
    return [asdict(row) for row in found]


def as_table(found: Sequence[Row]) -> list[str]:
    """Rows for a terminal."""
    head = f"{'plant':10} {'feature':11} {'truth':10} {'flips':>6} {'told':>6}  verdict"
    lines = [
        f"{row.plant:10} {row.feature:11} {row.kind.value:10} {row.flips:6.3f} "
        f"{'-' if row.told is None else format(row.told, '6.3f'):>6}  {row.verdict.value}"
        for row in found
    ]
    return [head, *lines]


def _kind(name: str, flips: float, variation: float, moved: float) -> Kind:
    if name == BLIND:
        return Kind.BLIND
    if flips >= USED_FLIPS:
        return Kind.USED
    if flips > NO_FLIPS or variation > NO_VARIATION:
        return Kind.BETWEEN
    return Kind.INVISIBLE if moved < INVISIBLE else Kind.CARRIED


def _compare(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[float, float, float]:
    """Flip rate, total variation, and root mean square change of the logits over their spread."""
    flips = float((before.argmax(axis=1) != after.argmax(axis=1)).mean())
    variation = float(np.abs(_softmax(before) - _softmax(after)).sum(axis=1).mean() / 2)
    change, spread = np.square(after - before).mean(), before.var(axis=0).mean()
    return flips, variation, float(np.sqrt(change / max(spread, 1e-30)))


def _logits(session: onnxruntime.InferenceSession, scenes: Scenes) -> NDArray[np.float64]:
    images = render(scenes).transpose(0, 3, 1, 2).astype(np.float32) / 255
    return np.asarray(session.run(None, {"image": images})[0], dtype=np.float64)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _share(hits: Iterable[bool]) -> float:
    counted = list(hits)
    return sum(counted) / len(counted) if counted else float("nan")
