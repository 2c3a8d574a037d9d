"""The wheel ``scotoma`` in an empty environment: light, complete, and able to talk to a running service."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.db.engine import make_session_factory, transaction
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, served_by_process
from tests.builders.rows import add_audit

QUIET = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
FOREIGN = ("torch", "ray", "numpy", "boto3", "sqlalchemy", "fastapi", "schemas", "services", "workers")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, repository_root: Path) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(repository_root),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (made,) = folder.glob("scotoma-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of an environment that holds the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "-q", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True, env={**os.environ, **QUIET})
    return folder / "bin"


def run(program: Path, *arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run outside of the checkout: nothing of it may be found by chance."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder), **environ}
    return subprocess.run(
        [str(program), *arguments], capture_output=True, text=True, env=clean, cwd=folder, check=False
    )


def test_the_wheel_holds_the_client_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"scotoma"}
    assert {"scotoma/py.typed", "scotoma/client/cli.py", "scotoma/results.py"} <= set(names)


def test_it_is_light_and_talks_to_a_service(
    installed: Path, tmp_path: Path, settings: Settings, engine: Engine, store: S3BlobStore
) -> None:
    version = run(installed / "scotoma", "--version", folder=tmp_path)
    assert (version.returncode, version.stdout.startswith("scotoma ")) == (0, True), version.stderr
    found = f"import importlib.util as u; print([name for name in {FOREIGN} if u.find_spec(name)])"
    assert run(installed / "python", "-c", found, folder=tmp_path).stdout.strip() == "[]"
    with served_by_process(settings) as url:
        api = Api(url, make_session_factory(engine), store, settings)
        with transaction(api.factory) as session:
            audit = add_audit(session, name="from the wheel")
        environ = {"SCOTOMA_URL": url, "SCOTOMA_API_KEY": api.key()}
        listed = run(installed / "scotoma", "audit", "list", folder=tmp_path, **environ)
        assert listed.returncode == 0, listed.stderr
        assert audit in listed.stdout
        code = "from scotoma.client import Client; print(Client().audit(next(Client().audits()).id).name)"
        assert run(installed / "python", "-c", code, folder=tmp_path, **environ).stdout.strip() == "from the wheel"
