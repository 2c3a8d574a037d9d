"""Which declared groups can act on the references of an audit."""

from __future__ import annotations

from schemas.audits import AuditConfig, SymmetryGroup, View
from schemas.datasets import Dataset, DatasetFacts
from services.errors import InvalidRequest

ADVICE = "Leave it out; without 'symmetries' every group that fits is screened."


def check_symmetries(dataset: Dataset, config: AuditConfig) -> None:
    """Each declared group fits the references, and is going to be tested.

    Raises:
        InvalidRequest: a group cannot act on them, is named twice, or is declared while its view is left out.
    """
    declared = config.symmetries or []
    if len(set(declared)) < len(declared):
        raise InvalidRequest("A symmetry is declared twice.", "Name each group once.")
    if declared and config.views is not None and View.SYMMETRY not in config.views:
        advice = "Add the view 'symmetry', or leave 'symmetries' out."
        raise InvalidRequest("Symmetries are declared, but the view that tests them is left out.", advice)
    for group in declared:
        if dataset.facts is not None and (objection := _objection(group, dataset.facts)) is not None:
            raise InvalidRequest(f"The symmetry {str(group)!r} does not fit {dataset.id}: {objection}.", ADVICE)


def _objection(group: SymmetryGroup, facts: DatasetFacts) -> str | None:
    if facts.kind == "graphs":
        return None if group is SymmetryGroup.NODES else "it holds graphs, whose nodes can be permuted and nothing else"
    if group is SymmetryGroup.NODES:
        return "it holds images, which have no nodes"
    if group is SymmetryGroup.COLOURS and facts.channels == 1:
        return "its images have one channel"
    if group in (SymmetryGroup.C4, SymmetryGroup.C8) and facts.height != facts.width:
        return "its images are not square, and a quarter turn changes their shape"
    return None
