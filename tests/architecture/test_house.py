"""Promises of the folder itself: versions agree, no machine's paths, one place that commits."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from schemas import __version__

ROOT = Path(__file__).parents[2]


def tracked() -> list[Path]:
    """Every text file that git tracks."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    return [
        ROOT / name for name in listed if name and Path(name).suffix in {".py", ".md", ".toml", ".yaml", ".txt", ".j2"}
    ]


def test_changelog_speaks_of_this_version() -> None:
    top = re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert top is not None
    assert top.group(1) == __version__


def test_no_file_names_a_machine() -> None:
    telltale = re.compile("/" + "work/|/" + "root/|" + "pypi-" + "more")
    assert not [path for path in tracked() if path.exists() and telltale.search(path.read_text())]


def test_only_the_boundary_commits() -> None:
    commits = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "services").rglob("*.py")
        if re.search(r"\.commit\(\)", path.read_text())
    ]
    assert commits in ([], ["services/db/engine.py"])
