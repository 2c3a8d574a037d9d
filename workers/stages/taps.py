"""Stage ``taps``: find the single-tensor cuts and choose the few that the audit looks at."""

from __future__ import annotations

from workers.classifier.selection import Tap, select_taps
from workers.stages.classifying import dump_taps, facts_of
from workers.stages.references import load_references
from workers.stages.stage import Produced, StageContext, pack_json


def run(context: StageContext) -> Produced:
    """The chosen taps, by depth, the logits last.

    Raises:
        StageError: the user named a tensor that is no cut.
    """
    height, width = load_references(context).images.shape[1:3]
    named: list[str] | None = context.config["taps"]
    found = select_taps(context.blob("classifier"), facts_of(context), named, (height, width))
    taps = found if named else thin(found, context.budget.taps)
    return Produced({"taps": pack_json(dump_taps(taps))}, {"taps": [tap.name for tap in taps]})


def thin(taps: list[Tap], hidden: int) -> list[Tap]:
    """At most ``hidden`` hidden taps besides the logits: always the last one, the others by even depth."""
    *inner, logits = taps
    if len(inner) <= hidden:
        return taps
    wanted = [inner[-1].depth * (i + 1) / hidden for i in range(hidden - 1)]
    kept = {inner[-1].name}
    for depth in wanted:
        left = [tap for tap in inner if tap.name not in kept]
        kept.add(min(left, key=lambda tap: abs(tap.depth - depth)).name)
    return [*(tap for tap in inner if tap.name in kept), logits]
