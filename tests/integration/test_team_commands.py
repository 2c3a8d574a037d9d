"""``scotoma project`` and ``scotoma key`` against the real API; the installer's key for a project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from schemas.api_keys import Scope
from schemas.client import Client, ServiceError
from schemas.client.errors import ScotomaError
from schemas.client.project_commands import byte_count, human_bytes
from schemas.projects import DEFAULT_PROJECT, ProjectChange
from services.settings import Settings, settings_environ
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import ROOT, Api, api_in_thread


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api:
        yield api


def scotoma(api: Api, secret: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own: the API of this one logs to stdout."""
    command = [sys.executable, "-m", "schemas.client.cli", "--url", api.url, *words]
    environ = {**os.environ, "SCOTOMA_API_KEY": secret, "COLUMNS": "100"}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)


def done(api: Api, secret: str, *words: str) -> str:
    result = scotoma(api, secret, *words)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_an_operator_sets_a_team_up(api: Api) -> None:
    operator = api.key(Scope.ADMIN)
    words = ("--audits", "4", "--gpu-hours", "1.5", "--bytes", "2GiB", "--json")
    made = json.loads(done(api, operator, "project", "create", "vision", *words))
    assert (made["max_audits_in_flight"], made["max_gpu_seconds"], made["max_bytes"]) == (4, 5400, 2**31)

    first = done(api, operator, "key", "create", "first", "--scope", "admin", "--project", "vision").strip()
    shown = done(api, first, "project", "show")
    assert "vision" in shown
    assert "1.5" in shown
    second = json.loads(done(api, first, "key", "create", "ci", "--days", "9", "--json"))
    listed = done(api, first, "key", "list")
    assert second["id"] in listed
    assert second["secret"] not in listed
    done(api, operator, "key", "revoke", second["id"])
    assert scotoma(api, second["secret"], "project", "list").returncode == 4

    done(api, operator, "project", "limit", "vision", "--audits", "none", "--retention-days", "30")
    changed = json.loads(done(api, operator, "project", "list", "--json"))[0]
    assert (changed["max_audits_in_flight"], changed["retention_days"]) == (None, 30)
    assert changed["max_bytes"] == 2**31


def test_a_secret_alone_goes_to_stdout(api: Api) -> None:
    result = scotoma(api, api.key(Scope.ADMIN), "key", "create", "ci")
    assert result.stdout.startswith("scot_")
    assert result.stdout.count("\n") == 1
    assert result.stdout.strip() not in result.stderr


def test_wrong_words_are_explained(api: Api) -> None:
    operator = api.key(Scope.ADMIN)
    for words in (["create", "x", "--bytes", "many"], ["create", "x", "--audits", "-1"], ["limit", "default"]):
        assert scotoma(api, operator, "project", *words).returncode == 3, words
    with Client(api.url, operator) as client:
        with pytest.raises(ScotomaError, match="default"):
            client.project("unknown")
        assert client.project().id == DEFAULT_PROJECT
        assert client.project("default") == client.project(DEFAULT_PROJECT)


def test_a_limit_of_the_project_is_said_at_once(api: Api) -> None:
    waits: list[float] = []
    team = api.of_project("vision", max_bytes=1)
    with Client(api.url, team.key(Scope.ADMIN), sleep=waits.append) as client:
        with pytest.raises(ServiceError, match="at most 1 bytes") as refused:
            client.push_classifier(Path(__file__))
        assert refused.value.code == "quota-exceeded"
        assert [entry.action for entry in client.trail()] == []
        with pytest.raises(ServiceError, match="operator"):
            client.limit_project(team.project, ProjectChange(max_bytes=None))
    assert waits == []


def test_the_installer_makes_keys_of_projects(api: Api) -> None:
    team = api.of_project("vision")
    command = [sys.executable, "-m", "services.cli.install", "key", "first", "--project"]
    options = {"cwd": ROOT, "env": settings_environ(api.settings), "capture_output": True, "text": True}
    made = subprocess.run([*command, "vision"], check=True, **options)
    with Client(api.url, made.stdout.strip()) as client:
        assert client.project().id == team.project
        assert [(entry.action, entry.principal) for entry in client.trail()] == [("api-keys.create", "install")]
    unknown = subprocess.run([*command, "unknown"], check=False, **options)
    assert unknown.returncode == 1
    assert "scotoma project create" in unknown.stderr


def test_sizes_are_read_as_they_are_written() -> None:
    assert [byte_count(text) for text in ("12", "1kB", "1.5GB", "2TiB", "3 MiB")] == [
        12,
        1000,
        1_500_000_000,
        2**41,
        3 * 2**20,
    ]
    assert [human_bytes(count) for count in (0, 999, 1000, 1_500_000_000)] == ["0 B", "999 B", "1 kB", "1.5 GB"]
    for text in ("", "GB", "1XB", "-1", "1e3"):
        with pytest.raises(ValueError):
            byte_count(text)
