"""How right the audits of the grid were: shares with Wilson intervals, beside the targets of DESIGN.md section 5."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import stats

from schemas.certificate import PlantedPair, Score, ScreenPair
from schemas.results import Estimate, Verdict
from tests.builders.planted_truths import ALLOWED, NO_FLIPS, Kind

REFUSED = frozenset({Verdict.UNDETERMINED, Verdict.UNTRUSTED})
LEVEL = 0.95
LOGITS = "logits"


def clear(pairs: Iterable[PlantedPair]) -> list[PlantedPair]:
    """Pairs whose truth leaves no doubt about the right verdict; poses of hidden taps are counted apart."""
    return [pair for pair in pairs if Kind(pair.truth) in ALLOWED and pair.truth != Kind.POSE]


def false_ignored(pairs: Iterable[PlantedPair]) -> list[PlantedPair]:
    """The worst that the product can say, over every pair, clear or not."""
    return [pair for pair in pairs if pair.verdict is Verdict.IGNORED and pair.flips > NO_FLIPS]


def score(pairs: Sequence[PlantedPair]) -> list[Score]:
    """Every score of the grid. Precision counts what was said, recall what should have been."""
    known = clear(pairs)
    said = {verdict: [pair for pair in known if pair.verdict is verdict] for verdict in Verdict}
    true = {kind: [pair for pair in known if pair.truth == kind.value] for kind in Kind}
    ignored, used = Verdict.IGNORED, Verdict.USED
    return [
        count("false_ignored", "Used features called ignored", len(false_ignored(pairs)), at_most=0),
        share("precision_ignored", "Precision of ignored", [p.flips <= NO_FLIPS for p in said[ignored]], at_least=0.95),
        share(
            "recall_ignored", "Recall of ignored", [p.verdict is ignored for p in true[Kind.INVISIBLE]], at_least=0.9
        ),
        share("precision_used", "Precision of used", [p.truth == Kind.USED.value for p in said[used]], at_least=0.95),
        share("recall_used", "Recall of used", [p.verdict is used for p in true[Kind.USED]], at_least=0.9),
        share("undetermined", "Refused, of the clear pairs", [p.verdict in REFUSED for p in known], at_most=0.15),
        share("refused_in_all", "Refused, of all pairs", [p.verdict in REFUSED for p in pairs]),
        error("flip_rate_error", "Mean error of the flip rate", [(p.flips, p.told) for p in known], at_most=0.05),
        error("retention_error", "Mean error of predictive retention", _kept(known, "predictive"), at_most=0.05),
        error("generative_error", "Mean error of generative retention", _kept(known, "generative"), at_most=0.05),
    ]


def symmetry_scores(pairs: Iterable[PlantedPair], screens: Iterable[ScreenPair]) -> list[Score]:
    """Whether the screen told every group right, and what hidden taps hold as pose alone was called so (P8)."""
    told = [screen.right for screen in screens if screen.right is not None]
    posed = [bool(pair.right) for pair in pairs if pair.truth == Kind.POSE.value]
    return [
        share("screen_right", "Symmetries told right, of groups at taps", told, at_least=1.0),
        share("pose_right", "Pose named as pose alone, at hidden taps", posed, at_least=0.9),
    ]


def share(
    name: str, label: str, hits: Sequence[bool], *, at_least: float | None = None, at_most: float | None = None
) -> Score:
    """A share with its Wilson interval and its target."""
    if not hits:
        return Score(name=name, label=label, value=None, n=0, at_least=at_least, at_most=at_most)
    low, high = wilson(sum(hits), len(hits))
    return judged(Score(name=name, label=label, value=sum(hits) / len(hits), low=low, high=high, n=len(hits),
                        at_least=at_least, at_most=at_most))  # fmt: skip


def count(name: str, label: str, value: int, *, at_most: float) -> Score:
    """A number of cases with its target."""
    return judged(Score(name=name, label=label, value=value, at_most=at_most))


def error(
    name: str, label: str, known: Sequence[tuple[float | None, Estimate | None]], *, at_most: float | None = None
) -> Score:
    """Mean absolute difference of truth and estimate, where there are both, with a bootstrap over pairs."""
    gaps = np.array([abs(truth - told.value) for truth, told in known if truth is not None and told is not None])
    if len(gaps) < 2:
        return Score(name=name, label=label, value=None, n=len(gaps), at_most=at_most)
    means = np.random.default_rng(0).choice(gaps, (2_000, len(gaps))).mean(axis=1)
    low, high = (float(edge) for edge in np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return judged(Score(name=name, label=label, value=float(gaps.mean()), low=low, high=high, n=len(gaps),
                        at_most=at_most))  # fmt: skip


def judged(score: Score) -> Score:
    """The score with ``met`` filled in, where it has a target and a value."""
    if score.value is None or (score.at_least is None and score.at_most is None):
        return score
    above = score.at_least is None or score.value >= score.at_least
    below = score.at_most is None or score.value <= score.at_most
    return score.model_copy(update={"met": above and below})


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Wilson's interval of a share at 95 %."""
    found = stats.binomtest(hits, n).proportion_ci(LEVEL, method="wilson")
    return float(found.low), float(found.high)


def as_table(pairs: Sequence[PlantedPair]) -> list[str]:
    """Pairs for a terminal: true and told flip rate, true retention, predictive and generative."""
    head = (
        f"{'plant':14} {'feature':22} {'truth':10} {'flips':>6} {'told':>6} {'kept':>5} {'pred':>5} {'gen':>5}  verdict"
    )
    return [head, *(_line(pair) for pair in pairs)]


def _line(pair: PlantedPair) -> str:
    mark = {True: "", False: "  <-- not right", None: ""}[pair.right]
    told, read, drawn = (_number(one) for one in (pair.told, pair.predictive, pair.generative))
    feature = pair.feature if pair.tap == LOGITS else f"{pair.feature}@{pair.tap}"
    kept = "-" if pair.kept is None else f"{pair.kept:.2f}"
    return (
        f"{pair.plant:14} {feature:22} {pair.truth:10} {pair.flips:6.3f} {told:>6} {kept:>5} {read[:5]:>5}"
        f" {drawn[:5]:>5}  {pair.verdict.value}{' (pose only)' * pair.pose_only}{mark}"
    )


def _number(told: Estimate | None) -> str:
    return "-" if told is None else f"{told.value:.3f}"


def _kept(pairs: Iterable[PlantedPair], which: str) -> list[tuple[float | None, Estimate | None]]:
    return [(pair.kept, getattr(pair, which)) for pair in pairs]
