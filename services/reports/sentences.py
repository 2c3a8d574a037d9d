"""One plain sentence per verdict, from the finding's own numbers. Names are escaped and isolated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from schemas.results import Estimate, Finding, Retention, Verdict

from .formatting import clip, confidence, percent, shorten

OUTPUT = "logits"
NAME = Markup('<bdi class="name"{title}>{text}</bdi>')
TITLE = Markup(' title="{}"')


def name(text: str, limit: int = 48) -> Markup:
    """A user's name: escaped, cut to ``limit``, isolated from the direction of the text around it."""
    short = shorten(text, limit)
    title = "" if short == text else TITLE.format(clip(text, 500))
    return NAME.format(title=title, text=short)


def sentence(classifier: str, finding: Finding) -> Markup:
    """What the report says of ``finding`` (at the tap ``logits``) in one sentence."""
    return SENTENCES[finding.verdict](name(classifier), name(finding.feature), finding)


def headline_retention(retention: Retention) -> Estimate | None:
    """The larger of the two estimates: a report about ignoring must not pick the flattering one."""
    present = [estimate for estimate in (retention.generative, retention.predictive) if estimate is not None]
    return max(present, key=lambda estimate: estimate.value, default=None)


def headline_invariant(retention: Retention) -> Estimate | None:
    """The larger of the two estimates on the invariant view, ``None`` where the tap has none."""
    present = [one for one in (retention.invariant, retention.invariant_generative) if one is not None]
    return max(present, key=lambda estimate: estimate.value, default=None)


def pose_note(findings: Sequence[Finding]) -> Markup:
    """``As pose only at conv1 and conv2.``; nothing where there is no such finding."""
    if not findings:
        return Markup()
    places = [Markup("the answer") if one.tap == OUTPUT else name(one.tap, 32) for one in findings]
    return Markup(" Held as pose only at {}.").format(listed(places))


def listed(names: Sequence[Markup]) -> Markup:
    """``a, b and c``."""
    return Markup(" and ").join([Markup(", ").join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def pose_sentence(finding: Finding) -> Markup:
    """``conv2 holds it as pose only: 63 % of its variation can be read there, 2 % once the pose is divided out.``"""
    where = (
        Markup("The answer’s scores hold it")
        if finding.tap == OUTPUT
        else Markup("{} holds it").format(name(finding.tap))
    )
    text = Markup("{} <strong>as pose only</strong>").format(where)
    raw, free = headline_retention(finding.retention), headline_invariant(finding.retention)
    if raw is None or free is None:
        return text + "."
    told = Markup("{}: {} of its variation can be read there ({}), but {} once the pose is divided out ({}).")
    numbers = (percent(max(raw.value, 0.0)), confidence(raw), percent(max(free.value, 0.0)), confidence(free))
    return told.format(text, *numbers)


def effect_clause(feature: Markup, finding: Finding) -> Markup:
    """``changing only hue changed 0.3 % of answers (95 % CI 0.1–0.7 %)``, by every way of changing it that there is."""
    rated = [(one, one.flip_rate) for one in (finding.effect, *finding.other_effects) if one.flip_rate is not None]
    rates = [rate for one, rate in rated if one.alone]
    if not rates:
        return Markup("what happens when only {} changes was not measured").format(feature)
    said = [Markup("{} of answers ({})").format(percent(max(one.value, 0.0)), confidence(one)) for one in rates]
    clause = Markup("changing only {} changed ").format(feature) + said[0]
    clause += Markup("").join(Markup(", and in another way {}").format(one) for one in said[1:])
    return clause + Markup("").join(_acted(one.method, rate) for one, rate in rated if not one.alone)


def _acted(method: str | None, rate: Estimate) -> Markup:
    """What moving the whole input did, which moves other things with the feature."""
    told = Markup(" ({}, which moves other things too: {}, {})")
    return told.format(method or "moving the whole input", percent(max(rate.value, 0.0)), confidence(rate))


def retention_clause(retention: Retention) -> Markup | None:
    """``2.1 % of its variation can be read from the answer scores (95 % CI …)``."""
    best = headline_retention(retention)
    if best is None:
        return None
    clause = Markup("{} of its variation can be read from the answer scores ({})")
    return clause.format(percent(max(best.value, 0.0)), confidence(best))


def _ignored(classifier: Markup, feature: Markup, finding: Finding) -> Markup:
    text = Markup("{} <strong>ignores {}</strong>: {}").format(classifier, feature, effect_clause(feature, finding))
    kept = retention_clause(finding.retention)
    return text + "." if kept is None else Markup("{}, and {}.").format(text, kept)


def _used(classifier: Markup, feature: Markup, finding: Finding) -> Markup:
    return Markup("{} <strong>uses {}</strong>: {}.").format(classifier, feature, effect_clause(feature, finding))


def _encoded(classifier: Markup, feature: Markup, finding: Finding) -> Markup:
    kept = retention_clause(finding.retention) or Markup("it can be read from the answer scores")
    return Markup("{} <strong>sees {} but does not act on it</strong>: {}, yet {}.").format(
        classifier, feature, kept, effect_clause(feature, finding)
    )


def _undetermined(classifier: Markup, feature: Markup, finding: Finding) -> Markup:
    return Markup("Whether {} <strong>uses {} is not decided</strong>: {}.{}").format(
        classifier, feature, effect_clause(feature, finding), _first_reason(finding, brief=True)
    )


def _untrusted(classifier: Markup, feature: Markup, finding: Finding) -> Markup:
    return Markup("<strong>No statement about {}</strong> in {}.{}").format(
        feature, classifier, _first_reason(finding) or " A check that it rests on has failed."
    )


def _first_reason(finding: Finding, *, brief: bool = False) -> Markup:
    """The first reason; ``brief`` leaves its numbers to the feature's own section."""
    if not finding.reasons:
        return Markup()
    said, numbers, _ = finding.reasons[0].partition(": ")
    return Markup(" <bdi>{}</bdi>").format(clip(said + "." if brief and numbers else finding.reasons[0], 300))


SENTENCES: dict[Verdict, Callable[[Markup, Markup, Finding], Markup]] = {
    Verdict.IGNORED: _ignored,
    Verdict.USED: _used,
    Verdict.ENCODED_UNUSED: _encoded,
    Verdict.UNDETERMINED: _undetermined,
    Verdict.UNTRUSTED: _untrusted,
}
