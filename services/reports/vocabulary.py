"""The words and shapes of a report: one entry per verdict (DESIGN.md section 3), never colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.results import FeatureKind, FeatureSource, Verdict


@dataclass(frozen=True)
class VerdictWord:
    """How one verdict is shown: ``word`` in cells, ``heading`` over its sentences, ``meaning`` in the glossary."""

    word: str
    heading: str
    meaning: str


VERDICTS: dict[Verdict, VerdictWord] = {
    Verdict.IGNORED: VerdictWord(
        "ignored",
        "Ignored",
        "Two things were shown at once: little of the feature is left at this tap, and changing only this feature "
        "leaves the answer as it was. Both confidence intervals lie below their thresholds.",
    ),
    Verdict.USED: VerdictWord(
        "used",
        "Used",
        "Changing only this feature was shown to change the answer more often than the threshold. Either the feature "
        "can also be read from the answer, or it acts together with something else.",
    ),
    Verdict.ENCODED_UNUSED: VerdictWord(
        "encoded, unused",
        "Visible inside, without effect on the answer",
        "The feature can still be read from the numbers at this tap, yet changing it does not change the answer. Size "
        "and contrast are often of this kind: they scale the scores without changing which score is the largest.",
    ),
    Verdict.UNDETERMINED: VerdictWord(
        "undetermined",
        "Undetermined",
        "The evidence does not decide. The confidence interval of the effect reaches across a threshold, or a "
        "measurement is missing. It means neither yes nor no.",
    ),
    Verdict.UNTRUSTED: VerdictWord(
        "untrusted",
        "No statement, because the evidence failed a check",
        "A check that this verdict rests on has failed, or only a generated edit shows an effect that no independent "
        "oracle confirms. The numbers are shown; do not rely on them.",
    ),
}
"""In the order of the report."""

SOURCES: dict[FeatureSource, str] = {
    FeatureSource.ATTRIBUTE: "attribute column of the dataset",
    FeatureSource.MEASURED: "measured from the pixels",
    FeatureSource.CONCEPT: "concept given by the user",
    FeatureSource.DISCOVERED: "discovered by the audit",
}

KINDS: dict[FeatureKind, str] = {
    FeatureKind.NUMERIC: "numeric",
    FeatureKind.CATEGORICAL: "categorical",
    FeatureKind.CIRCULAR: "circular",
}
