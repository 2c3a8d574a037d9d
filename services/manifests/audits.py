"""The report of an audit, ready to be sealed."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.manifests import Material, Product, Statement
from schemas.ports import BlobStore
from schemas.results import AuditResult, Sheets
from schemas.scalars import Sha256
from services.reports import TEMPLATE_VERSION, render_report
from services.reports.seal import SealNote

from .service import Draft
from .statements import audit_statement


def audit_draft(
    store: BlobStore,
    project: str,
    result_digest: Sha256,
    products: Sequence[Product],
    gate: str | None = None,
    source_digest: Sha256 | None = None,
    others: Sequence[Material] = (),
) -> Draft:
    """The draft of an audit, its result and pictures loaded.

    Args:
        store: the project's objects.
        project: its id.
        result_digest: of ``result.json``.
        products: everything that came out.
        gate: the outcome of its policy.
        source_digest: of the code that planned it, where that is this code.
        others: what went in beside the classifier and its references.

    Raises:
        BlobMissing: the result or its pictures are gone.
    """
    data = store.get(result_digest)
    result = AuditResult.model_validate_json(data)
    came = {product.role: product for product in products}
    came["result"] = Product(role="result", digest=result_digest, bytes=len(data))
    sheets = Sheets.model_validate_json(store.get(came["sheets"].digest)) if "sheets" in came else None

    def render(seal: SealNote) -> str:
        return render_report(result, sheets, seal)

    def statement(project_name: str) -> Statement:
        return audit_statement(result, project, project_name, list(came.values()), gate, source_digest, others)

    return Draft(TEMPLATE_VERSION, render, statement)
