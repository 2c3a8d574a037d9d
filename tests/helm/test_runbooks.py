"""Runbooks name commands, resources, values and alerts that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main
import yaml

from schemas.client.cli import app as client
from services.cli.__main__ import app as operators
from services.cli.install import app as install
from tests.builders.chart_toggles import TOGGLES
from tests.builders.charts import BUNDLED, CHART, EVERYTHING, EXTERNAL, ROOT, manifests, merged, pod_templates

BOOKS = sorted((ROOT / "deploy/runbooks").glob("*.md"))
PROGRAMS = {"services.cli": operators, "services.cli.install": install}
VALUE = re.compile(
    r"`?\b((?:api|dispatcher|ray|settings|postgresql|migration|s3|networkPolicy|monitoring|database)\.[A-Za-z.]+)"
)


def text(path: Path) -> str:
    return path.read_text()


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.name)
class TestRunbooks:
    def test_our_commands_exist(self, path: Path) -> None:
        for module, command in re.findall(r"python -m (services[\w.]*) (\w+)", text(path)):
            assert command in typer.main.get_group(PROGRAMS[module]).commands
        for group, command in re.findall(r"\bscotoma (audit|report|project|key) (\w+)", text(path)):
            (found,) = [one for one in client.registered_groups if one.name == group]
            assert found.typer_instance is not None
            assert command in typer.main.get_group(found.typer_instance).commands

    def test_named_resources_are_made_by_the_chart(self, path: Path) -> None:
        """A release called ``scotoma`` names them so."""
        documents = manifests(merged(BUNDLED, EVERYTHING)) + manifests(EXTERNAL)
        made = {document["metadata"]["name"].replace("rel-scotoma", "scotoma") for document in documents}
        named = re.findall(r"\b(?:deploy|job|svc)/(scotoma[\w-]*)|raycluster (scotoma[\w-]*)", text(path))
        assert {name for pair in named for name in pair if name} <= made

    def test_labels_are_those_of_pods(self, path: Path) -> None:
        templates = [template for _, template in pod_templates(manifests(merged(BUNDLED, EVERYTHING)))]
        labels = {pair for template in templates for pair in template["metadata"]["labels"].items()}
        for wanted in re.findall(r"-l (\S+)", text(path)):
            assert {tuple(one.split("=")) for one in wanted.rstrip("`").split(",")} <= labels

    def test_values_exist(self, path: Path) -> None:
        known = {toggle.path for toggle in TOGGLES}
        for value in VALUE.findall(text(path)):
            name = value.rstrip(".")
            if not name.endswith((".md", ".txt", ".Dockerfile")):
                assert name in known, name

    def test_links_and_files_lead_somewhere(self, path: Path) -> None:
        for link in re.findall(r"\]\(([^)]+)\)", text(path)):
            assert (path.parent / link).is_file(), link
        for file in re.findall(r"\b(?:deploy|helm)/[\w./-]+\.(?:md|Dockerfile|yaml)\b", text(path)):
            assert (ROOT / file).is_file(), file

    def test_it_is_short(self, path: Path) -> None:
        assert len(text(path).splitlines()) <= 60


def test_every_alert_is_explained_where_it_points() -> None:
    for alert in yaml.safe_load(text(CHART / "files/alerts.yaml")):
        assert alert["alert"] in text(ROOT / alert["runbook"])


def test_the_list_is_complete() -> None:
    listed = set(re.findall(r"\]\(([^)]+)\)", text(ROOT / "deploy/runbooks/README.md")))
    assert listed | {"README.md"} == {path.name for path in BOOKS}
