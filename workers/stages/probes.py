"""Stage ``probes``: what probes read of every feature at every tap, image by image.

The stage ``evidence`` reads the same and keeps only intervals; a comparison needs the images. So this reads it again,
with the very folds of ``evidence``: both tell one number. Its key holds nothing but one audit's inputs, so each audit
pays for it once, however often it is compared.
"""

from __future__ import annotations

import numpy as np

from workers.evidence.readability import Readability, read_features
from workers.evidence.strata import find_strata
from workers.stages.classifying import load_taps
from workers.stages.estimates import oracle_quality, ties_allowed
from workers.stages.features import features_of
from workers.stages.references import load_references
from workers.stages.stage import Arrays, Produced, StageContext, pack


def run(context: StageContext) -> Produced:
    """``probes``: per feature and tap (:func:`probe_key`) ``part:K`` and ``total:K`` ``(n,)`` over the references.

    They are the parts of the share of its variance that the probe leaves unexplained; ``scale:K`` ``(2,)``: floor and
    ceiling of the retention.
    """
    features = features_of(context, load_references(context))
    columns, quality = [feature.column for feature in features], oracle_quality(context, features)
    strata = find_strata(columns, _audits_own(context, "strata"), ties_allowed(features))
    wide, taps = context.arrays("wide"), load_taps(context)
    found: Arrays = {}
    for done, tap in enumerate(taps, 1):
        readable = read_features(wide[tap.name], columns, _audits_own(context, "probes", tap.name), strata)
        for name, reading in readable.items():
            found |= _kept(probe_key(name, tap.name), reading, quality[name])
        context.report(done / len(taps), f"{tap.name} probed")
    return Produced({"probes": pack(found)})


def probe_key(feature: str, tap: str) -> str:
    """Names what a probe reads of ``feature`` at ``tap``; no feature's name holds a tabulator."""
    return f"{feature}\t{tap}"


def _audits_own(context: StageContext, *path: str) -> np.random.Generator:
    """The generator that the stage ``evidence`` of this audit has for the same purpose."""
    return np.random.default_rng(context.shared_generator("evidence", *path).initial_seed())


def _kept(key: str, reading: Readability, quality: float) -> Arrays:
    scale = np.array([max(reading.floor.retained, 0.0), quality])
    return {f"part:{key}": reading.shares.part, f"total:{key}": reading.shares.total, f"scale:{key}": scale}
