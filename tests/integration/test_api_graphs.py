"""Audits of graphs, and declared symmetries: what does not fit is said before anything runs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, func, select

from services.db.engine import transaction
from services.db.tables import AuditRow, ClassifierRow, DatasetRow
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.rows import add_autoencoder, add_classifier, add_dataset, graph_dataset_facts, graph_inputs


@pytest.fixture(scope="module")
def refusals() -> list[tuple[dict[str, Any], str]]:
    """Requests and what each of them is told."""
    graphs = {"classifier": "gnn", "dataset": "molecules"}
    return [
        ({"classifier": "gnn"}, "takes graphs, "),
        ({"dataset": "molecules"}, "takes images, "),
        ({**graphs, "classifier": "other nodes"}, "takes 5 node feature(s)"),
        ({**graphs, "classifier": "other edges"}, "takes 1 edge feature(s)"),
        ({**graphs, "classifier": "fixed"}, "takes graphs of 8 nodes"),
        ({**graphs, "config": {"against": ["other nodes"]}}, "takes 5 node feature(s)"),
        ({**graphs, "config": {"against": ["cnn"]}}, "takes images, "),
        ({**graphs, "config": {"views": ["concepts", "attack"]}}, "no view 'attack'"),
        ({**graphs, "config": {"views": ["attribution"]}}, "no view 'attribution'"),
        ({**graphs, "config": {"outside": "more molecules"}}, "for images only"),
        ({"config": {"outside": "molecules"}}, "holds graphs, the references are images"),
        ({**graphs, "config": {"autoencoder": "own"}}, "draws images"),
        ({**graphs, "config": {"symmetries": ["nodes", "c4"]}}, "'c4' does not fit"),
        ({"config": {"symmetries": ["nodes"]}}, "have no nodes"),
        ({"dataset": "grey", "config": {"symmetries": ["flips", "colours"]}}, "one channel"),
        ({"dataset": "wide", "config": {"symmetries": ["so2", "c8"]}}, "'c8' does not fit"),
        ({"config": {"symmetries": ["c4", "c4"]}}, "declared twice"),
        ({"config": {"symmetries": ["c4"], "views": ["mixing"]}}, "left out"),
        ({"config": {"symmetries": ["mirrors"]}}, ""),
    ]


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api:
        yield api


@pytest.fixture
def ids(api: Api) -> dict[str, str]:
    with transaction(api.factory) as session:
        graph = {"layout": "graph"}
        return {
            "cnn": add_classifier(session, "cnn"),
            "gnn": add_classifier(session, "gnn", **graph, graph=graph_inputs()),
            "other nodes": add_classifier(session, "n", **graph, graph=graph_inputs(node_features=5)),
            "other edges": add_classifier(session, "e", **graph, graph=graph_inputs(edge_features=1)),
            "fixed": add_classifier(session, "f", **graph, graph=graph_inputs(size=8)),
            "images": add_dataset(session),
            "grey": add_dataset(session, "grey", channels=1),
            "wide": add_dataset(session, "wide", width=12),
            "large": add_classifier(session, "l", **graph, graph=graph_inputs(size=12)),
            "molecules": add_dataset(session, "molecules", **graph_dataset_facts()),
            "more molecules": add_dataset(session, "more", **graph_dataset_facts()),
            "own": add_autoencoder(session),
        }


def named(request: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    whole = {"classifier": "cnn", "dataset": "images", **request}
    config = {key: _ids(value, ids) for key, value in whole.pop("config", {}).items()}
    return {**{key: ids[name] for key, name in whole.items()}, "config": config}


def _ids(value: Any, ids: dict[str, str]) -> Any:
    return [ids.get(one, one) for one in value] if isinstance(value, list) else ids[value]


def submit(http: httpx.Client, body: dict[str, Any]) -> httpx.Response:
    return http.post("/v1/audits", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})


def test_what_does_not_fit_is_said_at_once_with_advice(
    api: Api, ids: dict[str, str], refusals: list[tuple[dict[str, Any], str]]
) -> None:
    with api.http() as http:
        for request, told in refusals:
            answer = submit(http, named(request, ids))
            assert answer.status_code == 422, (request, answer.text)
            assert told in answer.json()["detail"]
            assert answer.json()["advice"] or not told
            mismatch = "takes" in told
            assert answer.json()["code"] == ("classifier-dataset-mismatch" if mismatch else "invalid-request")
    with transaction(api.factory) as session:
        assert session.scalar(select(func.count()).select_from(AuditRow)) == 0


def test_what_fits_is_queued_with_its_declared_groups(api: Api, ids: dict[str, str]) -> None:
    accepted = [
        {"config": {"symmetries": ["c4", "colours"]}},
        {"config": {"symmetries": []}},
        {"classifier": "gnn", "dataset": "molecules", "config": {"symmetries": ["nodes"]}},
        {"classifier": "gnn", "dataset": "molecules", "config": {"views": ["concepts", "symmetry"]}},
        {"classifier": "large", "dataset": "molecules", "config": {}},
    ]
    with api.http() as http:
        for request in accepted:
            answer = submit(http, named(request, ids))
            assert answer.status_code == 202, answer.text
            assert answer.json()["config"]["symmetries"] == request["config"].get("symmetries")


def test_facts_of_before_are_those_of_images(api: Api, ids: dict[str, str]) -> None:
    with transaction(api.factory) as session:
        assert "kind" not in (session.get_one(DatasetRow, ids["images"]).facts or {})
        assert "graph" not in (session.get_one(ClassifierRow, ids["cnn"]).facts or {})
    with api.http() as http:
        dataset = http.get(f"/v1/datasets/{ids['images']}").json()["facts"]
        assert (dataset["kind"], dataset["graph"]) == ("images", None)
        assert http.get(f"/v1/classifiers/{ids['cnn']}").json()["facts"]["graph"] is None
        assert http.get(f"/v1/datasets/{ids['molecules']}").json()["facts"]["graph"]["nodes"] == 9
