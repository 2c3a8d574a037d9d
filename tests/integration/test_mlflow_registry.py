"""Against a real MLflow server: it tells of a version by its own webhook, and finds what came of it written there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select

from schemas.api_keys import Scope
from schemas.problems import ErrorCode
from schemas.projects import DEFAULT_PROJECT
from services.db.automation import RegistryVersionRow
from services.db.engine import SessionFactory, transaction
from services.db.outbox import DeliveryRow
from services.db.tables import AuditRow, ClassifierRow, UploadRow
from services.deliveries.parcels import Outcome, Parcel
from services.dispatch.dispatcher import Dispatcher, assembled
from services.dispatch.loops import turning
from services.dispatch.sinks import sinks_of
from services.observability import Metrics
from services.registries.mlflow.record import Record, write
from services.registries.mlflow.server import MlflowServer
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.mlflow_server import Mlflow, mlflow_server
from tests.builders.rows import add_dataset
from tests.builders.steering import eventually, running
from tests.builders.told_science import told_science

PASSES = {"version": 1, "name": "shortcuts", "rules": [{"must_ignore": "hue"}, {"must_not_ignore": "slant"}]}


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture
def service(settings: Settings) -> Settings:
    known = {"secret_key": SecretStr("k" * 40), "private_networks": True, "public_url": "https://scotoma.example"}
    return settings.model_copy(update={**known, "delivery_seconds": 0.1})


@pytest.fixture
def api(service: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(service, engine, store) as api:
        yield api


@contextmanager
def dispatching(settings: Settings, folder: Path) -> Iterator[None]:
    with (
        assembled(settings, told_science(folder), Metrics()) as bench,
        running(Dispatcher(bench)),
        turning(bench, threading.Event()),
    ):
        yield


def connect(api: Api, mlflow: Mlflow, **options: Any) -> dict[str, Any]:
    with transaction(api.factory) as session:
        dataset = add_dataset(session)
    body = {"name": "ours", "url": mlflow.url, "dataset": dataset, "classes": [str(n) for n in range(10)], **options}
    with api.http(Scope.ADMIN) as http:
        answer = http.post("/v1/registries", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def versions(factory: SessionFactory) -> list[RegistryVersionRow]:
    with transaction(factory) as session:
        return list(session.scalars(select(RegistryVersionRow).order_by(RegistryVersionRow.created_at)))


def told(factory: SessionFactory) -> list[str]:
    with transaction(factory) as session:
        return list(session.scalars(select(DeliveryRow.state).where(DeliveryRow.sink == "mlflow")))


def test_from_a_registered_model_to_its_audit_and_back(
    api: Api, mlflow: Mlflow, service: Settings, ray_address: str, tmp_path: Path, store: S3BlobStore
) -> None:
    with api.http(Scope.ADMIN, **{"Idempotency-Key": "p"}) as http:
        policy = http.post("/v1/policies", json=PASSES).json()["id"]
    registry = connect(api, mlflow, policy=policy, alias_on_pass="audited", model_names=["digits*"])
    mlflow.webhook(f"{api.url}/v1/registries/{registry['id']}/events", registry["secret"])
    mlflow.log_models("unwanted", "digits", "digits-wide")
    with dispatching(service, tmp_path):
        eventually(lambda: told(api.factory) == ["delivered"], patience=120)
        eventually(lambda: {row.state for row in versions(api.factory)} == {"imported", "failed"})

    row, wide = versions(api.factory)
    version = "1"
    assert (row.model, row.version, row.state, row.problem) == ("digits", version, "imported", None)
    assert (wide.model, wide.state, wide.audit_id) == ("digits-wide", "failed", None)
    assert wide.problem is not None
    assert wide.problem["code"] == ErrorCode.REGISTRY_MODEL_UNUSABLE
    assert "save_as_external_data=False" in wide.problem["advice"]
    with transaction(api.factory) as session:
        classifier = session.get_one(ClassifierRow, row.classifier_id)
        audit = session.get_one(AuditRow, row.audit_id)
        upload = session.get_one(UploadRow, classifier.upload_id)
    assert (classifier.name, classifier.filename, classifier.classes) == ("digits", "model.onnx", list("0123456789"))
    assert (upload.principal, upload.digest) == (registry["id"], classifier.digest)
    assert store.get(classifier.digest) == model_bytes(mlflow, "digits", version)
    assert audit.origin == {"registry": registry["id"], "model": "digits", "version": version}
    assert (audit.state, audit.gate, audit.policy_id) == ("succeeded", "pass", policy)

    shown = mlflow.version("digits", version)
    assert shown["tags"] == {
        "audit.id": audit.id,
        "audit.state": "succeeded",
        "audit.verdict": "pass",
        "audit.report": f"https://scotoma.example/v1/audits/{audit.id}/report",
    }
    run = mlflow.run(shown["run_id"])
    assert run["metrics"]["audit/flip_rate/slant"] == pytest.approx(0.143)
    assert run["metrics"]["audit/flip_rate_low/slant"] < 0.143 < run["metrics"]["audit/flip_rate_high/slant"]
    assert run["metrics"]["audit/verdicts/ignored"] == 1
    assert (run["params"]["learning_rate"], run["params"]["audit.seed"]) == ("0.1", "0")
    folder = f"scotoma/{audit.id}"
    assert mlflow.artifact(shown["run_id"], f"{folder}/result.json") == store.get(audit.result_digest or "")
    assert b"<html" in mlflow.artifact(shown["run_id"], f"{folder}/report.html")
    alias = mlflow.get("/registered-models/alias", name="digits", alias="audited")
    assert alias["model_version"]["version"] == version

    send_again(api, service, audit)
    assert mlflow.run(shown["run_id"]) == run
    assert mlflow.version("digits", version)["tags"] == shown["tags"]


def model_bytes(mlflow: Mlflow, name: str, version: str) -> bytes:
    """The file as MLflow's own page gives it."""
    answer = mlflow.http.get(
        "/model-versions/get-artifact", params={"name": name, "version": version, "path": "model.onnx"}
    )
    answer.raise_for_status()
    return answer.content


