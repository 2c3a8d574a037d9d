"""Stage ``evidence``: from measurements to estimates, gates, controls and verdicts."""

from __future__ import annotations

from dataclasses import asdict

from schemas.results import Simultaneity
from workers.classifier.selection import Tap
from workers.evidence import controls
from workers.evidence.family import Family
from workers.evidence.readability import read_features
from workers.evidence.thresholds import DEFAULT
from workers.stages.classifying import load_taps
from workers.stages.concept_facts import concepts_shown
from workers.stages.estimates import Measurements, constant_changes, measure
from workers.stages.features import AuditedFeature, features_of
from workers.stages.findings import findings
from workers.stages.gates import audit_gates
from workers.stages.limits import limits
from workers.stages.posefree import views_of
from workers.stages.references import load_references
from workers.stages.stage import Arrays, Produced, StageContext, pack_json
from workers.stages.view_estimates import symmetries_of


def run(context: StageContext) -> Produced:
    """``evidence``: taps, features, findings, gates, controls and limits as JSON, in the words of ``result.json``."""
    references = load_references(context)
    features = features_of(context, references)
    taps = load_taps(context)
    found = measure(context, references, features, taps)
    context.report(0.7, "probes and intervals are done")
    ran = [
        controls.permuted_z([reading for tap in found.taps.values() for reading in tap.probed]),
        controls.random_column(found.taps["logits"].wide, context.rng("random column")),
        controls.constant_classifier(*constant_changes(context.arrays("effects"))),
    ]
    shown = [*ran, *_untrained(context, features)]
    gates = audit_gates(context, features, found, taps)
    judged = findings(features, taps, found, [*gates, *(control.as_gate() for control in ran)])
    evidence = {
        "taps": [_tap(tap, found, context.arrays("latents")) for tap in taps],
        "features": [feature.contract().model_dump(mode="json") for feature in features],
        "findings": [finding.model_dump(mode="json") for finding in judged],
        "gates": [asdict(gate) for gate in gates],
        "controls": [asdict(control) for control in shown],
        "simultaneity": _simultaneity(found.family),
        "concepts": [concept.model_dump(mode="json") for concept in concepts_shown(context)],
        "accuracy": found.accuracy,
        "symmetries": [row.model_dump(mode="json") for row in symmetries_of(context)],
        "invariant_views": [view.model_dump(mode="json") for view in views_of(context).values()],
        "limits": limits(context, references, features, found),
        "thresholds": {
            "retention_low": DEFAULT.retention_low,
            "effect_absent": DEFAULT.flip_rate,
            "effect_present": DEFAULT.flip_rate,
        },
    }
    verdicts = {f.feature: f.verdict.value for f in judged if f.tap == "logits"}
    return Produced({"evidence": pack_json(evidence)}, {"verdicts": verdicts})


def _untrained(context: StageContext, features: list[AuditedFeature]) -> list[controls.ControlResult]:
    """What random weights retain at the logits, where the audit has such a twin."""
    if "untrained" not in context.request.inputs:
        return []
    wide = context.arrays("untrained")["logits"]
    return [controls.untrained_twin(read_features(wide, [f.column for f in features], context.rng("untrained")))]


def _simultaneity(family: Family) -> dict[str, object]:
    return Simultaneity(
        level=family.level, comparisons=family.comparisons, each=family.each,
        method="Bonferroni over two effect quantities per edit, two retentions per feature and tap, those of its"
        " invariant view, and how far the group of a view changes the feature",
    ).model_dump(mode="json")  # fmt: skip


def _tap(tap: Tap, found: Measurements, latents: Arrays) -> dict[str, object]:
    measured = found.taps[tap.name]
    return {
        "name": tap.name,
        "kind": tap.kind,
        "depth": tap.depth,
        "shape": list(tap.shape),
        "zeros": float(latents[f"zeros:{tap.name}"][0]),
        "rank": int(latents[f"rank:{tap.name}"][0]),
        "information": measured.information_estimate,
        "total_invariance": measured.invariance_estimate,
    }
