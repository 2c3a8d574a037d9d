"""OpenLineage run events of an audit (spec 2-0-2). Pure: the facts of an audit, and the event that they make."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas import __version__
from schemas.scalars import Sha256

SPEC = "https://openlineage.io/spec"
PRODUCER = f"urn:scotoma:{__version__}"
RUNS = uuid.UUID("6f0b1c1e-8c5e-5d6a-9a53-5c7a1d3f2b10")
"""Namespace of the ids that runs have: the same audit, the same run."""

Facet = dict[str, Any]
FACETS = {
    "version": "1-0-1/DatasetVersionDatasetFacet",
    "datasetType": "1-0-1/DatasetTypeDatasetFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
    "processing_engine": "1-1-1/ProcessingEngineRunFacet",
    "test": "1-0-1/TestRunFacet",
}
"""Version and name of the facets that are sent, by the key that they are sent under."""


class RunState(StrEnum):
    """Where a run is."""

    START = "START"
    COMPLETE = "COMPLETE"
    FAIL = "FAIL"
    ABORT = "ABORT"


@dataclass(frozen=True)
class Thing:
    """A data set in OpenLineage's sense: what goes into an audit or comes out of it. ``kind``: FILE or MODEL."""

    name: str
    digest: Sha256
    kind: str


@dataclass(frozen=True)
class Run:
    """An audit: ``job`` is what is run again for every version, ``audit`` this time of it."""

    namespace: str
    job: str
    audit: str
    inputs: Sequence[Thing]
    outputs: Sequence[Thing] = ()
    tests: Sequence[Facet] | None = None
    error: str | None = None


def run_event(run: Run, state: RunState, at: datetime) -> dict[str, Any]:
    """The event that ``run`` came into ``state``."""
    return {
        "eventType": state,
        "eventTime": at.isoformat(),
        "producer": PRODUCER,
        "schemaURL": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run_id(run.audit), "facets": _run_facets(run)},
        "job": {"namespace": run.namespace, "name": run.job, "facets": {"jobType": JOB_TYPE}},
        "inputs": [_dataset(run.namespace, thing) for thing in run.inputs],
        "outputs": [_dataset(run.namespace, thing) for thing in run.outputs],
    }


def run_id(audit: str) -> str:
    """The UUID that stands for an audit."""
    return str(uuid.uuid5(RUNS, audit))


def facet(key: str, **fields: Any) -> Facet:
    """A facet as the spec wants it: who made it, by which schema, and what it says."""
    where = FACETS[key]
    name = where.partition("/")[2]
    return {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/facets/{where}.json#/$defs/{name}", **fields}


JOB_TYPE = facet("jobType", processingType="BATCH", integration="SCOTOMA", jobType="AUDIT")


def _run_facets(run: Run) -> Facet:
    facets = {"processing_engine": facet("processing_engine", name="scotoma", version=__version__)}
    if run.tests is not None:
        facets["test"] = facet("test", tests=list(run.tests))
    if run.error is not None:
        facets["errorMessage"] = facet("errorMessage", message=run.error, programmingLanguage="PYTHON")
    return facets


def _dataset(namespace: str, thing: Thing) -> dict[str, Any]:
    facets = {
        "version": facet("version", datasetVersion=thing.digest),
        "datasetType": facet("datasetType", datasetType=thing.kind),
    }
    return {"namespace": namespace, "name": thing.name, "facets": facets}
