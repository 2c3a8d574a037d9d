"""What each edit of a feature did to the answers, before and after, over the images that both audits edited."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workers.evidence.bootstrap import Interval, rate_interval
from workers.evidence.changes import EditDifference, EditSide
from workers.evidence.differences import Paired, excess_difference
from workers.stages.comparing.sides import Rows, Side, Sides, matched
from workers.stages.effect_estimates import edit_keys
from workers.stages.intervals import Statistician

Floats = NDArray[np.float64]
Method = Literal["exact", "generated", "factor"]


def common_edits(sides: Sides, feature: str) -> dict[str, Method]:
    """Edits of ``feature`` alone that hit in both audits, by key, the better first; none where they differ."""
    if not sides.comparable(feature):
        return {}
    first, second = (dict(edit_keys(side.features[feature], side.effects)) for side in sides)
    return {key: method for key, method in first.items() if method != "action" and key in second}


def edit_differences(sides: Sides, feature: str, by: Statistician) -> list[EditDifference]:
    """Every edit of ``feature`` that both audits made."""
    edits = common_edits(sides, feature).items()
    found = [_difference(sides, feature, key, method, by) for key, method in edits]
    return [one for one in found if one is not None]


def _difference(
    sides: Sides, feature: str, key: str, method: Method, by: Statistician
) -> EditDifference | None:  # fmt: skip
    places = matched(*(side.edited(side.features[feature]) for side in sides))
    kinds = ("flips", "variation", "clean_flips", "clean_variation")
    looked = [f"clean_flips:{key}" in side.effects for side in sides]
    found = [_paired(sides, kind, key, places, by) for kind in kinds[: 4 if all(looked) else 2]]
    flips, variation, clean_flips, clean_variation = [*found, None, None][:4]
    if flips is None or variation is None:
        return None
    before, after = (_side(side, feature, key, at, by) for side, at in zip(sides, places, strict=True))
    return EditDifference(method, flips, variation, before, after, clean_flips, clean_variation, any(looked))


def _paired(
    sides: Sides, kind: str, key: str, places: tuple[Rows, Rows], by: Statistician
) -> Paired | None:  # fmt: skip
    """Effects beyond the floor over images with an edit in both; ``None`` where there is none."""
    before, after = (_excess(side, kind, key)[at] for side, at in zip(sides, places, strict=True))
    known = np.isfinite(before) & np.isfinite(after)
    if not known.any():
        return None
    weights = by.weights(int(known.sum()))
    return excess_difference(before[known], after[known], weights, joint=by.joint)


def _excess(side: Side, kind: str, key: str) -> Floats:
    floor = "floor_" + kind.removeprefix("clean_")
    return np.asarray(side.effects[f"{kind}:{key}"] - side.effects[f"{floor}:{key}"], dtype=np.float64)


def _side(side: Side, feature: str, key: str, at: Rows, by: Statistician) -> EditSide:
    floors = [_rate(side.effects[f"floor_{kind}:{key}"][at], by) for kind in ("flips", "variation")]
    confirmed = float(side.effects[f"confirmed:{key}"][0])
    return EditSide(failed_kinds(side, feature), confirmed if np.isfinite(confirmed) else None, floors[0], floors[1])


def _rate(values: Floats, by: Statistician) -> Interval:
    known = values[np.isfinite(values)]
    return rate_interval(known, by.weights(len(known)), joint=by.joint)


def failed_kinds(side: Side, feature: str) -> frozenset[str]:
    """Kinds of the gates and controls that failed in an audit and bear on what edits of ``feature`` show."""
    return frozenset(kind for kind, _, of in (name.partition(":") for name in side.failed) if of in {"", feature})
