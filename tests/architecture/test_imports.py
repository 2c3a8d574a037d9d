"""The direction services -> workers -> schemas, and the names of the three roots."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOTS = ("services", "workers", "schemas")
BANNED = {"utils", "helpers", "common", "manager", "misc", "base"}


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a fresh interpreter from the repository's root."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_import_contracts_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", ["services.api.app", "services.reports.render", "schemas.client.cli"])
def test_process_never_loads_the_science(module: str) -> None:
    done = run_python(
        f"import sys, {module}\n"
        "heavy = {'torch', 'ray', 'onnxruntime', 'onnx', 'sklearn', 'workers'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    assert done.returncode == 0, done.stderr


def test_numerics_load_no_service_library() -> None:
    done = run_python(
        "import sys, workers.flows.inn, workers.vae, workers.autoencoder, workers.oracles, workers.evidence.verdicts\n"
        "service = {'ray', 'pydantic', 'boto3', 'sqlalchemy', 'fastapi', 'onnxruntime', 'onnx', 'schemas'}\n"
        "heavy = service & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    assert done.returncode == 0, done.stderr


def test_roots_are_never_installed() -> None:
    claimed = importlib.metadata.packages_distributions()
    assert not {root: claimed[root] for root in ROOTS if root in claimed}


def test_no_module_is_named_after_nothing() -> None:
    modules = [path for root in ROOTS for path in (ROOT / root).rglob("*.py")]
    assert modules
    assert not [path for path in modules if path.stem in BANNED or path.parent.name in BANNED]


def test_schemas_import_relatively() -> None:
    """The wheel renames the folder, so an absolute import of ours would break it."""
    absolute = re.compile(r"^\s*(from|import) (schemas|services|workers)\b", re.MULTILINE)
    assert not [path for path in (ROOT / "schemas").rglob("*.py") if absolute.search(path.read_text())]
