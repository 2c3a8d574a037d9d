"""What an audit, or a comparison, states: taken from its result, so that no row can make it say something else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from schemas.comparisons import ComparedAudit, ComparisonResult
from schemas.manifests import Code, Configuration, Material, PolicyOutcome, Product, Statement
from schemas.results import AuditResult, ClassifierSummary, DatasetSummary
from schemas.scalars import Sha256
from schemas.stages import STAGE_CODE_VERSION


def audit_statement(
    result: AuditResult,
    project: str,
    project_name: str,
    products: Sequence[Product],
    gate: str | None = None,
    source_digest: Sha256 | None = None,
    others: Sequence[Material] = (),
) -> Statement:
    """The statement of an audit. ``source_digest`` is of the code that planned it, where that is known; ``others`` went
    in beside the classifier and its references.
    """
    audit = result.audit
    return Statement(
        kind="audit",
        id=audit.id,
        name=audit.name,
        project=project,
        project_name=project_name,
        created_at=audit.created_at,
        finished_at=audit.finished_at,
        materials=[_classifier("classifier", result.classifier), _dataset(result.dataset), *others],
        products=sorted(products, key=lambda product: product.role),
        configuration=Configuration(digest=audit.config_digest, profile=audit.profile, seed=audit.seed),
        code=Code(
            versions=audit.versions,
            stage_code_version=STAGE_CODE_VERSION if source_digest else None,
            source_digest=source_digest,
            certificate_digest=result.certificate.digest if result.certificate else None,
        ),
        policies=[PolicyOutcome(policy=policy.policy, outcome=policy.outcome) for policy in result.policies],
        gate=gate,
    )


def comparison_statement(
    result: ComparisonResult,
    project: str,
    project_name: str,
    products: Sequence[Product],
    finished_at: datetime,
    source_digest: Sha256 | None = None,
) -> Statement:
    """The statement of a comparison; the results of both audits are among its materials."""
    return Statement(
        kind="comparison",
        id=result.comparison,
        name=result.name,
        project=project,
        project_name=project_name,
        created_at=result.created_at,
        finished_at=finished_at,
        materials=[*_side("before", result.before), *_side("after", result.after), _dataset(result.dataset)],
        products=sorted(products, key=lambda product: product.role),
        code=Code(
            versions=result.versions,
            stage_code_version=STAGE_CODE_VERSION if source_digest else None,
            source_digest=source_digest,
        ),
    )


def _side(side: str, audit: ComparedAudit) -> list[Material]:
    told = Material(role=f"audit:{side}", id=audit.audit, name=audit.name, digest=audit.result_digest)
    return [told, _classifier(f"classifier:{side}", audit.classifier)]


def _classifier(role: str, classifier: ClassifierSummary) -> Material:
    return Material(
        role=role,
        id=classifier.id,
        name=classifier.name,
        digest=classifier.digest,
        canonical_digest=classifier.canonical_digest,
    )


def _dataset(dataset: DatasetSummary) -> Material:
    return Material(
        role="dataset",
        id=dataset.id,
        name=dataset.name,
        digest=dataset.digest,
        canonical_digest=dataset.canonical_digest,
    )
