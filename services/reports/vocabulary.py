"""The words and shapes of a report: one entry per verdict (DESIGN.md section 3), never colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.policies import Outcome
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


@dataclass(frozen=True)
class OutcomeWord:
    """How what came of a rule is shown."""

    word: str
    glyph: str


OUTCOMES: dict[Outcome, OutcomeWord] = {
    Outcome.PASS: OutcomeWord("pass", "yes"),
    Outcome.FAIL: OutcomeWord("fail", "no"),
    Outcome.INCONCLUSIVE: OutcomeWord("inconclusive", "undetermined"),
}

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
    FeatureKind.VECTOR: "a block of numbers",
}

DEFINITIONS: dict[str, str] = {
    "attribute": "from an attribute column of the dataset",
    "pairs": "from pairs of pictures that the user gave",
    "sketch": "from two pictures that the user gave",
    "discovered": "found by the audit; nobody named it",
}
"""How a concept was defined."""


@dataclass(frozen=True)
class SectionWord:
    """A group of galleries: its ``title``, and in ``lead`` what it answers."""

    title: str
    lead: str


SECTIONS: dict[str, SectionWord] = {
    "companions": SectionWord(
        "Beside other classifiers",
        "The same pictures, shown to the other classifiers of this audit. What does one see that another does not?",
    ),
    "outside": SectionWord(
        "Pictures from elsewhere",
        "Pictures that are not of the reference kind. What does the classifier make of them?",
    ),
    "factors": SectionWord(
        "One factor changed at a time",
        "The concept network splits a picture into factors. Here one factor is exchanged, redrawn or moved while the "
        "others stay, and the classifier answers again.",
    ),
    "response": SectionWord(
        "One concept of the representation changed",
        "Here no picture is changed but the numbers that the classifier holds of it, one concept at a time, and the "
        "rest of the classifier answers them. Which concept does the answer rest on, that deep inside?",
    ),
    "discovered": SectionWord(
        "Factors that nobody named",
        "Directions in which the pictures vary the most, found without any label.",
    ),
    "samples": SectionWord(
        "What each tap leaves free",
        "The average of many pictures that a tap cannot tell apart, and how much each pixel varies among them. What "
        "stays sharp is held by the tap; what blurs is free to vary.",
    ),
    "mixing": SectionWord(
        "Two pictures mixed",
        "What the tap keeps comes from one picture, and everything that it drops from another. If the drop is real, "
        "the classifier still answers as for the first.",
    ),
    "attack": SectionWord(
        "After an attack",
        "A picture that was changed a little to fool the classifier, and what each tap makes of it, beside random "
        "noise of the same strength.",
    ),
    "traversals": SectionWord(
        "One hidden dimension at a time",
        "The second model, a supervised autoencoder, splits pictures into a task part and the rest. Here single "
        "dimensions of both are turned up and down.",
    ),
    "attribution": SectionWord(
        "What drives a class",
        "Pixels and dimensions that raise or lower one class. A map of a classifier with random weights stands beside "
        "each: where the two look alike, the map says nothing.",
    ),
}
"""In the order of the report, which is also the order in which pictures are kept when there are too many."""

OTHER = SectionWord("Further views", "Further pictures and numbers of this audit.")

CERTIFICATE_SCORES: dict[str, str] = {
    "precision_ignored": "Of “ignored” verdicts, share that was right",
    "recall_ignored": "Of ignored features, share that was found",
    "precision_used": "Of “used” verdicts, share that was right",
    "recall_used": "Of used features, share that was found",
    "undetermined": "Of clear cases, share left undecided",
    "refused_in_all": "Of all cases, share left undecided",
    "flip_rate_error": "Mean error of the share of answers changed",
    "retention_error": "Mean error of predictive retention",
    "generative_error": "Mean error of generative retention",
}
"""The scores of a certificate that every report shows in words; others keep their key."""

TRUTHS: dict[str, str] = {
    "used": "Answers change when it alone changes.",
    "invisible": "Neither the answer nor its scores can depend on it.",
    "carried": "It is in the scores, yet no answer depends on it.",
    "pose": "A hidden tap holds it as a turn or a place alone, and no answer depends on it.",
    "between": "Too weak to call either way.",
    "blind spot": "The autoencoder loses it, so the audit must refuse to speak.",
    "tied": "It moves together with another feature in the references.",
    "trigger": "Planted to find the smallest one that is seen.",
}
"""What can be true of a planted feature."""
