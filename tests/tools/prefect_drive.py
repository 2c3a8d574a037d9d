"""Runs in Prefect's own environment: a flow of one audit. Prints what came of it as JSON."""

from __future__ import annotations

import json
import os

from prefect import flow
from scotoma_prefect import PolicyBroken, ScotomaService, audit_model


@flow
def release() -> dict[str, object]:
    """Audit one model."""
    service = ScotomaService(url=os.environ["SCOTOMA_URL"], api_key=os.environ["SCOTOMA_API_KEY"])
    kinds = {"hue": {"kind": "circular", "period": 1.0}}
    case = json.loads(os.environ["SCOTOMA_CASE"])
    return dict(audit_model(service, **case, attributes=kinds).model_dump(mode="json"))


if __name__ == "__main__":
    try:
        print("TOLD", json.dumps({"state": "success", "told": release()}))
    except PolicyBroken as broken:
        print("TOLD", json.dumps({"state": "failed", "told": broken.conclusion.model_dump(mode="json")}))
