"""Runs in Airflow's own environment: a DAG of one audit. As a program: ``dag.test()``, and what came of it as JSON."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

from airflow.sdk import DAG
from scotoma_airflow import ScotomaAuditOperator

CASE = json.loads(os.environ["SCOTOMA_CASE"])

with DAG("release", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None) as dag:
    ScotomaAuditOperator(
        task_id="audit",
        attributes={"hue": {"kind": "circular", "period": 1.0}},
        poll_seconds=0.2,
        **CASE,
    )

if __name__ == "__main__":
    run = dag.test()
    (instance,) = run.get_task_instances()
    print("TOLD", json.dumps({"state": str(instance.state), "told": instance.xcom_pull(task_ids="audit")}))
