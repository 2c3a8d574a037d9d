"""What every edit of a feature did to the answer, with intervals over images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workers.evidence.bootstrap import Interval, mean_interval
from workers.evidence.effects import Changes, EffectEstimate, effect
from workers.evidence.family import detectable_flip_rate
from workers.stages.action_witness import ACTIONS, action_key
from workers.stages.edits import FACTOR_EDIT
from workers.stages.features import AuditedFeature
from workers.stages.intervals import Statistician
from workers.stages.stage import Arrays

Method = Literal["exact", "generated", "factor", "action"]


@dataclass(frozen=True)
class EditMeasurement:
    """What one way of changing a feature showed.

    ``method`` as :class:`workers.evidence.effect_states.EffectEvidence` names it. ``logit_change`` beyond the floor, in
    units of the logits' spread. ``hits``, ``confirmed`` (for the worst served value) and ``collateral`` are shares of
    edits, ``reached`` the mean share of the way that the hits went; ``None``: nobody looked. ``detectable``: the flip
    rate that the images with a clean edit would have shown. ``group``: of an action, whose elements moved the input.
    """

    method: Method
    estimate: EffectEstimate
    logit_change: Interval | None
    confirmed: float | None
    collateral: float | None
    detectable: float
    hits: float | None = None
    reached: float | None = None
    group: str | None = None

    @property
    def alone(self) -> bool:
        """Whether it means to change only the feature."""
        return self.method != "action"


def edit_keys(feature: AuditedFeature, changed: Arrays) -> list[tuple[str, Method]]:
    """The edits of ``feature`` that hit anywhere, the better first, each with its method; actions beside others."""
    own: Method = "exact" if feature.transformed else "generated" if feature.told else "factor"
    keys: list[tuple[str, Method]] = [(feature.name, own), (feature.name + FACTOR_EDIT, "factor")]
    acted: list[tuple[str, Method]] = [(action_key(feature.name, group), "action") for group in ACTIONS]
    edits = [one for one in keys if _hit(changed, one[0])]
    return [*edits, *(one for one in acted if edits and _hit(changed, one[0]))]


def _hit(changed: Arrays, key: str) -> bool:
    return bool(np.isfinite(changed.get(f"flips:{key}", np.zeros(0))).any())


def measure_edit(changed: Arrays, key: str, method: Method, by: Statistician) -> EditMeasurement:
    """One edit, its flips and variation beyond its floor; arrays that another stage did not leave were not measured."""
    edit, floor = _changes(changed, "", key), _changes(changed, "floor_", key)
    clean = _changes(changed, "clean_", key) if f"clean_flips:{key}" in changed else None
    weights = by.weights(len(edit.flips))
    estimate = effect(edit, floor, weights, clean=clean, joint=by.joint)
    return EditMeasurement(
        method=method,
        estimate=estimate,
        logit_change=_logit_change(changed, key, weights),
        confirmed=_share(changed, f"confirmed:{key}"),
        collateral=_share(changed, f"collateral:{key}"),
        detectable=_detectable(clean or edit, estimate, by),
        hits=_share(changed, f"hits:{key}"),
        reached=_share(changed, f"reached:{key}"),
        group=key.rsplit("\t", 1)[1] if method == "action" else None,
    )


def _detectable(shown: Changes, estimate: EffectEstimate, by: Statistician) -> float:
    """Of the images that can show presence, beyond the machinery's own flips."""
    floor = 0.0 if estimate.floor is None else estimate.floor.value
    return detectable_flip_rate(int(np.isfinite(shown.flips).sum()), by.joint, floor=floor)


def _changes(changed: Arrays, kind: str, key: str) -> Changes:
    return Changes(changed[f"{kind}flips:{key}"], changed[f"{kind}variation:{key}"])


def _logit_change(changed: Arrays, key: str, weights: NDArray[np.float32]) -> Interval | None:
    if f"logits:{key}" not in changed:
        return None
    beyond = changed[f"logits:{key}"] - changed[f"floor_logits:{key}"]
    known = np.isfinite(beyond)
    return mean_interval(beyond[known], np.ascontiguousarray(weights[:, known])) if known.any() else None


def _share(changed: Arrays, name: str) -> float | None:
    """A share of edits; ``None`` where nobody looked or there was nothing to look at."""
    value = float(changed[name][0]) if name in changed else float("nan")
    return value if np.isfinite(value) else None
