"""Stage ``result``: ``result.json`` (the contract that other tools read) and the sheets of pictures beside it."""

from __future__ import annotations

import hashlib
import platform
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from schemas import __version__
from schemas.classifiers import Classifier
from schemas.datasets import Dataset
from schemas.results import (
    AuditProvenance,
    AuditResult,
    ClassifierSummary,
    DatasetSummary,
    EditSheet,
    Estimate,
    Finding,
    Gallery,
    Sheets,
    TapSheet,
)
from schemas.stages import STAGE_CODE_VERSION, AuditSubject
from workers.stages.judging import judge
from workers.stages.stage import Produced, StageContext, pack_json

LIBRARIES = ("torch", "onnx", "onnxruntime", "numpy", "scikit-learn", "ray")
ROLES = {"result": "application/json", "sheets": "application/json"}
NETWORK = "application/vnd.safetensors"


def run(context: StageContext) -> Produced:
    """The result, validated against its own contract, and every artifact that an auditor may ask for by role."""
    subject = AuditSubject.model_validate({**context.config["subject"], "attempt": 0})
    classes = class_names(subject)
    sheets = pack_json(_sheets(context, classes).model_dump(mode="json"))
    digests = {**context.config["artifacts"], "sheets": hashlib.sha256(sheets).hexdigest()}
    found, gate = judged(context, subject, _result(context, subject, classes, digests))
    result = pack_json(found.model_dump(mode="json"))
    summary = {"artifacts": _artifacts(digests, result), "verdicts": _verdicts(found), **gate}
    return Produced({"result": result, "sheets": sheets}, summary)


def _verdicts(result: AuditResult) -> dict[str, int]:
    """How many findings came out as what."""
    return dict(sorted(Counter(finding.verdict.value for finding in result.findings).items()))


def judged(context: StageContext, subject: AuditSubject, result: AuditResult) -> tuple[AuditResult, dict[str, str]]:
    """The result with what came of the policy, and the same in one word; as it was where there is no policy."""
    if subject.policy is None:
        return result, {}
    baseline = AuditResult.model_validate_json(context.blob("baseline")) if subject.baseline else None
    report = judge(subject.policy, result, baseline)
    return result.model_copy(update={"policies": [report]}), {"gate": report.outcome.value}


def library_version(name: str) -> str:
    """Version of an installed library; on machines with a GPU ONNX Runtime is the distribution ``onnxruntime-gpu``."""
    try:
        return version(name)
    except PackageNotFoundError:
        return version(f"{name}-gpu")


def class_names(subject: AuditSubject) -> list[str]:
    """Names for the classifier's outputs: the user's where there is one per output, else numbers.

    The dataset's class names are not taken: nothing says that the classifier has them in the same order.
    """
    facts, names = subject.classifier.facts, subject.classifier.classes
    count = max(facts.classes if facts else 0, 2)
    return list(names) if names and len(names) == count else [str(i) for i in range(count)]


def object_key(digest: str) -> str:
    """Where a blob lies in object storage."""
    return f"sha256/{digest[:2]}/{digest}"


def _artifacts(digests: dict[str, str], result: bytes) -> dict[str, dict[str, str]]:
    listed = {**digests, "result": hashlib.sha256(result).hexdigest()}
    return {
        role: {"digest": digest, "media_type": ROLES.get(role, "application/json" if role == "evidence" else NETWORK)}
        for role, digest in sorted(listed.items())
    }


def _sheets(context: StageContext, classes: list[str]) -> Sheets:
    return Sheets(
        classes=classes,
        taps=[TapSheet.model_validate(context.json(f"sheet:{tap}")) for tap in context.config["taps"]],
        edits=[EditSheet.model_validate(sheet) for sheet in context.json("edits")],
        nuisance=TapSheet.model_validate(context.json("nuisance")),
        galleries=_galleries(context),
    )


def _galleries(context: StageContext) -> list[Gallery]:
    """Every gallery, in the order of the plan."""
    found = [context.json(f"galleries:{name}") for name in context.config["galleries"]]
    return [Gallery.model_validate(gallery) for galleries in found for gallery in galleries]


def _result(context: StageContext, subject: AuditSubject, classes: list[str], digests: dict[str, str]) -> AuditResult:
    evidence = context.json("evidence")
    sheet = object_key(digests["sheets"])
    findings = [Finding.model_validate({**finding, "samples": [sheet]}) for finding in evidence["findings"]]
    return AuditResult(
        audit=_provenance(subject, digests),
        classifier=_classifier(subject.classifier, classes, evidence["accuracy"]),
        dataset=_dataset(subject.dataset),
        taps=evidence["taps"],
        features=evidence["features"],
        findings=findings,
        gates=evidence["gates"],
        controls=evidence["controls"],
        concepts=evidence.get("concepts", []),
        symmetries=evidence.get("symmetries", []),
        invariant_views=evidence.get("invariant_views", []),
        simultaneity=evidence.get("simultaneity"),
        views=[gallery.numbers() for gallery in _galleries(context)],
        certificate=context.config["certificate"],
        thresholds=evidence["thresholds"],
        timings=context.config["timings"],
        limits=evidence["limits"],
    )


def _provenance(subject: AuditSubject, digests: dict[str, str]) -> AuditProvenance:
    config = subject.config
    return AuditProvenance(
        id=subject.audit_id,
        name=subject.name,
        created_at=subject.created_at,
        finished_at=datetime.now(UTC),
        profile=config.profile.value,
        seed=config.seed,
        config_digest=hashlib.sha256(pack_json(config.model_dump(mode="json"))).hexdigest(),
        versions={
            "scotoma": __version__,
            "stages": STAGE_CODE_VERSION,
            "python": platform.python_version(),
            **{name: library_version(name) for name in LIBRARIES},
        },
        artifacts={role: object_key(digest) for role, digest in digests.items()},
    )


def _classifier(classifier: Classifier, classes: list[str], accuracy: dict[str, Any] | None) -> ClassifierSummary:
    facts = classifier.facts
    if facts is None:
        raise ValueError("the classifier has not passed intake")
    return ClassifierSummary(
        id=classifier.id,
        name=classifier.name,
        digest=classifier.digest,
        canonical_digest=facts.canonical_digest,
        bytes=classifier.bytes,
        opset=facts.opset,
        parameters=facts.parameters,
        input_shape=facts.input_shape,
        output_kind=facts.output_kind,
        classes=classes,
        accuracy=None if accuracy is None else Estimate.model_validate(accuracy),
    )


def _dataset(dataset: Dataset) -> DatasetSummary:
    facts = dataset.facts
    if facts is None:
        raise ValueError("the dataset has not passed intake")
    return DatasetSummary(
        id=dataset.id,
        name=dataset.name,
        digest=dataset.digest,
        canonical_digest=facts.canonical_digest,
        images=facts.images,
        height=facts.height,
        width=facts.width,
        channels=facts.channels,
        attributes=[attribute.name for attribute in facts.attributes],
        labelled=facts.labelled,
        kind=facts.kind,
        graph=facts.graph,
    )
