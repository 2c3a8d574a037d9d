"""``/v1/trail``: who did what. Auditors and administrators; nobody changes it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from schemas.trail import TrailPage
from services.projects import trail

from .. import cursors
from ..access import Auditor
from ..cursors import Cursor, Limit
from ..ports import Ports
from ..problems import problems

router = APIRouter(prefix="/v1/trail", tags=["trail"])
Who = Annotated[str | None, Query(max_length=100, description="Only deeds of this key or bearer")]
What = Annotated[str | None, Query(max_length=300, description="Only deeds done to this id")]
Since = Annotated[AwareDatetime | None, Query(description="Only deeds from this time on")]


@router.get("", responses=problems())
def list_trail(
    ports: Ports,
    principal: Auditor,
    by: Annotated[Who, Query(alias="principal")] = None,
    subject: What = None,
    since: Since = None,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> TrailPage:
    """Deeds, newest first."""
    with ports.tenant(principal) as session:
        before = cursors.decode_number(cursor)
        items, following = trail.page(session, before, limit, trail.Filter(by, subject, since))
    return TrailPage(items=items, next=cursors.encode_number(following))