def send_again(api: Api, settings: Settings, audit: AuditRow) -> None:
    """The same delivery once more, as after a courier that died before it wrote that it had delivered."""
    with transaction(api.factory) as session:
        row = session.scalars(select(DeliveryRow).where(DeliveryRow.sink == "mlflow")).one()
    parcel = Parcel(
        id=row.id,
        project=DEFAULT_PROJECT,
        sink=row.sink,
        sink_id=row.sink_id,
        type=row.type,
        subject_id=audit.id,
        payload={},
        attempt=2,
        happened_at=row.created_at,
    )
    told = sinks_of(settings, api.factory)["mlflow"].send(parcel)
    assert told.outcome is Outcome.DELIVERED, told.error


def test_a_version_without_a_run_gets_one_and_the_alias_never_goes_back(mlflow: Mlflow) -> None:
    mlflow.post("/registered-models/create", {"name": "bare"})
    logged = mlflow.post("/logged-models", {"experiment_id": "0", "name": "bare"})["model"]["info"]["model_id"]
    for _ in range(2):
        mlflow.post("/model-versions/create", {"name": "bare", "source": f"models:/{logged}", "model_id": logged})
    server = MlflowServer(mlflow.http, mlflow.url)
    for version in ("2", "1", "2"):
        write(server, record("bare", version))
    experiment = mlflow.get("/experiments/get-by-name", experiment_name="scotoma")["experiment"]["experiment_id"]
    runs = mlflow.post("/runs/search", {"experiment_ids": [experiment]})["runs"]
    shown = {run["info"]["run_name"]: mlflow.run(run["info"]["run_id"]) for run in runs}
    assert set(shown) == {"audit of bare version 1", "audit of bare version 2"}
    second = shown["audit of bare version 2"]
    assert (len(second["metrics"]), second["params"], second["info"]["status"]) == (
        600,
        {"audit.seed": "2"},
        "FINISHED",
    )
    assert mlflow.artifact(second["info"]["run_id"], "scotoma/aud_2/a file.txt") == b"2"
    assert mlflow.version("bare", "2")["tags"] == {"audit.verdict": "pass"}
    assert mlflow.get("/registered-models/alias", name="bare", alias="audited")["model_version"]["version"] == "2"


def record(model: str, version: str) -> Record:
    """What came of an audit, with more metrics than go in one request."""
    return Record(
        model=model,
        version=version,
        audit=f"aud_{version}",
        at=1_795_346_105_000,
        tags={"audit.verdict": "pass"},
        metrics={f"audit/m{number}": float(number) for number in range(600)},
        params={"audit.seed": version},
        files={"a file.txt": version.encode()},
        alias="audited",
    )
