"""The grid of ``make planted``: which classifier on which references, and why its truth is known (papers.md 5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemas.audits import SymmetryGroup
from schemas.certificate import Plant
from tests.builders.planted_classifiers import NOISES
from tests.builders.planted_scenes import References

Action = Literal["identity", "spatial", "regular", "regular_interleaved"]
IMAGES = 3_000
PLAIN = References()
DETAILED = References(detailed=True, seed=9)
TURNED = References(turned=True, seed=12)


@dataclass(frozen=True)
class Claim:
    """What a plant's graph makes of a group at one tap; ``action`` where it makes it exact."""

    tap: str
    group: SymmetryGroup
    truth: Literal["exact", "approximate", "broken"]
    action: Action | None = None


@dataclass(frozen=True)
class Plot:
    """One audit of the grid.

    ``plant``: the classifier. ``place``: it looks at some places of the picture only. ``blind``: at what the
    autoencoder loses. ``trigger``: the factor whose smallest visible amount is asked for. ``taps``: besides the logits;
    ``None`` leaves the choice to the audit. ``claims``: what the symmetry screen must find. ``poses``: factors that a
    hidden tap holds as pose alone, while no answer depends on them.
    """

    plant: str
    code: str
    construction: str
    references: References = PLAIN
    place: bool = True
    blind: bool = False
    trigger: str | None = None
    taps: tuple[str, ...] | None = None
    claims: tuple[Claim, ...] = ()
    poses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def contract(self, name: str) -> Plant:
        """As the certificate names it."""
        return Plant(name=name, code=self.code, construction=self.construction)


DOSE_TAPS = tuple(f"dose{k}" for k in range(len(NOISES)))
SHAPE_NET = "Reads the shape from the HSV value with the corner masked: hue and watermark never reach it."
TIED = "The references tie hue to shape; the classifier sees no hue."

C4, FLIPS, COLOURS, SHIFTS = (
    SymmetryGroup.C4, SymmetryGroup.FLIPS, SymmetryGroup.COLOURS, SymmetryGroup.TRANSLATIONS,
)  # fmt: skip


def _exact(group: SymmetryGroup, **actions: Action) -> tuple[Claim, ...]:
    """The group is exact at these taps."""
    return tuple(Claim(tap, group, "exact", action) for tap, action in actions.items())


def _broken(group: SymmetryGroup, *taps: str) -> tuple[Claim, ...]:
    return tuple(Claim(tap, group, "broken") for tap in taps)


SYMMETRIC = {
    "c4": Plot(
        "c4", "P8", "Group convolutions of quarter turns, then maxima over all places and all turns.", TURNED,
        place=False, taps=("group_relu", "fields"),
        claims=_exact(C4, group_relu="regular", fields="regular", logits="identity")
        + _exact(COLOURS, group_relu="identity", fields="identity", logits="identity"),
        poses={"group_relu": ("turn", "x", "y"), "fields": ("turn",)},
    ),
    "votes": Plot(
        "votes", "P8", "An ordinary net; the mean of its answers to all four turns knows no turn, and nothing before.",
        TURNED, place=False, taps=("votes",),
        claims=_exact(C4, votes="regular_interleaved", logits="identity")
        + _exact(COLOURS, votes="identity", logits="identity"),
        poses={"votes": ("turn",)},
    ),
    "pointwise": Plot(
        "pointwise", "P8", "Pointwise net with spatial averaging: no turn, mirror or place is in its answer.", TURNED,
        place=False, taps=("bright",),
        claims=_exact(C4, bright="spatial", logits="identity") + _exact(FLIPS, bright="spatial", logits="identity")
        + _exact(SHIFTS, bright="spatial") + _exact(COLOURS, bright="identity", logits="identity"),
        poses={"bright": ("x", "y")},
    ),
    "placed": Plot(
        "placed", "P8", "Group convolutions, then a dense layer that weighs every place and side on its own.", TURNED,
        place=False, taps=("group_relu", "hidden_relu"),
        claims=_exact(C4, group_relu="regular") + _broken(C4, "hidden_relu", "logits")
        + _exact(COLOURS, group_relu="identity", hidden_relu="identity", logits="identity"),
    ),
    "augmented": Plot(
        "augmented", "P8", "An ordinary net that saw every turn in training; nothing enforces what it learned.", TURNED,
        place=False, taps=("conv2_relu", "pool"),
        claims=tuple(Claim(tap, C4, "approximate") for tap in ("pool", "logits"))
        + _exact(COLOURS, conv2_relu="identity", pool="identity", logits="identity"),
    ),
}  # fmt: skip
"""Classifiers whose symmetry is known, tap by tap, on scenes in four orientations."""

TRIGGERS = {
    "patch": "patch of 4 pixels in half of the pictures",
    "dot": "pixel in half of the pictures",
    "rare": "patch of 9 pixels in 5 % of the pictures",
}

PLOTS: dict[str, Plot] = {
    "shape": Plot("shape", "P2", SHAPE_NET),
    "confounded100": Plot("shape", "P7", f"{TIED} In every picture.", References(tie=1.0, seed=8)),
    "hue": Plot("hue", "P3", "The class is the quarter of the hue circle, read from the mean colour.", place=False),
    "dosed": Plot("dosed", "P4", "Taps that hold the hue under growing noise, which the head does not read.",
                  taps=("whole", *DOSE_TAPS)),
    "xor": Plot("xor", "P3", "Half of the hue circle XOR watermark: neither is readable from the answer."),
    "encoded": Plot("encoded", "P6", "Shape net whose last hidden layer holds the hue with weight zero."),
    "c4": SYMMETRIC["c4"],
    "constant": Plot("constant", "P5", "One answer for every picture.", place=False),
    "confounded95": Plot("shape", "P7", f"{TIED} In 95 % of the pictures.", References(tie=0.95, seed=10)),
    "whisper": Plot("whisper", "P5", "One answer; 1e-4 of the mean pixel is in its scores.", place=False),
    "pointwise": SYMMETRIC["pointwise"],
    "random": Plot("random", "P5", "The shape net's graph with weights in random order and of random sign."),
    "faint": Plot("faint", "P11", "Reads one pixel that the autoencoder loses.", blind=True),
    "placed": SYMMETRIC["placed"],
    "luma": Plot("luma", "P2", "Reads the shape from the luma: hues of equal value differ in it."),
    "background": Plot("background", "P2", "Pointwise net with spatial averaging: place and hue cannot be in it.",
                       place=False),
    "votes": SYMMETRIC["votes"],
    "confounded80": Plot("shape", "P7", f"{TIED} In 80 % of the pictures.", References(tie=0.8, seed=11)),
    **{f"twin{tie}": Plot(f"twin{tie}", "P3", f"A net trained on pictures whose hue gives the shape away in {tie} %.")
       for tie in (0, 80, 95, 100)},
    "augmented": SYMMETRIC["augmented"],
    "low_pass": Plot("low_pass", "P2", "Shape net behind means of two by two pixels: the grain cancels.", DETAILED),
    **{f"trigger{share}": Plot(f"trigger{share}", "P10", f"The watermark overrules the shape in {share} % of the hues.")
       for share in (30, 10, 3)},
    **{f"trigger_{patch}": Plot(f"trigger_{patch}", "P10", f"A bright {words} overrules the shape.", DETAILED,
                                trigger=patch)
       for patch, words in TRIGGERS.items()},
}  # fmt: skip
"""In this order, so that two workers seldom wait for the stages of one dataset: those of turned scenes stand apart."""
