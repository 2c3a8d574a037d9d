"""What changed inside the classifiers, tap by tap: what probes read, and how much a tap leaves free."""

from __future__ import annotations

import numpy as np

from workers.evidence.differences import Paired, Reading, mean_difference, ratio_difference, retention_difference
from workers.evidence.estimators import Shares, total_invariance
from workers.evidence.thresholds import DEFAULT
from workers.evidence.verdicts import SAMPLE_GATES
from workers.stages.comparing.sides import Rows, Side, Sides, matched
from workers.stages.intervals import Statistician
from workers.stages.probes import probe_key


def retention_of(sides: Sides, feature: str, tap: str, by: Statistician) -> Paired | None:
    """Predictive retention of ``feature`` at ``tap``; ``None`` where it is not measured alike in both.

    Of these probes: how much more a better one would read is in no interval, and differs from tap to tap.
    """
    if not sides.comparable(feature):
        return None
    places = matched(*(side.references for side in sides))
    before, after = (_reading(side, probe_key(feature, tap), at) for side, at in zip(sides, places, strict=True))
    if before is None or after is None:
        return None
    return retention_difference(before, after, by.weights(len(places[0])), joint=by.joint)


def _reading(side: Side, key: str, at: Rows) -> Reading | None:
    probes = side.context.arrays("probes")
    if f"part:{key}" not in probes or len(at) < DEFAULT.fewest_images:
        return None
    floor, ceiling = probes[f"scale:{key}"]
    return Reading(Shares(probes[f"part:{key}"][at], probes[f"total:{key}"][at]), float(floor), float(ceiling))


def total_invariance_of(sides: Sides, tap: str, by: Statistician) -> Paired | None:
    """Share of the codes' variance that ``tap`` leaves free (M2), of images that neither network was fitted on.

    ``None`` where the codes are not by the same networks: each spreads its own as it likes.
    """
    if not sides.one_machinery:
        return None
    drawn = [side.context.arrays(f"diagnostics:{tap}") for side in sides]
    places = matched(*(side.references[one["rows"]] for side, one in zip(sides, drawn, strict=True)))
    if len(places[0]) < DEFAULT.fewest_images:
        return None
    before, after = (
        total_invariance(one["draws"][at], one["codes"][at]) for one, at in zip(drawn, places, strict=True)
    )
    return ratio_difference(before, after, by.weights(len(places[0])), joint=by.joint)


def sample_deviation_of(sides: Sides, tap: str, by: Statistician) -> Paired | None:
    """How far samples lie from their originals at ``tap``, in units of two references' distance (M5).

    ``None`` where the samples are not of the same codes.
    """
    if not sides.one_machinery:
        return None
    drawn = [side.context.arrays(f"samples:{tap}") for side in sides]
    places = matched(*(side.references[one["rows"]] for side, one in zip(sides, drawn, strict=True)))
    if len(places[0]) < DEFAULT.fewest_images:
        return None
    before, after = (
        np.asarray(one["deviation"][at].mean(axis=1) / one["random"][0], dtype=np.float64)
        for one, at in zip(drawn, places, strict=True)
    )
    return mean_difference(before, after, by.weights(len(places[0])), joint=by.joint)


def doubts(side: Side, tap: str) -> list[str]:
    """Names of the checks that failed in an audit and that samples which claim to share ``tap`` rest on."""
    found = [(name, *name.partition(":")[::2]) for name in side.failed]
    return [name for name, kind, of in found if kind in SAMPLE_GATES and of in {"", tap}]
