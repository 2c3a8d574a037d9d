"""``result.json``: the contract that other tools read (DESIGN.md section 3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from .audits import SymmetryGroup
from .findings import Effect, Estimate, FeatureKind, FeatureSource, Finding, Retention, Verdict
from .graphs import GraphFacts
from .policies import PolicyReport
from .scalars import Contract, Name, ObjectKey, Probability, Sha256

__all__ = [
    "SCHEMA_VERSION",
    "AuditProvenance",
    "AuditResult",
    "CertificateMark",
    "Chart",
    "ClassifierSummary",
    "Concept",
    "ConceptScore",
    "Control",
    "DatasetSummary",
    "EditRow",
    "EditSheet",
    "EditStep",
    "Effect",
    "Estimate",
    "Feature",
    "FeatureKind",
    "FeatureSource",
    "Finding",
    "Gallery",
    "Gate",
    "InvariantView",
    "Line",
    "Measure",
    "Picture",
    "PictureRow",
    "Retention",
    "SheetRow",
    "SheetSample",
    "Sheets",
    "Simultaneity",
    "Symmetry",
    "Tap",
    "TapSheet",
    "Thresholds",
    "Timing",
    "Verdict",
    "ViewNumbers",
    "result_schema",
]

SCHEMA_VERSION: Final = "1"


class Tap(Contract):
    """A single-tensor cut of the graph. ``information`` in nats; ``total_invariance`` is M2, 0..1.

    ``zeros`` is the share of values that are exactly 0, ``rank`` the numerical rank over the references.
    """

    name: str
    kind: Literal["hidden", "logits"]
    depth: Probability
    shape: list[int]
    zeros: Probability | None = None
    rank: int | None = None
    information: Estimate | None = None
    total_invariance: Estimate | None = None


class Feature(Contract):
    """Anything the report gives a verdict on."""

    name: Name
    source: FeatureSource
    kind: FeatureKind


class Gate(Contract):
    """A check on the audit itself; a failed gate forbids the verdicts that rest on it."""

    name: str
    passed: bool
    value: float | None
    threshold: float | None
    detail: str


class Control(Contract):
    """A planted known answer that ran beside the audit: what came out, and whether it had to."""

    name: str
    passed: bool
    value: float | None
    expected: str
    detail: str


class ConceptScore(Contract):
    """Pair correlation ``s_F`` at one tap, without training (paper 2; M4); ``tap`` is ``codes`` for the autoencoder.

    ``null`` bounds the score of random pairs at 95 %. ``untrained`` is the score of the same graph with random weights.
    ``invariant`` is the score on the tap's invariant view, ``aligned`` that on the raw values with the second of each
    pair moved along its orbit to where it is nearest the first, beyond what that does to random pairs (papers.md 5.3).
    """

    tap: str
    score: Estimate
    null: float
    untrained: float | None = None
    invariant: Estimate | None = None
    aligned: Estimate | None = None


class Concept(Contract):
    """A concept of the concept INN: how it was defined, the factor it got, and how clean its pairs are.

    ``rho`` is the pair correlation that the loss assumed, ``within`` the one measured between held-out sharing pairs,
    ``leaks`` the measured correlation of every *other* factor between pairs that share only this one (should be 0).
    """

    name: Name
    definition: Literal["attribute", "pairs", "sketch", "discovered"]
    pairs: int
    dimensions: int
    rho: float | None = None
    within: float | None = None
    leaks: dict[str, float] = {}
    scores: list[ConceptScore] = []
    caution: str | None = None
    """How weak the definition is, in words; ``None`` where there is nothing to warn of."""


class Symmetry(Contract):
    """How a tap answers to one group (papers.md 3(e), M9).

    ``action`` is the known action on the tap that fits best: ``identity`` (invariance), ``spatial`` (the map moves with
    the picture), ``regular`` and ``regular_interleaved`` (it moves, and its channels shift in fields of the group's
    order, side by side or strided), ``nodes`` (its node axes permute). ``error`` is the equivariance error under it,
    ``E|Phi(gx) - rho(g) Phi(x)| / E|Phi(x) - Phi(x')|``; ``invariance`` the same with the identity; ``floor`` what
    resampling alone does (there and back); 0 is perfect, 1 as far as another picture. Units of hidden taps count in
    units of their own deviation; of softmax logits what all classes share does not count.

    ``state`` is ``exact`` within floating point (where poses fall between pixels: on those that do not, and an error
    below 0.05 over all), ``approximate`` where the error is shown to be small or to be that of resampling, ``broken``
    where it is shown to be large, else ``unclear``, also where moving hardly changes the references. At the logits no
    state says more than the answers bear: more change than by resampling and it is not ``exact``, more than few and it
    is not ``approximate``, more than half and it is ``broken``. ``notes``: cautions (cropped borders, strides).
    """

    tap: str
    group: SymmetryGroup
    action: Literal["identity", "spatial", "regular", "regular_interleaved", "nodes"]
    error: Estimate
    invariance: Estimate
    floor: Estimate | None = None
    state: Literal["exact", "approximate", "broken", "unclear"]
    elements: int = Field(ge=1)
    declared: bool = False
    notes: list[str] = []


class InvariantView(Contract):
    """The function of a tap from which the pose is gone: which group, which projection, and why this one.

    ``lossless``: whether a theorem says that it tells any two orbits apart; ``width`` of its output; ``exact`` whether
    the screen calls the symmetry of the tap exact; otherwise a little of the pose is left in the view.
    """

    tap: str
    group: SymmetryGroup
    action: str
    projection: str
    why: str
    width: int
    lossless: bool
    exact: bool


class Simultaneity(Contract):
    """How the joint bounds of this audit were made: ``comparisons`` intervals hold at once at ``level``."""

    level: Probability
    comparisons: int
    each: Probability
    method: str


class Measure(Contract):
    """A number of a view, with its interval where it has one. ``name`` is a key, ``label`` is for people."""

    name: str
    label: str
    value: float | None
    estimate: Estimate | None = None


class ViewNumbers(Contract):
    """What one gallery measured, without its pictures. ``subject``: a tap, a feature or another model, if about one."""

    view: str
    title: str
    subject: str | None = None
    measures: list[Measure] = []


class CertificateMark(Contract):
    """Which calibration certificate this release was checked with (``GET /v1/certificate``), and its main numbers."""

    digest: Sha256
    made_at: datetime
    pairs: int
    false_ignored: int
    scores: dict[str, float]


class Thresholds(Contract):
    """Where the verdicts were drawn. A retention is low, and an effect absent, when its upper bound is below; an effect
    is present when its lower bound is above.
    """

    retention_low: Probability
    effect_absent: Probability
    effect_present: Probability


class Timing(Contract):
    """Wall time of one stage in seconds; ``reused`` when its output existed already."""

    stage: str
    seconds: float = Field(ge=0)
    reused: bool = False


class AuditProvenance(Contract):
    """Who, what and with which code. ``artifacts`` maps a role (``sheets``, ``inn:logits``) to its object key."""

    id: str
    name: str
    created_at: datetime
    finished_at: datetime
    profile: str
    seed: int
    config_digest: Sha256
    versions: dict[str, str]
    artifacts: dict[str, ObjectKey]


class ClassifierSummary(Contract):
    """The audited file."""

    id: str
    name: Name
    digest: Sha256
    canonical_digest: Sha256
    bytes: int
    opset: int
    parameters: int
    input_shape: list[int | None]
    output_kind: Literal["logits", "probabilities", "sigmoid"]
    classes: list[str]
    accuracy: Estimate | None = None


class DatasetSummary(Contract):
    """The reference images."""

    id: str
    name: Name
    digest: Sha256
    canonical_digest: Sha256
    images: int
    height: int
    width: int
    channels: int
    attributes: list[str]
    labelled: bool
    kind: Literal["images", "graphs"] = "images"
    graph: GraphFacts | None = None


class AuditResult(Contract):
    """The whole answer of one audit. HTML is a view of this and of the artifacts that it names."""

    schema_version: Literal["1"] = SCHEMA_VERSION
    audit: AuditProvenance
    classifier: ClassifierSummary
    dataset: DatasetSummary
    taps: list[Tap]
    features: list[Feature]
    findings: list[Finding]
    gates: list[Gate]
    controls: list[Control]
    policies: list[PolicyReport] = []
    """What came of the policy that the audit was asked to check, where it was asked."""
    concepts: list[Concept] = []
    symmetries: list[Symmetry] = []
    invariant_views: list[InvariantView] = []
    views: list[ViewNumbers] = []
    simultaneity: Simultaneity | None = None
    certificate: CertificateMark | None = None
    thresholds: Thresholds | None = None
    timings: list[Timing]
    limits: list[str]

    def finding(self, feature: str, tap: str = "logits") -> Finding:
        """The finding on ``feature`` at ``tap``.

        Raises:
            KeyError: this audit holds no such finding.
        """
        for finding in self.findings:
            if finding.feature == feature and finding.tap == tap:
                return finding
        raise KeyError(f"no finding on feature {feature!r} at tap {tap!r}")


class SheetSample(Contract):
    """One generated image and what the ONNX file answered to it.

    ``deviation_floor`` and ``deviation_random`` are ``|Phi(sample) - Phi(x)|`` divided by the same distance of the
    autoencoder's reconstruction, and of a random reference image (papers.md M5).
    """

    png: str
    predicted: int
    confidence: Probability
    agrees: bool
    deviation_floor: float
    deviation_random: float


class SheetRow(Contract):
    """A reference image, its reconstruction, and images that the tap cannot tell from it. ``png`` is base64."""

    index: int
    label: int | None
    original: SheetSample
    reconstruction: SheetSample
    samples: list[SheetSample]


class EditStep(Contract):
    """One picture of a feature sheet: the same image with only this feature changed. ``value`` is the feature's."""

    png: str
    value: str
    predicted: int
    confidence: Probability
    flipped: bool


class EditRow(Contract):
    """One reference image and its edits along one feature."""

    index: int
    original: EditStep
    edits: list[EditStep]


class EditSheet(Contract):
    """Pictures behind an effect: only ``feature`` changes. ``method`` says how the edit was made."""

    feature: Name
    method: str
    rows: list[EditRow]


class TapSheet(Contract):
    """Invariance samples of one tap (papers.md 4(a)): different images, the same representation."""

    tap: str
    rows: list[SheetRow]
    agreement: Estimate
    deviation_floor: Estimate
    deviation_random: Estimate
    deviation_quotient: Estimate | None = None
    """As ``deviation_random``, between orbits instead of values: where the tap is equivariant, a sample in another
    pose is no other thing (papers.md 5.3)."""


class Picture(Contract):
    """One picture of a gallery, base64 PNG. ``mark``: whether the answer is that of the row's first picture."""

    png: str
    caption: str = ""
    mark: Literal["", "same", "changed"] = ""


class PictureRow(Contract):
    """Pictures side by side, one per column of the gallery; ``None`` leaves a hole."""

    heading: str = ""
    pictures: list[Picture | None]


class Line(Contract):
    """One line of a chart: a value per place on the x axis, ``None`` where there is none."""

    name: str
    values: list[Estimate | None]


class Chart(Contract):
    """Lines over a common, ordered x axis (taps by depth, checkpoints in order)."""

    title: str
    y: str
    x: list[str]
    lines: list[Line]


class Gallery(Contract):
    """What a view shows: numbers, charts and rows of pictures, and in ``explanation`` how to read them.

    ``view`` is the name of the stage that made it; ``subject`` a tap, a feature or another model, if it is about one.
    ``notes`` are cautions for this very gallery. Every name from a user in it is hostile input to a renderer.
    """

    view: str
    title: str
    subject: str | None = None
    explanation: str
    columns: list[str] = []
    rows: list[PictureRow] = []
    measures: list[Measure] = []
    charts: list[Chart] = []
    notes: list[str] = []

    def numbers(self) -> ViewNumbers:
        """The same without pictures, for ``result.json``."""
        return ViewNumbers(view=self.view, title=self.title, subject=self.subject, measures=self.measures)


class Sheets(Contract):
    """Every picture of a report, in one artifact (role ``sheets``)."""

    schema_version: Literal["1"] = SCHEMA_VERSION
    classes: list[str]
    taps: list[TapSheet]
    edits: list[EditSheet] = []
    nuisance: TapSheet | None = None
    """Nuisance samples of the supervised VAE (paper 1), a second opinion; ``tap`` is ``logits``."""
    galleries: list[Gallery] = []


def result_schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) of ``result.json``."""
    schema = AuditResult.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:scotoma:result:{SCHEMA_VERSION}",
        **schema,
    }
