"""``scotoma certificate``: the installed release's own, without a service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.client import certificate_command
from schemas.client.cli import app
from schemas.client.errors import ScotomaError
from tests.builders.certificates import certificate

RUN = CliRunner(env={"COLUMNS": "100", "SCOTOMA_URL": "", "SCOTOMA_API_KEY": ""})


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> bytes:
    found = certificate()
    monkeypatch.setattr(certificate_command, "released", lambda: found)
    monkeypatch.setattr(certificate_command, "released_bytes", found.to_bytes)
    return found.to_bytes()


@pytest.mark.usefixtures("installed")
def test_every_score_stands_beside_its_target() -> None:
    said = RUN.invoke(app, ["certificate"])
    assert said.exit_code == 0, said.output
    for score in certificate().scores:
        assert score.label.split()[0] in said.output
    missed = [score for score in certificate().scores if score.met is False]
    assert said.output.split().count("no") == len(missed)
    assert f"{len(certificate().pairs)} planted pairs" in said.output


def test_the_file_is_given_byte_for_byte(installed: bytes, tmp_path: Path) -> None:
    said = RUN.invoke(app, ["certificate", "--json"])
    assert said.stdout_bytes == installed
    path = tmp_path / "certificate.json"
    assert RUN.invoke(app, ["certificate", "-o", str(path)]).exit_code == 0
    assert json.loads(path.read_bytes()) == json.loads(installed)


def test_a_release_without_one_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate_command, "released", lambda: None)
    said = RUN.invoke(app, ["certificate"])
    assert isinstance(said.exception, ScotomaError)


@pytest.mark.usefixtures("installed")
def test_the_page_needs_a_service() -> None:
    assert RUN.invoke(app, ["certificate", "--html"]).exit_code == 2
    assert RUN.invoke(app, ["certificate", "--html", "--json"]).exit_code == 2
