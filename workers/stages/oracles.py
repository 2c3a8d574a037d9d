"""Stage ``oracles``: learn to read the attributes from real labelled images. Depends on the dataset alone."""

from __future__ import annotations

from workers.oracles import OracleConfig, fit_oracles, save
from workers.stages.features import features_of, oracle_targets
from workers.stages.references import load_references
from workers.stages.stage import Produced, StageContext

EFFORT = {"quick": 1, "standard": 4, "full": 16}
NOTHING = b"{}"
"""What is stored when every feature is measured: there is nothing to learn."""


def run(context: StageContext) -> Produced:
    """The oracles and, per column, the share of its variance that they explain on held-out images.

    Raises:
        TrainingDiverged: the loss is no longer finite.
    """
    references = load_references(context)
    targets = oracle_targets(features_of(context, references))
    if not targets:
        return Produced({"model": NOTHING}, {"quality": {}})
    base = OracleConfig()
    config = OracleConfig(steps=base.steps * EFFORT[context.budget.name])
    fitted = fit_oracles(references.images, targets, config, context.generator(), context.report, context.device)
    return Produced({"model": save(fitted)}, {"quality": fitted.quality})
