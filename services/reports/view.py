"""What the template shows, sorted and paired up: the result's lists joined by feature and tap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from schemas.results import (
    AuditResult,
    Concept,
    EditSheet,
    Feature,
    FeatureSource,
    Finding,
    Gate,
    Sheets,
    Tap,
    TapSheet,
    Verdict,
)

from .charts import by_depth
from .concepts import ConceptsView, concepts_view
from .galleries import GallerySection, gallery_sections
from .inputs import InputWords, Legend, graph_legend, input_words
from .sentences import pose_note, pose_sentence, sentence
from .symmetry import SymmetryView, symmetry_view
from .vocabulary import VERDICTS, VerdictWord

Findings = dict[tuple[str, str], Finding]

OUTPUT = "logits"
SHOWN_AT_ONCE = 6


@dataclass(frozen=True)
class FeatureView:
    """One feature with its findings in the order of the taps; ``finding`` is the one about the answer."""

    number: int
    feature: Feature
    findings: list[Finding | None]
    finding: Finding | None
    sentence: Markup | None
    edits: list[EditSheet]
    concept: Concept | None

    @property
    def anchor(self) -> str:
        """Fragment of the feature's section: a number, never the user's name."""
        return f"feature-{self.number}"

    @property
    def posefree(self) -> bool:
        """Whether any tap was measured with its pose divided out."""
        kept = [finding.retention for finding in self.findings if finding]
        return any(one.invariant or one.invariant_generative for one in kept)

    @property
    def as_pose(self) -> list[Finding]:
        """What holds it as pose only, by depth."""
        return [finding for finding in self.findings if finding and finding.pose_only]

    @property
    def poses(self) -> list[Markup]:
        """One sentence per tap that holds it as pose only."""
        return [pose_sentence(finding) for finding in self.as_pose]

    @property
    def pose_note(self) -> Markup:
        """All of these taps in one short sentence for the first screen."""
        return pose_note(self.as_pose)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict about the answer, if there is one."""
        return self.finding.verdict if self.finding else None


@dataclass(frozen=True)
class VerdictGroup:
    """The features that share a verdict about the answer: ``first`` are shown at once, ``rest`` on request."""

    verdict: Verdict
    word: VerdictWord
    first: list[FeatureView]
    rest: list[FeatureView]


@dataclass(frozen=True)
class ReportView:
    """The result and its pictures, ready to be written out."""

    result: AuditResult
    taps: list[Tap]
    features: list[FeatureView]
    groups: list[VerdictGroup]
    sheets: list[TapSheet]
    nuisance: TapSheet | None
    classes: list[str]
    concepts: ConceptsView | None
    symmetry: SymmetryView | None
    sections: list[GallerySection]
    words: InputWords
    legend: Legend | None

    @property
    def failed_gates(self) -> list[Gate]:
        """Checks of the audit itself that did not pass."""
        return [gate for gate in self.result.gates if not gate.passed]

    @property
    def gates(self) -> list[Gate]:
        """Failed gates first."""
        return sorted(self.result.gates, key=lambda gate: gate.passed)

    @property
    def failed_controls(self) -> int:
        """How many planted answers did not come out."""
        return sum(not control.passed for control in self.result.controls)

    def class_name(self, index: int) -> str:
        """The class name, or its number where there is no name."""
        named = 0 <= index < len(self.classes) and self.classes[index].strip()
        return self.classes[index] if named else f"class {index}"


def report_view(result: AuditResult, sheets: Sheets | None) -> ReportView:
    """Everything the template needs, features in the order of their verdicts."""
    taps = by_depth(result.taps)
    features = _features(result, taps, sheets.edits if sheets else [])
    galleries = sheets.galleries if sheets else []
    words = input_words(result.dataset)
    return ReportView(
        result=result,
        taps=taps,
        features=features,
        groups=list(_groups(features)),
        sheets=_sheets_by_depth(taps, sheets.taps if sheets else []),
        nuisance=sheets.nuisance if sheets else None,
        classes=result.classifier.classes or (sheets.classes if sheets else []),
        concepts=concepts_view(result, taps),
        symmetry=symmetry_view(result, taps, galleries, words),
        sections=gallery_sections(galleries),
        words=words,
        legend=graph_legend(result.dataset.graph),
    )


def _features(result: AuditResult, taps: Sequence[Tap], edits: Sequence[EditSheet]) -> list[FeatureView]:
    findings = {(finding.feature, finding.tap): finding for finding in result.findings}
    output = next((tap.name for tap in taps if tap.kind == "logits"), OUTPUT)
    concepts = {concept.name: concept for concept in result.concepts}
    views = []
    for number, feature in enumerate(sorted(result.features, key=_by_verdict(findings, output)), start=1):
        finding = _at_output(findings, feature.name, output)
        views.append(
            FeatureView(
                number=number,
                feature=feature,
                findings=[_at(findings, feature.name, tap) for tap in taps],
                finding=finding,
                sentence=sentence(result.classifier.name, finding) if finding else None,
                edits=[sheet for sheet in edits if sheet.feature == feature.name],
                concept=concepts.get(feature.name),
            )
        )
    return views


def _by_verdict(findings: Findings, output: str) -> Callable[[Feature], tuple[int, bool]]:
    """Within a verdict, what somebody named comes before what the audit discovered."""
    order = list(VERDICTS)

    def rank(feature: Feature) -> tuple[int, bool]:
        finding = _at_output(findings, feature.name, output)
        place = order.index(finding.verdict) if finding else len(order)
        return place, feature.source is FeatureSource.DISCOVERED

    return rank


def _at(findings: Findings, feature: str, tap: Tap) -> Finding | None:
    return _at_output(findings, feature, tap.name) if tap.kind == "logits" else findings.get((feature, tap.name))


def _at_output(findings: Findings, feature: str, output: str) -> Finding | None:
    return findings.get((feature, OUTPUT)) or findings.get((feature, output))


def _groups(features: Sequence[FeatureView]) -> Iterable[VerdictGroup]:
    for verdict, word in VERDICTS.items():
        members = [view for view in features if view.verdict is verdict]
        if members:
            yield VerdictGroup(verdict, word, members[:SHOWN_AT_ONCE], members[SHOWN_AT_ONCE:])


def _sheets_by_depth(taps: Sequence[Tap], sheets: Sequence[TapSheet]) -> list[TapSheet]:
    """Deepest first: the answer's sheet is the one that people look for."""
    depth = {OUTPUT if tap.kind == "logits" else tap.name: rank for rank, tap in enumerate(taps)}
    return sorted(sheets, key=lambda sheet: -depth.get(sheet.tap, -1))
