"""What this audit could not see, in words for its reader."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from workers.classifier.pooling import pooled_shape
from workers.concepts.checkpoint import FittedConcept
from workers.evidence.strata import Stratum
from workers.evidence.thresholds import DEFAULT
from workers.graphs.packing import is_graph
from workers.stages.classifying import load_taps
from workers.stages.concept_facts import fitted_concepts
from workers.stages.estimates import Measurements
from workers.stages.features import AuditedFeature
from workers.stages.references import References
from workers.stages.stage import StageContext
from workers.stages.symmetry_limits import group_limits, numbering_limits, posefree_limits
from workers.stages.view_estimates import symmetries_of


def limits(
    context: StageContext, references: References, features: list[AuditedFeature], found: Measurements
) -> list[str]:
    """Plain sentences, most important first."""
    graphs = is_graph(references.images)
    kind = "graphs" if graphs else "images"
    return [
        f"All numbers hold for these {len(references):,} reference {kind}: what they do not vary, nobody tested.",
        *_power(found),
        "Each interval that is shown holds by itself at 95 %: of many findings, some intervals will miss. Verdicts rest"
        f" on wider bounds: all {found.family.comparisons} of them hold at once at {found.family.level:.0%}, each at"
        f" {found.family.each:.3%}.",
        *_tied(found.strata),
        *(group_limits(symmetries_of(context)) if "symmetry" in context.request.inputs else []),
        *numbering_limits(symmetries_of(context), graphs=graphs),
        *posefree_limits(found),
        *left_out([one["name"] for one in context.config.get("concepts", [])], fitted_concepts(context)),
        *context.config["notes"],
        *_labels(context.config["output_kind"]),
        *_hue(features),
        *_compressed(context),
    ]


def left_out(asked: Sequence[str], fitted: Sequence[FittedConcept]) -> list[str]:
    """Concepts that examples define and that got no factor: nothing is said of them."""
    defined = {one.name: one.definition for one in fitted}
    words = []
    for name in asked:
        if name not in defined:
            words.append(
                f"The concept {name} was left out: its examples share nothing that the code holds, or stronger concepts"
                " took all its room. Nothing was tested of it."
            )
        elif defined[name] == "attribute":
            words.append(f"The concept {name} was left out: the column of that name stands for it.")
    return words


def _labels(output_kind: str) -> list[str]:
    """What a single number hides of a classifier whose labels do not exclude each other."""
    if output_kind != "sigmoid":
        return []
    return [
        "Each output is a yes or no of its own: an edit changes the answer when any label turns over or another leads."
        " Galleries follow the leading label alone and show its share of all scores; the supervised VAE is told these"
        " shares."
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
        units, kept = prod(tap.shape), prod(pooled_shape(tap.shape, nodes=tap.nodes))
        if kept < units:
            words.append(
                f"The {units:,} numbers of {tap.name} were averaged to {kept:,}: it may hold more than is shown."
            )
        if kept > width:
            words.append(f"The invertible network was told {width} principal components of {tap.name}, the probe all.")
    return words


def _power(found: Measurements) -> list[str]:
    """What could have been missed by the edits that were confirmed."""
    made = [one for edits in found.effects.values() for one in edits if one.alone]
    edits = [one for one in made if (one.confirmed or 0) >= DEFAULT.confirmation]
    if not edits:
        return ["No edit of any feature was confirmed: no effect could be shown or excluded."]
    worst = max(one.detectable for one in edits)
    return [
        f"Effects on less than {worst:.1%} of the answers could have been missed: larger ones are shown with"
        f" {DEFAULT.power:.0%} power by every confirmed edit of this audit."
    ]


def _tied(strata: dict[str, Stratum]) -> list[str]:
    """Features that the references tie together: for them only the effect can tell which one the classifier uses."""
    words = []
    for name, stratum in strata.items():
        ties = ", ".join(f"{tie.name} ({tie.share:.0%})" for tie in stratum.ties)
        apart = (
            f"what it retains is judged within strata, of the {stratum.left:.0%} that they leave"
            if stratum.separable()
            else "it is not separable in these references, only its effect can tell"
        )
        words.append(f"{name} is tied in these references to {ties}, by the share of its variance explained: {apart}.")
    return words
