"""The GitHub action and the GitLab template, run as their runners run them: their own shell lines, in bash and sh."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine

from schemas.results import Verdict
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import ROOT, Api, api_in_thread
from tests.builders.instant_dispatcher import dispatching
from tests.builders.results import FEATURES

ACTION = ROOT / "deploy/pipelines/github/action.yml"
TEMPLATE = ROOT / "deploy/pipelines/gitlab/scotoma.gitlab-ci.yml"
CASES = [(Verdict.IGNORED, "pass", 0), (Verdict.USED, "fail", 1), (Verdict.UNDETERMINED, "inconclusive", 2)]
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
HOSTILE = "model $(touch gotcha) `touch gotcha`;touch gotcha.onnx"


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api, dispatching(api):
        yield api


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A checkout with a model of a hostile name, images, and ``scotoma`` on the path."""
    (tmp_path / HOSTILE).write_bytes(os.urandom(99))
    (tmp_path / "images.npz").write_bytes(os.urandom(99))
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/scotoma"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m schemas.client.cli "$@"\n')
    program.chmod(0o755)
    return tmp_path


def policy(work: Path, verdict: Verdict) -> str:
    feature = next(name for name, told in FEATURES.items() if told is verdict)
    text = json.dumps({"version": 1, "name": "release", "rules": [{"must_ignore": feature}]})
    (work / "policy.json").write_text(text)
    return "policy.json"


class Runner:
    """As much of GitHub's runner as a composite action sees: expressions, files of outputs and paths, bash."""

    def __init__(self, work: Path, inputs: dict[str, str]) -> None:
        self.action: dict[str, Any] = yaml.safe_load(ACTION.read_text())
        declared = self.action["inputs"]
        assert set(inputs) <= set(declared)
        assert {name for name, one in declared.items() if one.get("required")} <= set(inputs)
        self.inputs = {name: inputs.get(name, one.get("default", "")) for name, one in declared.items()}
        self.work, self.outputs = work, dict[str, dict[str, str]]()
        self.used: list[str] = []

    def run(self) -> int:
        """The exit code of the first step that fails; later steps that do not ask for more are left out."""
        for step in self.action["runs"]["steps"]:
            if "uses" in step:
                self.used.append(step["uses"])
            elif code := self._shell(step):
                return code
        return 0

    def output(self, name: str) -> str:
        """An output of the whole action."""
        return self._fill(self.action["outputs"][name]["value"])

    def _fill(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            first, *path = match[1].split(".")
            if first == "inputs":
                return self.inputs[path[0]]
            return self.outputs[path[0]][path[2]]

        return EXPRESSION.sub(value, text)

    def _shell(self, step: dict[str, Any]) -> int:
        assert not EXPRESSION.search(step["run"]), "an input inside of a script is a way in"
        files = {name: self.work / name for name in ("GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.touch()
        environ = {name: self._fill(str(value)) for name, value in step.get("env", {}).items()}
        path = f"{self.work / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.work,
            env={**os.environ, **{name: str(file) for name, file in files.items()}, **environ, "PATH": path},
            check=False,
        )
        pairs = (line.partition("=") for line in files["GITHUB_OUTPUT"].read_text().splitlines())
        self.outputs[step.get("id", step["name"])] = {name: value for name, _, value in pairs}
        return done.returncode


@pytest.mark.parametrize(("verdict", "outcome", "code"), CASES)
def test_the_action_gates_and_keeps_the_files(api: Api, work: Path, verdict: Verdict, outcome: str, code: int) -> None:
    given = {"model": HOSTILE, "data": "images.npz", "url": api.url, "api-key": api.key()}
    runner = Runner(work, {**given, "policy": policy(work, verdict), "options": "--seed 3"})
    assert runner.run() == code
    assert (runner.output("outcome"), runner.output("exit-code")) == (outcome, str(code))
    assert runner.output("audit").startswith("aud_")
    made = {file.suffix for file in (work / runner.output("folder")).iterdir()}
    assert made >= {".html", ".json", ".xml", ".sarif", ".md"}
    assert "release" in (work / "GITHUB_STEP_SUMMARY").read_text()
    assert runner.used == ["actions/upload-artifact@v4", "github/codeql-action/upload-sarif@v3"]
    assert not list(work.glob("gotcha*"))


def test_the_action_lets_an_undecided_policy_pass_when_told(api: Api, work: Path) -> None:
    given = {"model": HOSTILE, "data": "images.npz", "url": api.url, "api-key": api.key()}
    runner = Runner(work, {**given, "policy": policy(work, Verdict.UNDETERMINED), "inconclusive": "pass"})
    assert runner.run() == 0
    assert runner.output("outcome") == "inconclusive"


def test_an_action_that_reaches_no_service_fails_with_its_own_code(work: Path) -> None:
    given = {"model": HOSTILE, "data": "images.npz", "url": "http://127.0.0.1:9", "api-key": "scot_x"}
    runner = Runner(work, {**given, "policy": policy(work, Verdict.USED)})
    assert runner.run() == 4
    assert runner.output("outcome") == "none"


def test_the_action_tells_nothing_of_an_earlier_run(work: Path) -> None:
    """A runner of one's own keeps its folder: what passed there yesterday has not passed today."""
    given = {"model": HOSTILE, "data": "images.npz", "url": "http://127.0.0.1:9", "api-key": "scot_x"}
    (work / "scotoma-audit").mkdir()
    for name in ("policy.json", "policy.xml", "policy.sarif", "model-card.md"):
        (work / "scotoma-audit" / name).write_text('{"outcome": "pass", "audit": "aud_yesterday"}')
    runner = Runner(work, {**given, "policy": policy(work, Verdict.USED)})
    assert runner.run() == 4
    assert (runner.output("outcome"), runner.output("audit")) == ("none", "")
    assert not list((work / "scotoma-audit").iterdir())


def test_the_action_never_removes_the_policy(work: Path) -> None:
    given = {"model": HOSTILE, "data": "images.npz", "url": "http://127.0.0.1:9", "api-key": "scot_x"}
    written = policy(work, Verdict.USED)
    assert Runner(work, {**given, "policy": written, "output": "."}).run() == 3
    assert (work / written).exists()


@pytest.mark.parametrize(("verdict", "outcome", "code"), CASES)
def test_the_gitlab_job_gates_and_keeps_the_files(
    api: Api, work: Path, verdict: Verdict, outcome: str, code: int
) -> None:
    job = yaml.safe_load(TEMPLATE.read_text())[".scotoma-audit"]
    own = {
        "SCOTOMA_MODEL": HOSTILE,
        "SCOTOMA_DATA": "images.npz",
        "SCOTOMA_POLICY": policy(work, verdict),
        "SCOTOMA_OPTIONS": "--seed 3 --no-symmetry",
        "SCOTOMA_URL": api.url,
        "SCOTOMA_API_KEY": api.key(),
        "PATH": f"{work / 'bin'}:{os.environ['PATH']}",
    }
    script = "\n".join([*job["before_script"], *job["script"]])
    done = subprocess.run(
        ["sh", "-e", "-c", script], cwd=work, env={**os.environ, **job["variables"], **own}, check=False
    )
    assert done.returncode == code
    junit = work / job["artifacts"]["reports"]["junit"].replace("$SCOTOMA_OUTPUT", "scotoma-audit")
    assert "<testsuites" in junit.read_text()
    assert json.loads((work / "scotoma-audit/policy.json").read_text())["outcome"] == outcome
    assert "allow_failure" not in job
    assert not list(work.glob("gotcha*"))
