"""What a comparison cannot say, in words."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.stages import STAGE_CODE_VERSION
from workers.classifier.selection import LOGITS
from workers.stages.comparing.answers import Answers, one_kind
from workers.stages.comparing.sides import Side, Sides

OTHER_NETWORKS = (
    "The audits learnt their autoencoder, editor or oracles apart (another seed, profile or view): what they edit in"
    " the code or read from it differs by the networks too, so no change is claimed of it. Audit both with the same"
    " seed, profile and views, then compare."
)
SHOWN = 12
"""Checks that a limit names."""
PROBES = (
    "Differences of retention are differences of these probes: where there are few references for many units a probe"
    " reads less than the tap holds, by an amount that differs between two classifiers and is in no interval."
)
OTHER_KINDS = (
    "One classifier gives one class, the other labels that do not exclude each other: an answer that changes is not the"
    " same thing in both, so no change of any feature is claimed."
)


def limits_of(sides: Sides, answers: Answers) -> list[str]:
    """Each with what would lift it, where something would."""
    return [
        f"What is said holds for the {answers.images:,} references that both audits looked at, and for no others.",
        "Differences of retention and invariance are told and decide nothing: a change rests on both verdicts and on"
        " the paired difference of the effect.",
        PROBES,
        *_settings(sides),
        *([] if sides.one_machinery else [OTHER_NETWORKS]),
        *_classes(sides, answers),
        *_taps(sides),
        *(words for side in sides for words in (*_code(side), *_fitted_again(side), *_failed(side))),
    ]


def _settings(sides: Sides) -> Iterator[str]:
    before, after = (side.result.audit for side in sides)
    if before.profile != after.profile:
        yield f"Profiles differ ({before.profile}, {after.profile}): the audits looked at different numbers of images."
    if before.seed != after.seed:
        yield (
            f"Seeds differ ({before.seed}, {after.seed}): exact edits were drawn anew, and only images that both audits"
            " happened to edit are paired. With one seed the same edits of the same images are."
        )


def _classes(sides: Sides, answers: Answers) -> Iterator[str]:
    if not one_kind(sides):
        yield OTHER_KINDS
    elif answers.agreement is None:
        yield "It cannot be known which class of one classifier is which of the other: their answers are not compared."


def _taps(sides: Sides) -> Iterator[str]:
    hidden = [tap for tap in sides.taps if tap != LOGITS]
    if not hidden:
        yield "No hidden tap has the same name and shape in both graphs: only the logits are compared."
    elif len(hidden) + 1 < max(len(side.taps) for side in sides):
        yield "Taps are matched by name and shape; those that only one graph has are listed."


def _code(side: Side) -> Iterator[str]:
    said = side.result.audit.versions.get("stages")
    if said != STAGE_CODE_VERSION:
        yield (
            f"The audit {side.name} was made by another release (stages {said}, now {STAGE_CODE_VERSION}): it was"
            " measured again, and where its verdict came out differently no change is claimed."
        )


def _fitted_again(side: Side) -> Iterator[str]:
    if side.refitted:
        yield (
            f"The audit {side.name} was fitted or measured again for this comparison: its numbers, gates and pictures"
            " here may differ from those of its report, and comparing once more may give others."
        )


def _failed(side: Side) -> Iterator[str]:
    """Checks of the whole audit and of its taps; those of a feature bear on that feature alone."""
    failed = [name for name in side.failed if name.partition(":")[2] in {"", *side.taps}]
    if failed:
        more = f" and {len(failed) - SHOWN} more" if len(failed) > SHOWN else ""
        yield (
            f"Checks that failed in the audit {side.name}: {', '.join(failed[:SHOWN])}{more}. What rests on them here,"
            " pictures and invariances of taps among it, is shown and is no statement."
        )
