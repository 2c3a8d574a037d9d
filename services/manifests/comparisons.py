"""The report of a comparison, ready to be sealed."""

from __future__ import annotations

from datetime import datetime

from schemas.comparisons import ComparisonPictures, ComparisonResult
from schemas.manifests import Product, Statement
from schemas.ports import BlobStore
from schemas.scalars import Sha256
from services.reports import TEMPLATE_VERSION, render_comparison
from services.reports.seal import SealNote

from .service import Draft
from .statements import comparison_statement


def comparison_draft(
    store: BlobStore, project: str, result_digest: Sha256, pictures_digest: Sha256 | None, finished_at: datetime
) -> Draft:
    """The draft of a comparison that succeeded, its result and pictures loaded.

    Raises:
        BlobMissing: the result or its pictures are gone.
    """
    data = store.get(result_digest)
    result, pictures = ComparisonResult.model_validate_json(data), None
    products = [Product(role="result", digest=result_digest, bytes=len(data))]
    if pictures_digest is not None:
        shown = store.get(pictures_digest)
        pictures = ComparisonPictures.model_validate_json(shown)
        products.append(Product(role="pictures", digest=pictures_digest, bytes=len(shown)))

    def render(seal: SealNote) -> str:
        return render_comparison(result, pictures, seal)

    def statement(project_name: str) -> Statement:
        return comparison_statement(result, project, project_name, products, finished_at)

    return Draft(TEMPLATE_VERSION, render, statement)
