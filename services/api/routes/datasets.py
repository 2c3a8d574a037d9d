"""``/v1/datasets``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from schemas.datasets import Dataset, DatasetCreate, DatasetPage
from schemas.scalars import Sha256
from services.datasets import service
from services.datasets.service import DATASETS

from .. import cursors
from ..access import Submitter, Viewer
from ..cursors import Cursor, Limit
from ..idempotency import OptionalKey, accepted
from ..ports import Ports
from ..problems import problems
from .paths import Id

PATH = "/v1/datasets"
router = APIRouter(prefix=PATH, tags=["datasets"])
SameBytes = Annotated[Sha256 | None, Query(description="Only those with these bytes")]


@router.post("", status_code=202, response_model=Dataset, responses=problems(409, 413, 429))
def create_dataset(body: DatasetCreate, ports: Ports, principal: Submitter, key: OptionalKey = None) -> JSONResponse:
    """Register an uploaded file. It is read in a sandbox: poll `Location` until its state is final."""
    return accepted(ports, principal, key, PATH, body, lambda session: service.create(session, principal, body))


@router.get("", responses=problems())
def list_datasets(
    ports: Ports,
    principal: Viewer,
    digest: SameBytes = None,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> DatasetPage:
    """Datasets, newest first."""
    with ports.tenant(principal) as session:
        items, following = DATASETS.page(session, cursors.decode(cursor), limit, digest=digest)
    return DatasetPage(items=items, next=cursors.encode(following))


@router.get("/{dataset}", responses=problems(404))
def show_dataset(dataset: Id, ports: Ports, principal: Viewer) -> Dataset:
    """One dataset."""
    with ports.tenant(principal) as session:
        return DATASETS.get(session, dataset)
