"""What can be said about images and the compose file without building them: parsed, not grepped where it matters."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders.charts import ROOT

IMAGES = sorted((ROOT / "deploy/images").glob("*.Dockerfile"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def instructions(path: Path) -> list[tuple[str, str]]:
    """Instructions of a Dockerfile with their arguments; comments gone, continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split()[0].upper(), line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def pinned(image: str) -> bool:
    """Whether a name says which version it means."""
    _, colon, tag = image.rpartition(":")
    return bool(colon) and bool(re.match(r"\d", tag))


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.name)
class TestDockerfiles:
    def test_ends_as_a_numeric_user(self, path: Path) -> None:
        found = instructions(path)
        last = max(index for index, (word, _) in enumerate(found) if word == "FROM")
        users = [(index, argument) for index, (word, argument) in enumerate(found) if word == "USER"]
        assert [argument for _, argument in users] == ["10001:10001"]
        assert users[0][0] > last
        assert not any(word in {"RUN", "COPY"} for word, _ in found[users[0][0] :])

    def test_copies_and_never_adds(self, path: Path) -> None:
        words = {word for word, _ in instructions(path)}
        known = {"ARG", "FROM", "ENV", "WORKDIR", "RUN", "COPY", "USER", "EXPOSE", "ENTRYPOINT", "CMD"}
        assert words <= known, "no ADD; probes are Kubernetes', not HEALTHCHECK's"

    def test_the_base_is_pinned(self, path: Path) -> None:
        arguments = dict(a.split("=", 1) for word, a in instructions(path) if word == "ARG" and "=" in a)
        bases = [argument.split(" AS ")[0] for word, argument in instructions(path) if word == "FROM"]
        assert bases == ["${PYTHON}", "${PYTHON}"]
        assert pinned(arguments["PYTHON"])

    def test_every_package_is_pinned(self, path: Path) -> None:
        installs = [argument for word, argument in instructions(path) if word == "RUN" and "pip install" in argument]
        assert installs
        for command in installs:
            assert "-c constraints.txt" in command or "torch" in command.lower()
        torch = re.search(r"torch==\S+", path.read_text())
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        assert path.name.startswith("api") or (torch is not None and torch.group() in project["science"])

    def test_the_extras_exist(self, path: Path) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        (extras,) = re.findall(r'"\.\[([\w,-]+)\]"', path.read_text())
        assert set(extras.split(",")) <= set(project)

    def test_what_is_copied_exists_and_passes_the_ignore_file(self, path: Path) -> None:
        let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
        for word, argument in instructions(path):
            if word == "COPY" and "--from" not in argument:
                for source in argument.split()[:-1]:
                    assert (ROOT / source).exists(), source
                    assert source in let_in, source

    def test_no_secret_is_baked_in(self, path: Path) -> None:
        assert not re.search("PASSWORD|SECRET|API_KEY", path.read_text())

    def test_the_command_is_a_module(self, path: Path) -> None:
        (command,) = [yaml.safe_load(argument) for word, argument in instructions(path) if word == "CMD"]
        assert command[:2] == ["python", "-m"]
        module = ROOT / command[2].replace(".", "/")
        assert (module / "__main__.py").is_file()


def test_there_are_three_images() -> None:
    assert [path.name for path in IMAGES] == ["api.Dockerfile", "worker-cuda.Dockerfile", "worker.Dockerfile"]


def test_the_ignore_file_keeps_everything_else_out() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"


def test_the_api_image_has_all_that_the_api_needs() -> None:
    """In a process that can import neither Ray nor torch nor the workers: the image has none of them."""
    blocked = ("ray", "torch", "workers", "onnx", "onnxruntime", "numpy", "scipy", "sklearn")
    code = (
        "import sys\n"
        f"for name in {blocked!r}: sys.modules[name] = None\n"
        "import services.api.__main__, services.cli.install, services.reports.render\n"
        "from services.api.app import openapi_document\n"
        "assert len(openapi_document()) > 1000"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_gpu_image_has_one_onnx_runtime() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    cuda = project["worker-cuda"] + project["science"] + project["server"] + project["api"]
    assert [one for one in cuda if one.startswith("onnxruntime")] == ["onnxruntime-gpu>=1.31"]
    pins = dict(
        line.split("==")
        for line in (ROOT / "deploy/constraints.txt").read_text().splitlines()
        if line.startswith("onnxruntime")
    )
    assert pins["onnxruntime"] == pins["onnxruntime-gpu"]


def test_compose_publishes_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert sorted(published) == ["127.0.0.1:8000:8000", "127.0.0.1:8333:8333"]
    assert not any("network_mode" in service or "privileged" in service for service in SERVICES.values())


def test_compose_confines_every_service() -> None:
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_compose_images_are_pinned_and_built_here_or_public() -> None:
    from schemas import __version__

    for name, service in SERVICES.items():
        assert pinned(service["image"]), name
        if "build" in service:
            assert service["image"].endswith(f":{__version__}"), name
            assert (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).is_file(), name


def test_compose_holds_no_secret() -> None:
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|SIGNING", key):
                assert str(value).startswith("${"), key
    url = COMPOSE["x-settings"]["SCOTOMA_DATABASE_URL"]
    assert re.match(r"postgresql://scotoma:\$\{SCOTOMA_DB_PASSWORD:\?", url)


def test_compose_settings_are_settings() -> None:
    from services.settings import load_settings

    key = base64.b64encode(bytes(32)).decode()
    given = {name: re.sub(r"\$\{[^}]*\}", key, value) for name, value in COMPOSE["x-settings"].items()}
    settings = load_settings(given)
    assert settings.ray_address == ""
    assert settings.s3_public_endpoint.startswith("http://127.0.0.1:")


def test_compose_waits_for_what_exists() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"]
