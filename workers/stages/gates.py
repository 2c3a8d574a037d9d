"""The gates of one audit, each with its tap or feature in its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from schemas.audits import SymmetryGroup
from schemas.results import Symmetry
from workers.classifier.selection import LOGITS, Tap
from workers.concepts.checkpoint import FittedConcept
from workers.evidence import gates as checks
from workers.evidence.gates import GateResult
from workers.evidence.thresholds import DEFAULT
from workers.stages.concept_facts import fitted_concepts
from workers.stages.estimates import Measurements
from workers.stages.factors import ConceptFactor
from workers.stages.features import CODED, AuditedFeature
from workers.stages.stage import StageContext
from workers.stages.view_estimates import symmetries_of

LEAKAGE = "vae_leakage"
FIDELITY = "vae_fidelity"
AGREEMENT = "vae_agreement"
SECOND_OPINION = frozenset({LEAKAGE, FIDELITY, AGREEMENT})


def audit_gates(
    context: StageContext, features: list[AuditedFeature], found: Measurements, taps: list[Tap]
) -> list[GateResult]:
    """Every gate, the autoencoder's first. What is read from codes is readable from them; it must be carried."""
    per_tap = [gate for tap in taps for gate in _tap_gates(tap.name, found)]
    whole = [found.taps[tap.name] for tap in taps if told_whole(tap, context.budget.condition)]
    return [
        checks.completeness(found.completeness),
        *(checks.completeness_within(name, shares) for name, shares in found.completeness_within.items() if shares),
        *([checks.every_answer_redrawn(found.completeness_by_answer)] if found.completeness_by_answer else []),
        *numbering_gates(symmetries_of(context)),
        *(checks.readable_from_codes(f.name, found.from_codes.get(f.name, float("nan")), found.quality[f.name])
          for f in features if f.source not in CODED),
        *carried_gates(features, fitted_concepts(context)),
        *per_tap,
        checks.monotone_information([tap.information for tap in whole]),
        checks.monotone_invariance([tap.invariance for tap in whole]),
        *_vae_gates(context.json("vae"), float(context.arrays("nuisance")["agrees"].mean())),
    ]  # fmt: skip


def numbering_gates(rows: Sequence[Symmetry]) -> list[GateResult]:
    """Of graphs, where the screen renumbered their nodes: whether the answer depends on it."""
    return [
        checks.answer_without_numbering(row.error.value, row.state == "broken")
        for row in rows
        if (row.tap, row.group) == (LOGITS, SymmetryGroup.NODES)
    ]


def carried_gates(features: list[AuditedFeature], fitted: Sequence[FittedConcept]) -> list[GateResult]:
    """Of every concept that examples define: whether the code holds it."""
    known = {one.name: one for one in fitted if one.definition != "attribute"}
    named = [(f.name, f.factor.name) for f in features if isinstance(f.factor, ConceptFactor)]
    found = [(feature, known[concept]) for feature, concept in named if concept in known]
    return [checks.concept_carried(feature, one.carried, one.alike, one.caution) for feature, one in found]


def told_whole(tap: Tap, width: int) -> bool:
    """Whether the network was told all of a tap. Only such taps can be compared: a squeezed one seems to know less."""
    return prod(tap.shape) <= width


def gates_of(gates: list[GateResult], feature: str, tap: str) -> list[GateResult]:
    """The gates on which a finding may rest; the VAE is a second opinion and decides nothing."""
    wanted = {feature, tap}
    return [
        gate for gate in gates
        if gate.name not in SECOND_OPINION and (":" not in gate.name or gate.name.split(":", 1)[1] in wanted)
    ]  # fmt: skip


def _tap_gates(tap: str, found: Measurements) -> list[GateResult]:
    """Of the network at the tap, and of the one at its invariant view. No gate compares the two.

    What is readable from the view can exceed what is readable from misaligned raw values: that is what views are for.
    """
    posefree = found.taps[tap].posefree
    of_view = [] if posefree is None or posefree.network is None else posefree.network.gates(tap)
    return [*found.taps[tap].network.gates(tap), *(_of_view(gate, tap) for gate in of_view)]


def _of_view(gate: GateResult, tap: str) -> GateResult:
    return replace(gate, name=f"{checks.of_view(gate.kind)}:{tap}", detail=f"without its pose: {gate.detail}")


def _vae_gates(vae: dict[str, float], agreement: float) -> list[GateResult]:
    leakage, fidelity = vae["leakage"], vae["fidelity"]
    said = f"the VAE's head gives {fidelity:.1%} of held-out codes the classifier's answer"
    leaked = (
        f"a probe finds the answer in the nuisance block with accuracy {vae['leakage_accuracy']:.2f}"
        f" where chance is {vae['leakage_chance']:.2f}"
    )
    kept = f"the classifier keeps its answer on {agreement:.1%} of the references in which only nuisance was drawn anew"
    at_least, at_most = DEFAULT.vae_fidelity, DEFAULT.vae_leakage
    return [
        GateResult(FIDELITY, fidelity >= at_least, fidelity, at_least, said),
        GateResult(LEAKAGE, leakage <= at_most, leakage, at_most, leaked),
        GateResult(AGREEMENT, agreement >= DEFAULT.vae_agreement, agreement, DEFAULT.vae_agreement, kept),
    ]
