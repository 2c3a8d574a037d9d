"""Each image installs extras of pyproject.toml: everything that its code imports must come with them."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.builders.charts import ROOT

OURS = {"schemas", "services", "workers", "__future__"}
API = [path for path in (ROOT / "services").iterdir() if path.name not in {"dispatch", "embedded", "cli"}]
IMAGES = {
    "api": [*API, ROOT / "services/cli/install.py", ROOT / "schemas"],
    "server,worker": [ROOT / "services", ROOT / "workers", ROOT / "schemas"],
}
BROUGHT_BY_RAY = {"psutil"}
"""Ray carries its own copy and puts it on the path; services.cli imports Ray first."""


def imported(places: Iterable[Path]) -> set[str]:
    """Top-level names that the sources import, wherever the statement stands; not the interpreter's own."""
    files = [file for place in places for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]
    names: set[str] = set()
    for node in (node for file in files if file.suffix == ".py" for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names - OURS - sys.stdlib_module_names


@cache
def project() -> dict[str, list[str]]:
    read = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {"": read["dependencies"], **read["optional-dependencies"]}


def installed_by(extras: str) -> set[str]:
    """Distributions that ``pip install .[extras]`` brings, with what they need in turn."""
    found: set[str] = set()
    waiting = [Requirement(line) for extra in ("", *extras.split(",")) for line in project()[extra]]
    while waiting:
        one = waiting.pop()
        if one.name == "scotoma":
            waiting += [Requirement(line) for extra in one.extras for line in project()[extra]]
        elif (key := canonicalize_name(one.name)) not in found:
            found.add(key)
            waiting += _needs(one)
    return found


def _needs(one: Requirement) -> list[Requirement]:
    try:
        lines = [Requirement(line) for line in requires(one.name) or []]
    except PackageNotFoundError:
        return []
    chosen = [{"extra": extra} for extra in ("", *one.extras)]
    return [
        line
        for line in lines
        if line.marker is None or any(line.marker.evaluate(environment) for environment in chosen)
    ]


@pytest.mark.parametrize("extras", IMAGES)
def test_what_the_code_imports_is_installed(extras: str) -> None:
    owners = packages_distributions()
    present = installed_by(extras)
    missing = {
        name
        for name in imported(IMAGES[extras]) - BROUGHT_BY_RAY
        if not {canonicalize_name(owner) for owner in owners.get(name, [])} & present
    }
    assert not missing


def test_the_api_image_is_light() -> None:
    assert not {"ray", "torch", "onnx", "onnxruntime", "numpy", "scipy", "scikit-learn"} & installed_by("api")


def test_ray_brings_psutil() -> None:
    import ray

    assert (Path(ray.__file__).parent / "thirdparty_files/psutil").is_dir()
