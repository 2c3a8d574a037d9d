"""What this audit could not see, in words for its reader."""

from __future__ import annotations

from math import prod

import numpy as np

from workers.classifier.pooling import pooled_shape
from workers.evidence.thresholds import DEFAULT
from workers.stages.classifying import load_taps
from workers.stages.estimates import Measurements
from workers.stages.features import AuditedFeature
from workers.stages.references import References
from workers.stages.stage import StageContext

TIED = 0.3
"""Share of a feature's variance that another feature explains linearly, above which the references tie the two."""


def limits(
    context: StageContext, references: References, features: list[AuditedFeature], found: Measurements
) -> list[str]:
    """Plain sentences, most important first."""
    return [
        f"All numbers hold for these {len(references):,} reference images: what they do not vary, nobody tested.",
        f"Effects smaller than about {_resolution(found):.1%} of the answers are below what this many images can show.",
        "Each interval holds by itself at 95 %: of many findings, some intervals will miss.",
        *_tied(features),
        *context.config["notes"],
        *_hue(features),
        *_compressed(context),
    ]


def _hue(features: list[AuditedFeature]) -> list[str]:
    if not any(feature.statistic and feature.statistic.name == "hue" for feature in features):
        return []
    return [
        "Changing the hue keeps HSV saturation and value; perceived brightness follows the hue, as in the references."
    ]


def _compressed(context: StageContext) -> list[str]:
    """Taps of which a part was dropped before something was read from them."""
    words, width = [], context.budget.condition
    for tap in load_taps(context):
        units, kept = prod(tap.shape), prod(pooled_shape(tap.shape))
        if kept < units:
            words.append(
                f"The {units:,} numbers of {tap.name} were averaged to {kept:,}: it may hold more than is shown."
            )
        if kept > width:
            words.append(f"The invertible network was told {width} principal components of {tap.name}, the probe all.")
    return words


def _resolution(found: Measurements) -> float:
    """Half the widest interval of any confirmed effect: what could have been missed."""
    confirmed = [one for one in found.effects.values() if (one.confirmed or 0) >= DEFAULT.confirmation]
    widths = [(one.flip_rate.high - one.flip_rate.low) / 2 for one in confirmed]
    return max((width for width in widths if np.isfinite(width)), default=1.0)


def _tied(features: list[AuditedFeature]) -> list[str]:
    """Features that the references tie together: for them only the effect can tell which one the classifier uses."""
    words = []
    for i, one in enumerate(features):
        for other in features[i + 1 :]:
            share = max(_explained(one, other), _explained(other, one))
            if share > TIED:
                words.append(
                    f"{one.name} and {other.name} are tied in these references ({share:.0%} of the variance of one is"
                    " explained by the other): their retentions cannot be told apart, their effects can."
                )
    return words


def _explained(target: AuditedFeature, source: AuditedFeature) -> float:
    """Share of ``target``'s variance that is linear in the encoding of ``source``."""
    y, x = target.encoding.encode(target.column.values), source.encoding.encode(source.column.values)
    known = np.isfinite(y).all(axis=1) & np.isfinite(x).all(axis=1)
    if known.sum() < 50:
        return 0.0
    y, x = y[known], np.column_stack([x[known], np.ones(known.sum())])
    residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float(1 - np.square(residual).sum() / max(np.square(y - y.mean(axis=0)).sum(), 1e-12))
