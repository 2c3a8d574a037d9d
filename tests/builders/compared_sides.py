"""Sides of a comparison of which only what matters to a test is there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from schemas.results import FeatureSource, Finding
from workers.classifier.selection import Tap
from workers.evidence.differences import family_of_differences
from workers.evidence.features import FeatureColumn, fit_encoding
from workers.stages.comparing.sides import Side
from workers.stages.features import AuditedFeature
from workers.stages.intervals import Resampler, Statistician
from workers.stages.stage import Arrays

N = 60


def taps_of(units: int, classes: int) -> dict[str, Tap]:
    hidden = Tap(name="hidden", tensor="hidden", kind="hidden", depth=0.5, op_type="Gemm", shape=(units,))
    return {"hidden": hidden, "logits": Tap("logits", "scores", "logits", 1.0, "Gemm", (classes,))}


TAPS = taps_of(12, 3)
NETWORKS = dict.fromkeys(("autoencoder", "oracles", "editor", "concepts", "evidence"), "a" * 64)
REPORTED = {"evidence": f"sha256/aa/{'a' * 64}"}


def attribute(name: str, source: FeatureSource = FeatureSource.ATTRIBUTE) -> AuditedFeature:
    column = FeatureColumn(name, "numeric", np.arange(N, dtype=float))
    return AuditedFeature(name, source, column, fit_encoding(column))


def effects(key: str, rows: np.ndarray, flips: np.ndarray, **more: Any) -> Arrays:
    none = np.zeros(len(rows))
    found = {f"flips:{key}": flips, f"variation:{key}": flips / 2, f"floor_flips:{key}": none,
             f"floor_variation:{key}": none, f"confirmed:{key}": np.array([1.0])}  # fmt: skip
    return {"rows": rows, **found, **more}


def side(
    name: str, *, references: np.ndarray | None = None, changed: Arrays | None = None, logits: np.ndarray | None = None,
    outputs: list[str] | None = None, labels: np.ndarray | None = None, independent: bool = False,
    networks: dict[str, str] = NETWORKS, features: list[AuditedFeature] | None = None, taps: dict[str, Tap] = TAPS,
    failed: tuple[str, ...] = (), findings: list[Finding] | None = None, said: list[Finding] | None = None,
    **told: Any,
) -> Side:  # fmt: skip
    """One audit; ``findings`` and ``failed`` of its stages, ``said`` in its report where that is something else."""
    known = {(one.feature, one.tap): one for one in (said or findings or [])}
    made = Side(
        name,
        cast(Any, SimpleNamespace(
            request=SimpleNamespace(inputs=networks), config={"outputs": outputs, "classes": None}
        )),
        cast(Any, SimpleNamespace(
            finding=lambda feature, tap: known[feature, tap],
            audit=SimpleNamespace(
                **{"seed": 0, "profile": "quick", "versions": {"stages": "4"}, "artifacts": REPORTED, **told}
            ),
        )),
        np.arange(N) if references is None else references,
    )  # fmt: skip
    scores = np.eye(3, dtype=np.float32)[np.zeros(N, dtype=int)] if logits is None else logits
    given: dict[str, Any] = {
        "studio": SimpleNamespace(
            references=SimpleNamespace(labels=labels), classifier=SimpleNamespace(independent=independent)
        ),
        "features": {one.name: one for one in (features or [attribute("age")])},
        "taps": taps,
    }  # fmt: skip
    made.__dict__.update(given)
    arrays_of = {"latents": {"logits": scores, "probabilities": scores}, "effects": changed or {}}
    made.context.arrays = arrays_of.__getitem__  # type: ignore[method-assign]
    evidence = {
        "findings": [one.model_dump(mode="json") for one in (findings or [])],
        "gates": [{"name": gate, "passed": False} for gate in failed], "controls": [],
    }  # fmt: skip
    made.context.json = {"evidence": evidence}.__getitem__  # type: ignore[method-assign]
    return made


def by(edits: int = 1) -> Statistician:
    return Statistician(Resampler(np.random.default_rng(0), 200), family_of_differences(edits, 1, 2))
