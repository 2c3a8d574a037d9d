"""Airflow, Prefect and KFP run ``deploy/pipelines`` against the API, each in its environment (``make`` builds it)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from schemas.results import Verdict
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import ROOT, Api, api_in_thread
from tests.builders.instant_dispatcher import dispatching
from tests.builders.results import FEATURES

TOOLS = ROOT / ".venv/tools"
PIPELINES = ROOT / "deploy/pipelines"
DRIVERS = ROOT / "tests/tools"
PREFECT = {
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}
CASES = [(Verdict.IGNORED, "pass"), (Verdict.USED, "fail")]


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings, engine, store) as api, dispatching(api):
        yield api


@pytest.fixture
def case(tmp_path: Path) -> dict[str, Any]:
    """Files of one audit."""
    model, data = tmp_path / "model.onnx", tmp_path / "images.npz"
    model.write_bytes(os.urandom(99))
    data.write_bytes(os.urandom(99))
    return {"model": str(model), "data": str(data), "policy": str(tmp_path / "policy.json")}


def write_policy(case: dict[str, Any], verdict: Verdict) -> None:
    feature = next(name for name, told in FEATURES.items() if told is verdict)
    text = json.dumps({"version": 1, "name": "release", "rules": [{"must_ignore": feature}]})
    Path(case["policy"]).write_text(text)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    words = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return folder


class Tool:
    """The environment of one orchestrator, with the client under its published name."""

    def __init__(self, name: str, folder: Path, api: Api, **environ: str) -> None:
        self.name, self.folder = name, folder
        (folder / "site").mkdir()
        (folder / "site/scotoma").symlink_to(ROOT / "schemas")
        self.environ = {
            "PATH": f"{TOOLS / name / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": f"{folder / 'site'}:{PIPELINES / name}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(folder),
            "SCOTOMA_URL": api.url,
            "SCOTOMA_API_KEY": api.key(),
            **environ,
        }

    def run(self, *words: str, **environ: str) -> str:
        """A program of the environment; what it wrote to stdout."""
        words = (str(TOOLS / self.name / "bin" / words[0]), *words[1:])
        done = subprocess.run(
            words, cwd=self.folder, env={**self.environ, **environ}, capture_output=True, text=True, check=False
        )
        print(done.stdout, done.stderr)  # pytest shows it with a failure
        assert done.returncode == 0
        return done.stdout

    def told(self, case: dict[str, Any], driver: Path | None = None) -> dict[str, Any]:
        """What the driver found in the end."""
        out = self.run("python", str(driver or DRIVERS / f"{self.name}_drive.py"), SCOTOMA_CASE=json.dumps(case))
        (line,) = [line for line in out.splitlines() if line.startswith("TOLD ")]
        found: dict[str, Any] = json.loads(line.removeprefix("TOLD "))
        return found


def audits(api: Api) -> list[dict[str, Any]]:
    with api.http() as http:
        found: list[dict[str, Any]] = http.get("/v1/audits").json()["items"]
    return found


def test_airflow_gates_with_and_without_the_triggerer(api: Api, tmp_path: Path, case: dict[str, Any]) -> None:
    home = tmp_path / "airflow"
    (home / "dags").mkdir(parents=True)
    dag = Path(shutil.copy(DRIVERS / "airflow_drive.py", home / "dags"))
    connection = json.dumps({"conn_type": "scotoma", "host": api.url, "password": api.key()})
    tool = Tool(
        "airflow",
        tmp_path,
        api,
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW_CONN_SCOTOMA_DEFAULT=connection,
    )
    tool.run("airflow", "db", "migrate")
    tool.run("airflow", "dags", "reserialize", SCOTOMA_CASE=json.dumps(case))
    for (verdict, outcome), deferrable in zip(CASES, (True, False), strict=True):
        write_policy(case, verdict)
        found = tool.told({**case, "folder": str(tmp_path / outcome), "deferrable": deferrable}, dag)
        assert found["state"] == ("success" if outcome == "pass" else "failed")
        assert (tmp_path / outcome / "report.html").read_text().startswith("<!")
        if outcome == "pass":
            assert found["told"]["outcome"] == "pass"
            assert found["told"]["audit"] == audits(api)[0]["id"]
    assert len(audits(api)) == 2


@pytest.mark.parametrize(("answers", "state"), [([408, 429, 503, 200], "succeeded"), ([429, 404], "failed")])
def test_airflow_asks_a_busy_service_again(api: Api, tmp_path: Path, answers: list[int], state: str) -> None:
    """A rate limit is about the moment: an audit that goes on has not failed."""
    tool = Tool("airflow", tmp_path, api, AIRFLOW_HOME=str(tmp_path / "airflow"))
    assert tool.told({"answers": answers}, DRIVERS / "airflow_trigger_drive.py")["state"] == state


MISSPELT = {
    "prefect": "audit_model.fn(ScotomaService(url='http://127.0.0.1:9', api_key='x'), 'm', 'd', inconclusive='Fail')",
    "kfp": "scotoma_audit.python_func(None, None, None, None, None, inconclusive='Fail')",
}


@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_answer_to_the_undecided_passes_nothing(api: Api, tmp_path: Path, name: str) -> None:
    tool = Tool(name, tmp_path, api, **(PREFECT if name == "prefect" else {}))
    lines = [f"from scotoma_{name} import *", "try:", f"    {MISSPELT[name]}",
             "except (ValueError, SystemExit) as error:", "    print(error)"]  # fmt: skip
    assert "inconclusive is 'fail' or 'pass'" in tool.run("python", "-c", "\n".join(lines))


@pytest.mark.parametrize(("verdict", "outcome"), CASES)
def test_prefect_gates(api: Api, tmp_path: Path, case: dict[str, Any], verdict: Verdict, outcome: str) -> None:
    tool = Tool("prefect", tmp_path, api, **PREFECT, PREFECT_HOME=str(tmp_path / "prefect"))
    write_policy(case, verdict)
    found = tool.told({**case, "folder": str(tmp_path / "out")})
    assert found["state"] == ("success" if outcome == "pass" else "failed")
    assert (found["told"]["outcome"], found["told"]["audit"]) == (outcome, audits(api)[0]["id"])
    assert {file.suffix for file in (tmp_path / "out").iterdir()} >= {".html", ".json", ".xml", ".md"}


@pytest.mark.parametrize(("verdict", "outcome"), CASES)
def test_kfp_gates(api: Api, tmp_path: Path, case: dict[str, Any], wheel: Path, verdict: Verdict, outcome: str) -> None:
    """The component installs the client itself, as it does in its pod: from the wheel of this tree."""
    pip = {"PIP_FIND_LINKS": str(wheel), "PIP_NO_DEPS": "1", "PIP_TARGET": str(tmp_path / "site")}
    tool = Tool("kfp", tmp_path, api, **pip)
    (tmp_path / "site/scotoma").unlink()
    write_policy(case, verdict)
    found = tool.told(case)
    assert found == ({"state": "success", "told": "pass"} if outcome == "pass" else {"state": "failed", "told": None})
    assert "schemaTitle: system.HTML" in (tmp_path / "component.yaml").read_text()
    (report,) = (tmp_path / "outputs").rglob("report")
    assert report.read_text().startswith("<!")
    assert len(audits(api)) == 1
