"""``scotoma registry`` and the client's calls, against a served API."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select, update
from structlog.testing import capture_logs

from schemas.api_keys import Scope
from schemas.client.cli import main
from services.db.automation import RegistryRow, RegistryVersionRow
from services.db.engine import transaction
from services.errors import ModelUnusable
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.rows import add_dataset

Run = Callable[..., tuple[str, str]]


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    known = {"secret_key": SecretStr("k" * 40), "private_networks": True, "public_url": "https://scotoma.example"}
    with capture_logs(), api_in_thread(settings.model_copy(update=known), engine, store) as api:
        yield api  # the service's own lines would stand among those of the command


@pytest.fixture
def run(api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command with an administrator's key, in this process: what it printed, and what it said."""

    def command(*words: str, code: int = 0) -> tuple[str, str]:
        options = ["--url", api.url, "--api-key", api.key(Scope.ADMIN)]
        monkeypatch.setattr(sys, "argv", ["scotoma", *options, "registry", *words])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert (end.value.code or 0) == code, err
        return out, err

    return command


def kept_token(api: Api) -> str | None:
    """The token as it is kept."""
    with transaction(api.factory) as session:
        return session.scalars(select(RegistryRow.sealed_token)).one()


def test_from_create_to_delete(api: Api, run: Run) -> None:
    with transaction(api.factory) as session:
        dataset = add_dataset(session)
    words = ["--model", "fraud-*", "--seed", "3", "--baseline", "previous", "--no-log-results", "--high", "255"]
    out, err = run("create", "ours", "http://127.0.0.1:5000", dataset, "--token", "secret-token", *words)
    registry, url, secret = out.split()[0], out.split()[2], out.split()[4]
    assert url == f"https://scotoma.example/v1/registries/{registry}/events"
    assert len(secret) == 43
    assert "not shown again" in err

    shown = json.loads(run("show", registry, "--json")[0])
    assert (shown["model_names"], shown["config"]["seed"], shown["baseline"]) == (["fraud-*"], 3, "previous")
    assert (shown["log_results"], shown["input"]["high"], shown["has_token"]) == (False, 255.0, True)
    assert "stay here" in run("show", registry)[0]

    run("import", registry, "fraud-cnn", "7")
    assert "model_names" in run("import", registry, "wine", "1", code=4)[1]
    problem = ModelUnusable("It holds no ONNX file.", "Log it again.").problem().model_dump(mode="json")
    with transaction(api.factory) as session:
        session.execute(update(RegistryVersionRow).values(state="failed", problem=problem))
    (version,) = json.loads(run("versions", registry, "--json")[0])
    assert (version["model"], version["version"], version["problem"]["advice"]) == ("fraud-cnn", "7", "Log it again.")
    assert "failed" in run("versions", registry)[0]

    assert "disabled" in run("disable", registry)[0]
    assert "active" in run("enable", registry)[0]
    before = kept_token(api)
    run("token", registry, "--token", "another-token")
    assert kept_token(api) != before
    rotated = json.loads(run("rotate", registry, "--json")[0])
    assert rotated["secret"] != secret
    assert [item["id"] for item in json.loads(run("list", "--json")[0])] == [registry]
    run("delete", registry)
    assert json.loads(run("list", "--json")[0]) == []
    assert "id" in run("show", registry, code=4)[1]


@pytest.mark.parametrize("wrong", [["mlflow"], ["http://127.0.0.1:5000", "--alias-on-pass", "latest"]])
def test_what_cannot_work_is_a_usage_error(run: Run, wrong: list[str]) -> None:
    run("create", "ours", wrong[0], "dat_" + "0" * 24, *wrong[1:], code=3)
