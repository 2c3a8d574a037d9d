"""The grid of ``make planted``: which classifier on which references, and why its truth is known (papers.md 5.4)."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.certificate import Plant
from tests.builders.planted_classifiers import NOISES
from tests.builders.planted_scenes import References

IMAGES = 3_000
PLAIN = References()
DETAILED = References(detailed=True, seed=9)


@dataclass(frozen=True)
class Plot:
    """One audit of the grid.

    ``plant``: the classifier. ``place``: it looks at some places of the picture only. ``blind``: at what the
    autoencoder loses. ``trigger``: the factor whose smallest visible amount is asked for. ``taps``: besides the logits;
    ``None`` leaves the choice to the audit.
    """

    plant: str
    code: str
    construction: str
    references: References = PLAIN
    place: bool = True
    blind: bool = False
    trigger: str | None = None
    taps: tuple[str, ...] | None = None

    def contract(self, name: str) -> Plant:
        """As the certificate names it."""
        return Plant(name=name, code=self.code, construction=self.construction)


DOSE_TAPS = tuple(f"dose{k}" for k in range(len(NOISES)))
SHAPE_NET = "Reads the shape from the HSV value with the corner masked: hue and watermark never reach it."
TIED = "The references tie hue to shape; the classifier sees no hue."

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
    "constant": Plot("constant", "P5", "One answer for every picture.", place=False),
    "confounded95": Plot("shape", "P7", f"{TIED} In 95 % of the pictures.", References(tie=0.95, seed=10)),
    "whisper": Plot("whisper", "P5", "One answer; 1e-4 of the mean pixel is in its scores.", place=False),
    "random": Plot("random", "P5", "The shape net's graph with weights in random order and of random sign."),
    "faint": Plot("faint", "P11", "Reads one pixel that the autoencoder loses.", blind=True),
    "luma": Plot("luma", "P2", "Reads the shape from the luma: hues of equal value differ in it."),
    "background": Plot("background", "P2", "Pointwise net with spatial averaging: place and hue cannot be in it.",
                       place=False),
    "confounded80": Plot("shape", "P7", f"{TIED} In 80 % of the pictures.", References(tie=0.8, seed=11)),
    **{f"twin{tie}": Plot(f"twin{tie}", "P3", f"A net trained on pictures whose hue gives the shape away in {tie} %.")
       for tie in (0, 80, 95, 100)},
    "low_pass": Plot("low_pass", "P2", "Shape net behind means of two by two pixels: the grain cancels.", DETAILED),
    **{f"trigger{share}": Plot(f"trigger{share}", "P10", f"The watermark overrules the shape in {share} % of the hues.")
       for share in (30, 10, 3)},
    **{f"trigger_{patch}": Plot(f"trigger_{patch}", "P10", f"A bright {words} overrules the shape.", DETAILED,
                                trigger=patch)
       for patch, words in TRIGGERS.items()},
}  # fmt: skip
"""In this order, so that two workers seldom wait for the stages of one dataset."""
