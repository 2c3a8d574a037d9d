"""Stage ``nuisance``: keep what the supervised VAE says decides, draw the rest, and ask the classifier.

A second opinion with another inductive bias than the INN's: a bottleneck instead of a conditional density.
"""

from __future__ import annotations

import torch

from workers.classifier.selection import LOGITS
from workers.stages.decoding import open_studio
from workers.stages.references import random_rows
from workers.stages.samples import sampled
from workers.stages.stage import Produced, StageContext
from workers.vae import load, resample_nuisance


def run(context: StageContext) -> Produced:
    """As :mod:`workers.stages.samples`, at the logits."""
    studio = open_studio(context, LOGITS)
    rows = random_rows(len(studio.references), context.budget.references // 2, context.rng("references"))
    fitted = load(context.blob("vae"))
    codes = studio.means[torch.from_numpy(rows)]
    drawn = resample_nuisance(fitted.model, fitted.nuisance, codes, context.budget.draws, context.generator("draws"))
    return sampled(context, studio, LOGITS, rows, drawn)
