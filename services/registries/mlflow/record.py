"""Writes what came of an audit into MLflow. Repeating it changes nothing: keys, times and places are the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from services.errors import RegistryRefused

from .answers import Experiment, FoundExperiment, FoundModel, FoundRun, FoundRuns, FoundVersion, Run, told
from .models import proxied_path
from .server import MlflowServer

EXPERIMENT = "scotoma"
"""Holds the runs of versions that have none of their own."""
MOST_METRICS = 500
"""In one request; MLflow takes 1000 entries of all kinds."""

Found = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """What is written.

    ``at`` is when the audit ended (ms since 1970). ``alias`` is given to the version unless a newer one has it already.
    ``metrics``, ``params`` and ``files`` (by name) go to the version's run; an audit that failed has none.
    """

    model: str
    version: str
    audit: str
    at: int
    tags: Mapping[str, str]
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    alias: str | None = None


def write(server: MlflowServer, record: Record) -> None:
    """Write files, metrics and parameters first, tags after them, the alias last: who sees a tag finds the rest.

    Raises:
        RegistryUnreachable: no answer, or an error of the server; some of it may be written.
        RegistryRefused: the version is gone, or the token may not write.
        ModelUnusable: the run's files are not served by the server itself.
    """
    found = told(FoundVersion, server.get("/model-versions/get", name=record.model, version=record.version))
    if record.metrics or record.files:
        _log(server, record, _run_of(server, record, found.model_version.run_id))
    for key, value in record.tags.items():
        body = {"name": record.model, "version": record.version, "key": key, "value": value}
        server.post("/model-versions/set-tag", body)
    if record.alias is not None:
        _move_alias(server, record, record.alias)


def _log(server: MlflowServer, record: Record, run: Run) -> None:
    info, known = run.info, {param.key for param in run.data.params}
    folder = proxied_path(info.artifact_uri, server.url)
    for name, data in record.files.items():
        server.upload(f"{folder}/scotoma/{record.audit}/{name}", data)
    params = [{"key": key, "value": value} for key, value in record.params.items() if key not in known]
    metrics = [{"key": key, "value": value, "timestamp": record.at, "step": 0} for key, value in record.metrics.items()]
    for part in _parts(metrics):
        server.post("/runs/log-batch", {"run_id": info.run_id, "metrics": part})
    server.post("/runs/log-batch", {"run_id": info.run_id, "params": params})


def _run_of(server: MlflowServer, record: Record, run: str | None) -> Run:
    """The run that made the version; where it has none, or that is deleted, one of the audit's own."""
    if run:
        found = told(FoundRun, server.get("/runs/get", run_id=run)).run
        if found.info.lifecycle_stage == "active":
            return found
    return _own_run(server, record)


def _own_run(server: MlflowServer, record: Record) -> Run:
    experiment = _experiment(server)
    wanted = {"experiment_ids": [experiment], "filter": f"tags.`audit.id` = '{record.audit}'", "max_results": 1}
    if found := told(FoundRuns, server.post("/runs/search", wanted)).runs:
        return found[0]
    tags = {"audit.id": record.audit, "audit.model": record.model, "audit.model_version": record.version}
    body = {
        "experiment_id": experiment,
        "run_name": f"audit of {record.model} version {record.version}",
        "start_time": record.at,
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }
    made = told(FoundRun, server.post("/runs/create", body)).run
    server.post("/runs/update", {"run_id": made.info.run_id, "status": "FINISHED", "end_time": record.at})
    return made


def _experiment(server: MlflowServer) -> str:
    try:
        found = server.get("/experiments/get-by-name", experiment_name=EXPERIMENT)
    except RegistryRefused:
        return told(Experiment, server.post("/experiments/create", {"name": EXPERIMENT})).experiment_id
    return told(FoundExperiment, found).experiment.experiment_id


def _move_alias(server: MlflowServer, record: Record, alias: str) -> None:
    """Forward only: an older version whose audit ends late does not take it from a newer one."""
    model = told(FoundModel, server.get("/registered-models/get", name=record.model)).registered_model
    held = [item.version for item in model.aliases if item.alias == alias]
    if not held or held[0] < int(record.version):
        body = {"name": record.model, "alias": alias, "version": record.version}
        server.post("/registered-models/alias", body)


def _parts(items: list[Found]) -> Iterator[list[Found]]:
    rest = iter(items)
    while part := list(islice(rest, MOST_METRICS)):
        yield part
