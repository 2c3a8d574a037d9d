"""What came of a policy, in a sentence for the first screen."""

from __future__ import annotations

from schemas.policies import Outcome, PolicyReport

from .formatting import plural


def policy_sentence(report: PolicyReport) -> str:
    """How many rules hold, are violated, and could not be decided; plain text."""
    every = len(report.rules)
    violated, open_ = report.count(Outcome.FAIL), report.count(Outcome.INCONCLUSIVE)
    if not violated and not open_:
        return "its rule holds." if every == 1 else f"all of its {every} rules hold."
    told = [
        f"{many} {'is' if many == 1 else 'are'} {word}"
        for many, word in ((violated, "violated"), (open_, "not decided by this audit"))
        if many
    ]
    return f"of its {plural(every, 'rule')}, {' and '.join(told)}."
