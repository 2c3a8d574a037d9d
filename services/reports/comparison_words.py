"""The words of a comparison: one entry per change, in the order of the report; a shape for each, never colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.comparisons import Change


@dataclass(frozen=True)
class ChangeWord:
    """How a change is shown: ``word`` in cells, ``heading`` over its sentences, ``meaning`` in the glossary."""

    word: str
    heading: str
    meaning: str


CHANGES: dict[Change, ChangeWord] = {
    Change.BECAME_USED: ChangeWord(
        "became used",
        "Became used",
        "It was ignored and it is used, and the difference itself is shown: its joint bounds leave out nought.",
    ),
    Change.BECAME_IGNORED: ChangeWord(
        "became ignored",
        "Became ignored",
        "It was used and it is ignored, and the difference itself is shown: its joint bounds leave out nought.",
    ),
    Change.MORE: ChangeWord(
        "matters more",
        "Matters more",
        "Its effect on the answers, or on the class probabilities, is shown to have grown by more than the least that "
        "counts, and it did not turn from ignored to used. What was encoded but unused may be used now.",
    ),
    Change.LESS: ChangeWord(
        "matters less",
        "Matters less",
        "Its effect on the answers, or on the class probabilities, is shown to have shrunk by more than the least that "
        "counts, and it did not turn from used to ignored. What was used may be encoded but unused now.",
    ),
    Change.UNDECIDED: ChangeWord(
        "not decided",
        "Not decided",
        "Neither a change nor its absence is shown: the bounds of the difference are too wide, one of the audits does "
        "not trust its evidence, or something in it speaks against it. It means neither yes nor no.",
    ),
    Change.SAME: ChangeWord(
        "no change",
        "Shown not to have changed",
        "The bounds of the difference lie within what does not count as an effect. The two may still differ by less.",
    ),
}

EDITS = {
    "exact": "exact edits",
    "generated": "edits of the code",
    "factor": "edits of the concept’s factor",
}
"""By what a feature was changed."""

SHOWN = frozenset({Change.BECAME_USED, Change.BECAME_IGNORED, Change.MORE, Change.LESS})
"""Changes that are there, as opposed to those that are not, or not known."""
